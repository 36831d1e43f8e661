"""When a backup last succeeded, as far as this device can show it. No backup is run, no repository is opened.

Source: Linux: what restic, borg, borgmatic, duplicity (Déjà Dup), snapper and timeshift leave behind, and how their systemd services ended; Windows: File History's ProtectedUpToTime of each signed-in user, events of wbadmin, shadow copies.
Rights: Linux: root, to look into homes; Windows: administrator.
Cost: 50 ms: directories are listed, small files read.
Unavailable: nothing of it can be looked at. That no backup was ever seen is an answer: an item with seen=false.

A snapshot (snapper, timeshift, shadow copies) lies on the disk it was taken of: it helps against a mistake, not against
a dead disk, so it has a number of its own. Proofs differ in strength and are named: `run` is the end of a program that
succeeded, `record` what the program wrote after it succeeded (borg: when the repository was last written, which making
it and deleting from it are too), `cache` a copy of the newest snapshot's record, which is also renewed when somebody
lists the repository after the cache was emptied.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.probe import Place, Taken, item, reading
from protos.report_pb2 import Item, Reading

SECTION = "backup_evidence"
SNAPSHOTS = frozenset({"snapper", "timeshift", "shadow_copies"})
# A moment further ahead than clocks differ is no moment of a backup.
_AHEAD = timedelta(days=1)
_STRENGTH = ("run", "record", "cache")
_DUPLICITY = re.compile(
    r"duplicity-(?:full|inc\.\d{8}T\d{6}Z\.to)\.(\d{8}T\d{6}Z)\.manifest(?:\.gpg|\.gz)?", re.ASCII
)
# Names of services people and packages give; the part after @ may name a person and is not told.
_SERVICE = re.compile(r"(restic|borgmatic|borg|duplicity|duply)(?:[-_.@].*)?\.service", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One sign of one method; `at` is None where the method is set up and has nothing to show."""

    method: str
    at: datetime | None = None
    proof: str | None = None  # run record cache


def read(place: Place) -> Taken:
    now = datetime.now(UTC)
    if place.is_windows:
        from agent.probes import backup_evidence_windows

        found, remarks = backup_evidence_windows.find(place, now)
    else:
        from agent.probes import backup_evidence_linux

        found, remarks = backup_evidence_linux.find(place)
    return taken(found, now, "; ".join(remarks))


def taken(found: Iterable[Evidence], now: datetime, reason: str = "") -> Taken:
    """The newest sign of each method; of two as new the stronger."""
    best: dict[str, Evidence] = {}
    for one in found:
        if one.at is not None and one.at > now + _AHEAD:
            continue
        known = best.get(one.method)
        if known is None or _rank(one) > _rank(known):
            best[one.method] = one
    items: list[Item] = []
    readings: list[Reading] = []
    for method, one in sorted(best.items()):
        kind = "snapshot" if method in SNAPSHOTS else "backup"
        items.append(
            item(
                method,
                kind=kind,
                seen=one.at is not None,
                proof=one.proof if one.at else None,
                last_success_at=_iso(one.at),
            )
        )
        if one.at is not None:
            metric = (
                "snapshot_newest_age_seconds" if kind == "snapshot" else "backup_last_success_age_seconds"
            )
            readings.append(reading(metric, max(0.0, (now - one.at).total_seconds()), method, method))
    return Taken(readings=readings, sections={SECTION: items or [item("none", seen=False)]}, reason=reason)


def _rank(one: Evidence) -> tuple[datetime, int]:
    strength = _STRENGTH.index(one.proof) if one.proof in _STRENGTH else len(_STRENGTH)
    return one.at or datetime.min.replace(tzinfo=UTC), -strength


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def snapper_date(info: str) -> datetime | None:
    """The date in a snapshot's info.xml; snapper writes UTC. No XML reader: it is one line of a fixed form."""
    found = re.search(r"<date>\s*(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})\s*</date>", info, re.ASCII)
    return _moment(found[1], "%Y-%m-%d %H:%M:%S") if found else None


def timeshift_created(info: str) -> datetime | None:
    """`"created" : "1700000000"` of a snapshot's info.json."""
    found = re.search(r'"created"\s*:\s*"?(\d{1,11})"?', info, re.ASCII)
    return _unix(found[1]) if found else None


def borg_manifest(text: str) -> datetime | None:
    """`2024-01-02T03:04:05.000000`, in UTC: when the repository was last written, as this client knows."""
    found = re.match(r"\s*(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d+)?(?:\+00:00|Z)?\s*$", text, re.ASCII)
    return _moment(found[1], "%Y-%m-%dT%H:%M:%S") if found else None


def duplicity_manifest(name: str) -> datetime | None:
    """The moment in a manifest's file name, which is written when a backup is complete."""
    found = _DUPLICITY.fullmatch(name)
    return _moment(found[1], "%Y%m%dT%H%M%SZ") if found else None


def services(text: str) -> list[Evidence]:
    """`systemctl show --timestamp=unix` of several services: blocks of Name=value."""
    found = []
    for block in re.split(r"\n\s*\n", text):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        name = _SERVICE.fullmatch(fields.get("Id", ""))
        if name is None or fields.get("LoadState") != "loaded":
            continue
        ended = re.fullmatch(r"@(\d{1,11})", fields.get("ExecMainExitTimestamp", ""), re.ASCII)
        at = _unix(ended[1]) if ended else None
        if at and fields.get("Result") == "success" and fields.get("ExecMainStatus") == "0":
            found.append(Evidence(method=name[1], at=at, proof="run"))
        else:
            found.append(Evidence(method=name[1]))
    return found


def filetime(value: object) -> datetime | None:
    """100 ns since 1601, as a number or as the eight bytes of it; 0 is never."""
    if isinstance(value, bytes) and len(value) == 8:
        value = int.from_bytes(value, "little")
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        return None
    try:
        return datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=value // 10)
    except OverflowError:
        return None


def _moment(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None


def _unix(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(text), UTC) if int(text) else None
    except (ValueError, OverflowError, OSError):
        return None
