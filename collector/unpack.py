"""From protobuf to what the collector keeps: the only file that knows both sides.

A report is checked here before anything else touches it. What is wrong in one field costs that field;
the rest of the report is kept, and `refused` says what was left out and why.
"""

import hashlib
import json
import math
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from protos import body as bodies
from protos import intake_pb2 as wire
from protos.catalogue import BY_NAME
from protos.report_pb2 import Item, OutcomeKind, PatchState, Report, Section

BODY_LIMIT: Final = 1_000_000  # bytes of one report
LIMITS: Final = {"outcomes": 100, "readings": 5_000, "sections": 64, "gaps": 100}
ITEMS_LIMIT: Final = 60_000  # in one report; longer sections come in parts
FACTS_LIMIT: Final = 64
_FUTURE = timedelta(minutes=5)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

Row = tuple[str, str, float, str]  # metric, component, last, label

OUTCOMES: Final = {
    OutcomeKind.OK: "ok",
    OutcomeKind.UNAVAILABLE: "unavailable",
    OutcomeKind.FAILED: "failed",
    OutcomeKind.TIMED_OUT: "timed_out",
    OutcomeKind.BUSY: "busy",
}
PATCH_STATES: Final = {PatchState.COMPLIANT: "compliant", PatchState.MISSING: "missing"}


class Refused(Exception):
    """A report that will never be taken; `refusal` is the word for the device, the text is for people."""

    def __init__(self, refusal: "wire.Refusal", text: str) -> None:
        super().__init__(text)
        self.refusal = refusal


@dataclass(slots=True)
class Unpacked:
    report: Report
    collected_at: datetime
    refused: list[str] = field(default_factory=list)  # one sentence a field
    rows: dict[str, list[Row]] = field(default_factory=dict)  # the newest values, by the probe that read them


def content_hash(body: bytes) -> int:
    """First 8 bytes of SHA-256, as a signed number (what a BIGINT column can hold)."""
    return int.from_bytes(hashlib.sha256(body).digest()[:8], "big", signed=True)


def signed(unsigned: int) -> int:
    """A fixed64 of the wire as the store keeps it."""
    return unsigned - (1 << 64) if unsigned >= 1 << 63 else unsigned


def unsigned(number: int) -> int:
    """The other way."""
    return number + (1 << 64) if number < 0 else number


def unpack(body: bytes, received_at: datetime) -> Unpacked:
    """Parse and check one report. Raises Refused when nothing of it can be kept."""
    report = Report()
    try:
        report.ParseFromString(bodies.inflate(body, BODY_LIMIT))
    except bodies.TooLong:
        raise Refused(wire.TOO_BIG, f"a report of more than {BODY_LIMIT} bytes") from None
    except (bodies.NotABody, DecodeError):
        raise Refused(wire.NOT_A_REPORT, "the bytes are not a report") from None
    _check_counts(report)
    unpacked = Unpacked(report, received_at)
    _check_time(unpacked, received_at)
    _check_readings(unpacked)
    _check_sections(unpacked)
    _check_texts(unpacked)
    return unpacked


def _check_counts(report: Report) -> None:
    # Counted before an object is touched: a megabyte can hold half a million empty messages.
    for name, limit in LIMITS.items():
        count = len(getattr(report, name))
        if count > limit:
            raise Refused(wire.TOO_MANY, f"{count} {name} in one report, at most {limit} are taken")
    items = sum(len(section.items) for section in report.sections)
    if items > ITEMS_LIMIT:
        raise Refused(
            wire.TOO_MANY, f"{items} inventory items in one report, at most {ITEMS_LIMIT} are taken"
        )


def moment(stamp: Timestamp) -> datetime | None:
    """A protobuf time as aware UTC; None for none, for 1970 and for what no calendar holds."""
    if not stamp.seconds:
        return None
    try:
        return datetime.fromtimestamp(stamp.seconds + stamp.nanos / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _check_time(unpacked: Unpacked, received_at: datetime) -> None:
    stamp = moment(unpacked.report.collected_at)
    if stamp is None or stamp < _EARLIEST:
        unpacked.refused.append("collected_at: no usable time, taken as the time of arrival")
    elif stamp > received_at + _FUTURE:
        unpacked.refused.append("collected_at: lies in the future, taken as the time of arrival")
    else:
        unpacked.collected_at = min(stamp, received_at)


def _check_readings(unpacked: Unpacked) -> None:
    report = unpacked.report
    rows = unpacked.rows
    bad: list[int] = []
    for index, row in enumerate(report.readings):
        last = row.last
        # A finite number minus itself is 0; of NaN and infinity it is NaN. No call, and this runs for each reading.
        finite = last - last == 0.0
        if row.samples > 1:
            finite = finite and math.isfinite(row.min + row.mean + row.max)
        metric, component, label = row.metric, row.component, row.label
        if not finite:
            unpacked.refused.append(f"{printable(metric, 64)}: not a finite number")
        elif metric not in BY_NAME and not (metric.isidentifier() and len(metric) <= 80):
            unpacked.refused.append(f"{printable(metric, 64)!r}: no metric name")
        elif component and not (component.isprintable() and len(component) <= 255):
            unpacked.refused.append(
                f"{metric}: component {component[:64]!a} holds control characters or is too long"
            )
        elif not row.HasField("last"):
            unpacked.refused.append(f"{metric}: no value")
        else:
            if label and not (label.isprintable() and len(label) <= 255):
                unpacked.refused.append(
                    f"{metric}: label {label[:64]!a} holds control characters or is too long"
                )
                row.label = label = printable(label, 255)
            known = BY_NAME.get(metric)
            rows.setdefault(known.probe if known else "other", []).append((metric, component, last, label))
            continue
        bad.append(index)
    for index in reversed(bad):
        del report.readings[index]


def _check_sections(unpacked: Unpacked) -> None:
    report = unpacked.report
    bad: list[int] = []
    for index, section in enumerate(report.sections):
        if not (section.name.isidentifier() and len(section.name) <= 32):
            unpacked.refused.append(f"section {section.name[:32]!a}: not a section name")
            bad.append(index)
        elif section.parts > 1000 or (section.parts and section.part >= section.parts):
            unpacked.refused.append(f"section {section.name}: part {section.part} of {section.parts}")
            bad.append(index)
    for index in reversed(bad):
        del report.sections[index]


def _check_texts(unpacked: Unpacked) -> None:
    report = unpacked.report
    for name, limit in (("host_name", 255), ("boot_id", 64), ("agent_version", 64), ("build", 64)):
        text = getattr(report, name)
        if not text.isprintable() or len(text) > limit:
            unpacked.refused.append(f"{name}: control characters or too long")
            setattr(report, name, printable(text, limit))
    for outcome in report.outcomes:
        if not outcome.reason.isprintable() or len(outcome.reason) > 500:
            outcome.reason = printable(outcome.reason, 500)
        if not outcome.probe.isidentifier() or len(outcome.probe) > 32:
            unpacked.refused.append(f"outcome of {outcome.probe[:32]!a}: not a probe name")
            outcome.probe = ""
        if not math.isfinite(outcome.took_seconds):
            outcome.took_seconds = 0.0
    if not math.isfinite(report.uptime_seconds):
        unpacked.refused.append("uptime_seconds: not a finite number")
        report.ClearField("uptime_seconds")
    if report.HasField("patches"):  # touching an absent message would make it present
        report.patches.reason = printable(report.patches.reason, 500)
        report.patches.method = printable(report.patches.method, 32)


def printable(text: str, limit: int) -> str:
    """Without control, direction and surrogate characters, at most `limit` long.

    NUL would be refused by PostgreSQL, U+202E turns a line around, ESC colours a log.
    """
    if text.isprintable() and len(text) <= limit:
        return text
    return "".join(c for c in text[: 4 * limit] if c.isprintable())[:limit]


def items_of(section: Section) -> dict[str, dict[str, str]]:
    """{key: {fact: text}} of a section, each text made printable."""
    return {printable(item.key, 255): _facts(item) for item in section.items}


def _facts(item: Item) -> dict[str, str]:
    # repr would be simpler and hide what the device sent; a fact that cannot be shown is cut, not guessed.
    facts = dict(item.facts)
    if len(facts) > FACTS_LIMIT:
        facts = dict(list(facts.items())[:FACTS_LIMIT])
    return {printable(name, 64): printable(text, 1000) for name, text in facts.items()}


def pack_items(items: dict[str, dict[str, str]]) -> bytes:
    """For a LargeBinary column."""
    return zlib.compress(json.dumps(items, ensure_ascii=False, sort_keys=True).encode(), 6)


def unpack_items(packed: bytes) -> dict[str, dict[str, str]]:
    """The other way."""
    items: dict[str, dict[str, str]] = json.loads(zlib.decompress(packed))
    return items
