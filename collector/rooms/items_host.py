"""The host of a room: is it there, is it about to restart, has it space, is its clock right. Pure."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from collector.rooms.item import HOST, NOT_CHECKED, PASS, WARN, Item
from collector.rooms.look import Look
from collector.rules import words

# A restart that waits matters to who is in the room soon.
_RESTART_MATTERS: Final = timedelta(hours=12)
# The numbers of the rule filesystem_full; its finding decides, here it is only said.
_FULL_RATIO: Final = 0.97
_FULL_BYTES: Final = 2e9
_CLOCK_OFF_SECONDS: Final = 2.0


def items(look: Look) -> Iterator[Item]:
    away = look.away()
    if away is not None:
        told, since = away
        yield Item(
            name=HOST, part=look.host, result=NOT_CHECKED, reason=f"{look.host}: {told}", mandatory=True, since=since
        )  # fmt: skip
        return
    uptime = look.known.device.uptime_seconds
    up = f", up {words.say(uptime, 'seconds')}" if uptime is not None else ""
    yield look.says(HOST, look.host, PASS, f"online{up}")
    yield _restart(look)
    yield from _updating(look)
    yield _space(look)
    yield _clock(look)


def _told(look: Look, result: str, text: str, probe: str, *, mandatory: bool = False) -> Item:
    return look.says(HOST, look.host, result, text, mandatory=mandatory, probe=probe)


def _restart(look: Look) -> Item:
    probe = "reboot_pending"
    trouble = look.trouble(probe)
    pending = look.known.value("reboot_pending_state")
    if trouble or pending is None:
        return _told(
            look, NOT_CHECKED, f"whether a restart waits is not known: {trouble or 'it is not told'}", probe
        )
    if not pending:
        return _told(look, PASS, "no restart waits", probe)
    if look.use.within(_RESTART_MATTERS):
        return _told(
            look, WARN, "a restart waits to finish an update, and a session is near", probe, mandatory=True
        )
    return _told(look, WARN, "a restart waits to finish an update", probe)


def _updating(look: Look) -> Iterator[Item]:
    """The probe of updates meets their lock: that is how a running update shows."""
    probed = look.known.probes.get("patches")
    if probed is not None and probed.outcome == "busy":
        why = f" ({probed.reason})" if probed.reason else ""
        yield _told(look, WARN, f"an update may be running{why}", "", mandatory=look.use.soon)


def _space(look: Look) -> Item:
    probe = "filesystem"
    trouble = look.trouble(probe)
    used = look.known.values("filesystem_used_ratio")
    if trouble or not used:
        return _told(look, NOT_CHECKED, f"free disk space is not known: {trouble or 'it is not told'}", probe)
    fullest = max(used, key=lambda component: used[component])
    free = look.known.value("filesystem_available_bytes", fullest)
    text = f"its fullest disk is {words.say(used[fullest], 'ratio')} full" + (
        f", {words.say(free, 'bytes')} free" if free is not None else ""
    )
    short = used[fullest] >= _FULL_RATIO and free is not None and free < _FULL_BYTES
    return _told(look, WARN if short else PASS, text, probe)


def _clock(look: Look) -> Item:
    """A recording's times are read out in court."""
    probe = "clock"
    records = any(part.section == "recorders" for part in look.known.parts)
    trouble = look.trouble(probe)
    offset = look.known.value("clock_offset_seconds")
    if trouble or offset is None:
        return _told(
            look, NOT_CHECKED, f"how right its clock is, is not known: {trouble or 'it is not told'}", probe
        )
    if abs(offset) > _CLOCK_OFF_SECONDS:
        return _told(
            look, WARN, f"its clock is {words.say(abs(offset), 'seconds')} off", probe, mandatory=records
        )
    return _told(look, PASS, "its clock is right", probe)
