"""What people call things: metrics, states, outcomes, sections. Status is a shape, a word and a colour."""

from typing import Final, NamedTuple

from collector.tickets import suppression


class Mark(NamedTuple):
    """One status: never by colour alone."""

    shape: str
    word: str
    tone: str  # good, warn, bad, unknown, quiet: a class of console.css


PRESENCE: Final = {
    "online": Mark("✓", "online", "good"),
    "asleep": Mark("–", "asleep", "quiet"),
    "shut_down": Mark("–", "shut down", "quiet"),
    "silent": Mark("✕", "silent", "bad"),
    "unknown": Mark("?", "unknown", "unknown"),
}
SEVERITY: Final = {
    "critical": Mark("✕", "critical", "bad"),
    "warning": Mark("!", "warning", "warn"),
    "": Mark("✓", "no finding", "good"),
}
PATCH: Final = {
    "compliant": Mark("✓", "up to date", "good"),
    "missing": Mark("!", "missing updates", "warn"),
    "unknown": Mark("?", "unknown", "unknown"),
}
OUTCOME: Final = {
    "ok": Mark("✓", "read", "good"),
    "unavailable": Mark("?", "unavailable", "unknown"),
    "failed": Mark("✕", "failed", "bad"),
    "timed_out": Mark("✕", "timed out", "bad"),
    "busy": Mark("!", "busy", "warn"),
    "unknown": Mark("?", "unknown", "unknown"),
    "absent": Mark("–", "not there", "quiet"),
}
STATE: Final = {
    "new": Mark("●", "new", "accent"),
    "assigned": Mark("◐", "assigned", "quiet"),
    "in_progress": Mark("▶", "in progress", "quiet"),
    "pending": Mark("‖", "pending", "warn"),
    "resolved": Mark("✓", "resolved", "good"),
    "closed": Mark("✓", "closed", "quiet"),
    "cancelled": Mark("–", "cancelled", "quiet"),
}
OUTBOX: Final = {
    "waiting": Mark("●", "waiting", "accent"),
    "paused": Mark("‖", "put off", "warn"),
    "failed": Mark("✕", "not sent", "bad"),
    "sent": Mark("✓", "sent", "good"),
    "unwanted": Mark("–", "kept: no way out", "quiet"),
    "dropped": Mark("–", "dropped", "quiet"),
}
# What the outside is told of a ticket.
VERBS: Final = {"create": "opened", "update": "changed", "resolve": "resolved", "reopen": "reopened"}
GROUPS: Final = ("desktop", "field", "office-tech", "av")
# What kind of device a token lets in; a device itself cannot know that it stands in a courtroom.
CLASSES: Final = {
    "": "as the device says",
    "av_host": "A/V host",
    "desktop": "desktop",
    "laptop": "laptop",
    "server": "server",
}
OUTCOMES: Final = {
    "real": "Real: it was as the ticket said",
    "known": "Known: already accepted or in hand",
    "false": "False: nothing was wrong",
    "nothing_found": "Nothing found, cause unclear",
}
PENDING_REASONS: Final = {
    "user": "the user",
    "vendor": "the vendor",
    "parts": "parts",
    "change": "a planned change",
    "problem": "a larger problem",
    "site_access": "access to the site",
}
CANCEL_REASONS: Final = {"duplicate": "duplicate", "noise": "noise", "test": "test"}
MOVES: Final = {
    "assigned": "Assign",
    "in_progress": "Start work",
    "pending": "Wait",
    "resolved": "Resolve",
    "closed": "Close",
    "cancelled": "Cancel",
    "new": "Back to new",
}
EVENT: Final = {
    "opened": "opened",
    "joined": "finding joined",
    "cleared": "finding cleared",
    "moved": "moved",
    "note": "note",
    "resolved": "resolved",
    "reopened": "reopened",
    "evidence": "evidence frozen",
    "escalated": "time is running out",
    "priority": "priority changed",
    "proof": "proof of repair",
}
# When evidence was frozen.
MOMENTS: Final = {
    "opening": "at opening",
    "resolution": "at resolution",
    "proof": "of the repair",
    "still so": "that it is still so",
}
CLOCKS: Final = {"respond": "First answer", "resolve": "Solution"}
CLOCK: Final = {
    "running": Mark("▶", "running", "quiet"),
    "close": Mark("!", "soon over", "warn"),
    "over": Mark("✕", "overdue", "bad"),
    "paused": Mark("‖", "paused", "warn"),
    "closed": Mark("–", "stands still", "quiet"),
    "kept": Mark("✓", "in time", "good"),
    "missed": Mark("✕", "too late", "bad"),
}
PRIORITIES: Final = {
    1: "1, drop everything",
    2: "2, now",
    3: "3, today",
    4: "4, this week",
    5: "5, when there is time",
}
# Why an open finding has no ticket.
SUPPRESSED: Final = suppression.WORDS
SITUATIONS: Final = {
    "site_outage": "a place fell silent",
    "everything_silent": "everything fell silent",
    "storm": "a storm of tickets",
}
# scope of an override -> how people choose it
SCOPES: Final = {
    "all": "every device",
    "device_class": "one kind of device",
    "site": "one site",
    "room": "one room",
    "device": "one device",
    "component": "one part of a device",
}
READINESS: Final = {
    "ready": Mark("✓", "ready", "good"),
    "degraded": Mark("!", "degraded", "warn"),
    "not_ready": Mark("✕", "not ready", "bad"),
    "unknown": Mark("?", "unknown", "unknown"),
}
# What a readiness check found of one item.
ITEM: Final = {
    "pass": Mark("✓", "fine", "good"),
    "warn": Mark("!", "look at it", "warn"),
    "fail": Mark("✕", "fails", "bad"),
    "not_checked": Mark("?", "not checked", "unknown"),
}
# A part now, beside the room's accepted baseline.
DIFFERENCE: Final = {
    "same": Mark("✓", "as accepted", "good"),
    "missing": Mark("✕", "missing", "bad"),
    "new": Mark("+", "not accepted", "accent"),
    "changed": Mark("!", "changed", "warn"),
    "not_known": Mark("?", "not known", "unknown"),
}
# What stands in a room, by the section that tells of it: one of them.
PARTS: Final = {
    "displays": "Display",
    "audio_endpoints": "Sound",
    "audio_defaults": "Sound chosen",
    "cameras": "Camera",
    "capture_inputs": "Capture input",
    "usb_links": "USB socket",
    "projectors": "Projector",
    "recorders": "Recorder",
    "network_targets": "Network target",
}
PROJECTOR_FAULTS: Final = {
    "fan": "fan", "lamp": "lamp", "temperature": "temperature", "cover": "open cover", "filter": "filter", "other": "another fault",
}  # fmt: skip
TRIGGERS: Final = {
    "asked": "asked for",
    "morning": "in the morning",
    "before_60": "an hour before a booking",
    "before_15": "a quarter of an hour before a booking",
}
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

METRICS: Final = {
    "patch_state": "Patch state",
    "cpu_used_ratio": "Processor used",
    "cpu_run_queue_load": "Processor run queue",
    "cpu_throttled_total": "Slowed by heat",
    "clock_synchronised_state": "Clock",
    "filesystem_used_ratio": "Filesystem used",
    "filesystem_available_bytes": "Filesystem free",
    "filesystem_inodes_used_ratio": "Filesystem inodes used",
    "swap_used_ratio": "Swap used",
    "sensor_temperature_celsius": "Temperature",
    "sensor_temperature_limit_celsius": "Temperature limit of the chip",
    "sensor_fan_rpm": "Fan",
    "battery_health_ratio": "Battery health",
    "operating_system_support_left_seconds": "Support left",
    "reboot_pending_state": "Restart needed",
    "reboot_pending_age_seconds": "Restart needed since",
    "disk_readable_state": "Disk health readable",
    "disk_self_assessment_passed_state": "Disk's own verdict",
    "disk_life_used_ratio": "Disk write life used",
    "disk_spare_ratio": "Disk spare left",
    "disk_power_on_seconds": "Disk powered on",
    "updates_security_count": "Security updates missing",
    "updates_other_count": "Other updates missing",
    "updates_lists_age_seconds": "Update lists' age",
    "updates_unclassified_count": "Unclassified updates missing",
    "updates_firmware_count": "Firmware updates on offer",
    "packages_broken_count": "Packages half installed",
    "service_failed_state": "Service failed",
    "raid_degraded_state": "RAID array",
    "projector_lamp_seconds_total": "Projector lamp lit",
    "projector_lamp_used_ratio": "Projector lamp life used",
    "projector_filter_seconds_total": "Projector filter in use",
    "projector_filter_used_ratio": "Projector filter life used",
    "recorder_free_bytes": "Recorder space free",
    "recorder_free_seconds": "Recorder can go on for",
    "usb_speed_ratio": "USB speed of what it can",
    "usb_reconnections_hour_count": "USB reconnections in an hour",
}
STATES: Final = {
    "patch_state": {0: "unknown"},
    "disk_readable_state": {0: "not readable", 1: "readable"},
    "disk_self_assessment_passed_state": {0: "FAILED", 1: "passed"},
    "filesystem_read_only_state": {0: "writable", 1: "read-only"},
    "raid_degraded_state": {0: "complete", 1: "degraded"},
    "thin_pool_failed_state": {0: "writes", 1: "stopped writing"},
    "disk_reserve_state": {1: "normal", 2: "four fifths used", 3: "nine tenths used"},
    "disk_windows_health_state": {0: "healthy", 1: "warning", 2: "unhealthy"},
    "sensor_fan_stopped_state": {0: "turns, or rests at times", 1: "stopped"},
    "service_failed_state": {0: "running again", 1: "failed"},
    "clock_synchronised_state": {0: "not kept by a time service", 1: "kept by a time service"},
    **{
        f"projector_{part}_fault_state": {0: "none", 1: "warning", 2: "error"}
        for part in ("fan", "lamp", "temperature", "cover", "filter", "other")
    },
    "projector_power_state": {0: "in standby", 1: "on", 2: "cooling down", 3: "warming up"},
}
_WARNING_BITS: Final = (
    (1, "spare low"),
    (2, "temperature"),
    (4, "reliability"),
    (8, "read-only"),
    (16, "backup power"),
    (32, "memory region"),
)
_ABBREVIATIONS: Final = {
    "id": "ID", "ip": "IP", "mac": "MAC", "bios": "BIOS", "uuid": "UUID", "cpu": "CPU", "os": "OS", "uefi": "UEFI",
    "edid": "EDID", "usb": "USB", "raid": "RAID", "crc": "CRC", "smart": "SMART", "tpm": "TPM", "pjlink": "PJLink",
}  # fmt: skip
_UNITS: Final = {"ratio", "bytes", "seconds", "celsius", "rpm", "total", "count", "state", "load"}


def critical_warning(bits: int) -> str:
    names = [name for bit, name in _WARNING_BITS if bits & bit]
    return ", ".join(names) if names else "none"


def metric(name: str) -> str:
    """`disk_reallocated_sectors_total` -> `Disk reallocated sectors`."""
    return METRICS.get(name) or plain(name)


def plain(name: str) -> str:
    """A machine's name for a thing, as people write it: underscores and the unit are gone."""
    parts = name.split("_")
    if len(parts) > 1 and parts[-1] in _UNITS:
        parts = parts[:-1]
    text = " ".join(_ABBREVIATIONS.get(part, part) for part in parts)
    return text[:1].upper() + text[1:]


def plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
