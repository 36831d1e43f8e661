"""What a brief says of one device: must somebody go, what is open and due, what is not known, its card."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.rooms.item import without_twins
from collector.store.devices import ASLEEP, ONLINE, SHUT_DOWN, SILENT
from collector.store.findings import Finding
from collector.tickets import parts
from console import format, words
from console.brief_known import Known, probe_of

AHEAD: Final = timedelta(days=60)
_LONG_AWAY: Final = timedelta(days=14)  # by then somebody should look whether it still stands there
# A tenth above where the rules battery_worn and disk_life speak: it is cheaper to take one along than to come again.
_BATTERY_AGES: Final = 0.70
_DRIVE_AGES: Final = 0.90
_LONGEST: Final = 220  # letters of one sentence on paper
# What is done at a keyboard. Of any other subject a finding does not tell whether hands are needed.
_KEYBOARD: Final = frozenset(
    ("patches", "reboot_pending", "operating_system", "filesystem", "services", "clock", "software", "security_state",
     "backup_evidence")
)  # fmt: skip

GO: Final = words.Mark("✕", "somebody must go", "bad")
NOT_KNOWN: Final = words.Mark("?", "not known", "unknown")
WAIT: Final = words.Mark("!", "from here, once it is up", "warn")
HERE: Final = words.Mark("✓", "try from here first", "good")
NOTHING: Final = words.Mark("–", "no visit needed", "quiet")
WORST_FIRST: Final = (GO, NOT_KNOWN, WAIT, HERE, NOTHING)


@dataclass(frozen=True, slots=True)
class Go:
    mark: words.Mark
    why: str
    presence: words.Mark
    online: str  # is it online now, in a sentence


@dataclass(frozen=True, slots=True)
class Disk:
    model: str
    serial: str
    slot: str
    like: str
    state: str
    bad: bool


@dataclass(frozen=True, slots=True)
class Card:
    rows: Sequence[tuple[str, str]]  # word and what is known; empty: not known
    disks: Sequence[Disk]


@dataclass(frozen=True, slots=True)
class Told:
    """One device on the page."""

    known: Known
    go: Go
    open: Sequence[Finding]
    due: Sequence[str]
    unknown: Sequence[str]
    is_old: bool

    @property
    def has_something(self) -> bool:
        return bool(self.open or self.known.tickets or self.due)

    @property
    def rank(self) -> tuple[int, bool, int, str]:
        critical = any(one.severity == "critical" for one in self.open)
        return WORST_FIRST.index(self.go.mark), not critical, -len(self.open), self.known.name.casefold()


def tell(one: Known, now: datetime) -> Told:
    reported = one.device.reported_at
    return Told(
        known=one,
        go=go(one, now),
        open=[finding for finding in one.findings if finding.kind != "forecast"],
        due=due(one, now),
        unknown=unknown(one, now),
        is_old=reported is None or now - reported > timedelta(hours=24),
    )


def short(text: str, longest: int = _LONGEST) -> str:
    clean = " ".join(text.split())
    return clean if len(clean) <= longest else f"{clean[: longest - 1].rstrip()}…"


def online(one: Known, now: datetime) -> tuple[words.Mark, str]:
    device = one.device
    mark = words.PRESENCE.get(device.presence, words.PRESENCE["unknown"])
    heard = f"heard of {format.ago(device.seen_at, now)}"
    if device.seen_at is None:
        return words.PRESENCE["unknown"], "It is enrolled and was never heard of."
    match device.presence:
        case state if state == ONLINE:
            if now - device.seen_at > format.FRESH_REPORT:
                return words.PRESENCE[
                    "unknown"
                ], f"It was online when last {heard}; whether it is now is not known."
            return mark, f"Online now, {heard}."
        case state if state == ASLEEP:
            return mark, f"Asleep, {heard}: nothing can be done from here until somebody wakes it."
        case state if state == SHUT_DOWN:
            return (
                mark,
                f"Shut down in order, {heard}: nothing can be done from here until somebody starts it.",
            )
        case state if state == SILENT:
            return mark, f"Silent, {heard}: it is off, cut off or broken; which of them is not known."
    return mark, f"Not known whether it is online, {heard}: the collector itself was away."


def go(one: Known, now: datetime) -> Go:
    """From what is open; a forecast waits for the next visit. Tocsin only reads: whether remote access works it cannot say."""
    presence, said = online(one, now)
    if one.device.revoked_at is not None:
        return Go(NOT_KNOWN, "It was revoked: nobody listens to it any more.", presence, "It was revoked.")
    findings = [finding for finding in one.findings if finding.kind != "forecast"]
    hands = [finding for finding in findings if finding.texts.get("bring") and not _is_silence(finding)]
    if hands:
        return Go(GO, f"Hands or a part are needed: {_names(hands)}.", presence, said)
    if not findings and not one.tickets:
        if format.is_stale(one.device.reported_at, now):
            age = format.ago(one.device.reported_at, now) if one.device.reported_at else ""
            why = f"the newest data is from {age}" if age else "it has never reported"
            return Go(NOT_KNOWN, f"Nothing is open, but {why}.", presence, said)
        if one.unread or one.device.unreadable_disks:
            return Go(
                NOT_KNOWN,
                "Nothing is wrong with what could be read; not everything could be.",
                presence,
                said,
            )
        return Go(NOTHING, "Nothing is open.", presence, said)
    if presence.word == words.PRESENCE["silent"].word or presence.tone == "unknown":
        return Go(
            NOT_KNOWN,
            "Have somebody there look whether it is on and connected before you drive.",
            presence,
            said,
        )
    unclear = [finding for finding in findings if probe_of(finding) not in _KEYBOARD]
    if unclear:
        return Go(
            NOT_KNOWN,
            f"What is open does not tell whether hands are needed: {_names(unclear)}.",
            presence,
            said,
        )
    if not findings:
        return Go(NOT_KNOWN, "Its ticket holds no open finding: read what was noted.", presence, said)
    keyboard = f"Keyboard work, no part: {_names(findings)}."
    if one.device.presence != ONLINE:
        return Go(WAIT, keyboard, presence, said)
    return Go(HERE, f"{keyboard} Whether remote access to it works, Tocsin does not know.", presence, said)


def _is_silence(finding: Finding) -> bool:
    return finding.kind == "silence" or finding.rule in ("device_silent", "room_silent")


def _names(findings: Sequence[Finding]) -> str:
    said = without_twins(short(finding.summary, 90) for finding in findings)
    return "; ".join(said[:2]) + (f"; and {len(said) - 2} more" if len(said) > 2 else "")


def due(one: Known, now: datetime) -> list[str]:
    """Within AHEAD, and not open already. Only what the store really holds."""
    rules = {finding.rule for finding in one.findings}
    about = {finding.component for finding in one.findings}
    found = [short(finding.summary) for finding in one.findings if finding.kind == "forecast"]
    if not any(rule.startswith("operating_system_") for rule in rules):
        found += [
            f"Support of its operating system ended {format.span(-number.value)} ago"
            if number.value < 0
            else f"Support of its operating system ends in {format.span(number.value)}"
            for number in one.values("operating_system_support_left_seconds")
            if number.value < AHEAD.total_seconds()
        ]
    if "restart_pending" not in rules and any(n.value >= 1 for n in one.values("reboot_pending_state")):
        found.append("A restart is pending")
    if one.device.patch_state == "missing" and "security_updates_missing" not in rules:
        found.append(short(f"Updates are missing: {one.device.patch_reason}" if one.device.patch_reason else "Updates are missing"))  # fmt: skip
    found += [
        f"Battery {short(number.label, 60)} holds {format.percent(number.value)} of what it did"
        for number in one.values("battery_health_ratio")
        if number.value < _BATTERY_AGES and number.component not in about
    ]
    found += [
        f"{short(number.label, 60)} has used {format.percent(number.value)} of its write life"
        for number in one.values("disk_life_used_ratio")
        if number.value >= _DRIVE_AGES and number.component not in about
    ]
    ends_at = one.certificate_ends_at
    if ends_at is not None and ends_at < now:
        found.append("Its certificate has ended: it must be enrolled again to report")
    elif ends_at is not None and ends_at - now < AHEAD and one.device.presence != ONLINE:
        # A device that is up renews it by itself.
        found.append(
            f"Its certificate ends in {format.span((ends_at - now).total_seconds())}: it must come online before"
        )
    seen_at = one.device.seen_at
    if one.device.presence == SILENT and not any(_is_silence(finding) for finding in one.findings):
        found.append("It is silent: look whether it is on and connected")
    if seen_at is not None and now - seen_at > _LONG_AWAY:
        found.append(f"Not heard of for {format.span((now - seen_at).total_seconds())}: find it")
    return without_twins(found)


def unknown(one: Known, now: datetime) -> list[str]:
    device = one.device
    if device.reported_at is None:
        return ["Everything: it has never reported"]
    found = []
    told = set()
    for key, facts in one.items("disks").items():
        if facts.get("readable") == "false":
            told.add(key)
            name = facts.get("model") or facts.get("device") or key
            why = facts.get("unreadable_reason", "")
            found.append(short(f"Health of disk {name}" + (f": {why}" if why else "")))
    found += [
        short(f"Health of disk {number.label}")
        for number in one.values("disk_readable_state")
        if number.value == 0 and number.component not in told
    ]
    for unread in one.unread:
        outcome = words.OUTCOME.get(unread.outcome, words.OUTCOME["unknown"]).word
        said = f"{words.plain(unread.probe)} ({outcome}, last read {format.ago(unread.ok_at, now)})"
        found.append(short(said + (f": {unread.reason}" if unread.reason else "")))
    if device.patch_state == "unknown" and not any(each.probe == "patches" for each in one.unread):
        found.append(
            short("Whether it is patched" + (f": {device.patch_reason}" if device.patch_reason else ""))
        )
    for section, said in (("disks", "Which disks it has"), ("memory_modules", "Which memory modules it has")):
        if not one.items(section):
            found.append(said)
    return without_twins(found)


def card(one: Known, warranty: Sequence[tuple[str, str]] = ()) -> Card:
    """`warranty`: rows of who pays for it."""
    device, system = one.device, next(iter(one.items("system").values()), {})
    os = next(iter(one.items("operating_system").values()), {})
    rows = [
        ("Machine", f"{device.maker} {device.model}".strip()),
        ("Serial", device.system_serial),
        ("Asset tag", device.asset_tag),
        ("Used by", device.used_by),
        *warranty,
        ("Stands in", ", ".join(text for text in (device.room, device.site or "") if text)),
        ("System", device.os_name),
        ("Supported until", os.get("support_until", "")),
        ("Memory", _memory(one, system)),
        ("Batteries", "; ".join(parts.identity(facts) or key for key, facts in one.items("batteries").items())),
        ("Address", ", ".join(text for text in (device.address, *(device.wired_macs or [])[:2]) if text)),
    ]  # fmt: skip
    if not one.items("batteries"):
        rows = [row for row in rows if row[0] != "Batteries"]
    return Card([(word, short(text, 160)) for word, text in rows], _disks(one))


def _memory(one: Known, system: dict[str, str]) -> str:
    modules = [facts for facts in one.items("memory_modules").values() if facts.get("filled") != "false"]
    kinds: dict[str, int] = {}
    for facts in modules:
        kind = parts.kind("memory_errors", facts).removeprefix("memory module, ")
        kinds[kind] = kinds.get(kind, 0) + 1
    said = [f"{count} × {kind}" for kind, count in kinds.items()]
    installed = system.get("memory_installed_bytes") or system.get("memory_usable_bytes", "")
    if installed and not said:
        said.append(format.fact("memory_installed_bytes", installed))
    if system.get("memory_slots_free"):
        said.append(f"{system['memory_slots_free']} of {system.get('memory_slots', '?')} slots free")
    return "; ".join(said)


def _disks(one: Known) -> list[Disk]:
    about = {finding.component for finding in one.findings}
    found = []
    for key, facts in one.items("disks").items():
        unreadable = facts.get("readable") == "false"
        state = "see findings" if key in about else "health not readable" if unreadable else "no finding"
        found.append(
            Disk(
                model=short(facts.get("model") or facts.get("device") or key, 60),
                serial="" if facts.get("serial_is_placeholder") == "true" else short(facts.get("serial") or key, 60),
                slot=short(facts.get("location") or facts.get("device", ""), 60),
                like=short(parts.kind("disk_health", facts), 90),
                state=state,
                bad=key in about,
            )
        )  # fmt: skip
    return sorted(found, key=lambda disk: not disk.bad)
