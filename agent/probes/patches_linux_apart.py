"""Obtains the updates no package manager of the distribution brings: firmware, flatpak, snap.

They are counted apart. That one of them cannot be read never makes the state of the system unknown.
"""

from collections.abc import Callable
from datetime import datetime

from agent import commands
from agent.probe import Place, Unavailable
from agent.probes import flatpak, fwupd, snap
from agent.probes.updates import METADATA_GOOD_FOR_SECONDS, Apart

_LIMIT_SECONDS = 20.0
# Firmware is published by the month: a catalogue of a month ago still tells much.
_CATALOGUE_GOOD_FOR_SECONDS = 30 * 86400.0


def obtain(place: Place, now: datetime) -> list[Apart]:
    """One for each of them that is on this device."""
    result = []
    for kind, program, ask in _KINDS:
        if commands.why_not(place, program):
            continue
        try:
            made = ask(place, now)
        except (Unavailable, RuntimeError, ValueError, OSError) as error:  # a TimeoutError is an OSError
            made = Apart(kind=kind, remark=f"{kind} updates: {error}")
        if made is not None:
            result.append(made)
    return result


def _firmware(place: Place, now: datetime) -> Apart | None:
    devices = fwupd.parse_devices(_fwupd("get-devices"))
    updatable = {key for key, flags in devices.items() if "updatable" in flags}
    on_mains = {key for key, flags in devices.items() if "require-ac" in flags}
    waiting = sum("needs-reboot" in flags for flags in devices.values())
    if not devices.keys() & (updatable | on_mains):
        return None  # fwupd runs, and nothing here is its business
    written_at = fwupd.parse_metadata_at(_fwupd("get-remotes"))
    if written_at is None:
        return Apart(kind="firmware", remark="firmware updates: fwupd has no catalogue yet")
    age = max(0.0, now.timestamp() - written_at)
    if age > _CATALOGUE_GOOD_FOR_SECONDS:
        remark = f"firmware updates: the catalogue is {age / 86400:.0f} days old"
        return Apart(kind="firmware", remark=remark, metadata_age_seconds=age)
    rows = fwupd.parse_updates(_fwupd("get-updates"))
    remarks = []
    # get-updates leaves out what must be on mains while it is not, and does not say so.
    if left_out := len(on_mains - updatable - rows.keys()):
        remarks.append(f"{left_out} devices are only looked at on mains")
    if waiting:
        remarks.append(f"{waiting} devices wait for a restart to take their firmware")
    return Apart(
        kind="firmware",
        rows=list(rows.values()),
        remark="firmware updates: " + ", ".join(remarks) if remarks else "",
        metadata_age_seconds=age,
    )


def _fwupd(what: str) -> str:
    finished = commands.run("fwupdmgr", what, "--json", limit_seconds=_LIMIT_SECONDS)
    if finished.status == 2 and what == "get-updates":  # nothing to do
        return finished.output if '"Devices"' in finished.output else '{"Devices": []}'
    if finished.status and not finished.output.strip():
        raise ValueError((finished.errors.strip().splitlines() or ["fwupdmgr could not answer"])[-1][:200])
    return finished.output


def _flatpak(place: Place, now: datetime) -> Apart | None:
    if not commands.run(
        "flatpak", "list", "--system", flatpak.COLUMNS, limit_seconds=_LIMIT_SECONDS, ok=(0,)
    ).output.strip():
        return None  # nothing is installed with it
    lists = list(place.path("/var/lib/flatpak/repo/tmp/cache/summaries").glob("*"))
    age = None
    if lists:
        age = max(0.0, now.timestamp() - max(path.stat().st_mtime for path in lists))
        if age > METADATA_GOOD_FOR_SECONDS:
            remark = f"flatpak updates: the lists are {age / 86400:.0f} days old"
            return Apart(kind="flatpak", remark=remark, metadata_age_seconds=age)
    finished = commands.run(
        "flatpak", "--system", "remote-ls", "--updates", "--cached", flatpak.COLUMNS,
        limit_seconds=_LIMIT_SECONDS, ok=(0,),
    )  # fmt: skip
    return Apart(kind="flatpak", rows=flatpak.parse_updates(finished.output), metadata_age_seconds=age)


def _snap(place: Place, now: datetime) -> Apart | None:
    if place.is_live:  # without its service the program waits for minutes
        if not any(place.path("/var/lib/snapd/snaps").glob("*.snap")):
            return None
        if not place.path("/run/snapd.socket").exists():
            raise Unavailable("snapd does not run")
    installed = commands.run("snap", "list", limit_seconds=_LIMIT_SECONDS)
    if "No snaps are installed" in installed.errors:
        return None
    finished = commands.run("snap", "refresh", "--list", limit_seconds=_LIMIT_SECONDS)
    held = snap.parse_held(installed.output)
    return Apart(kind="snap", rows=snap.parse_refresh(finished.output, finished.errors, held))


_Ask = Callable[[Place, datetime], Apart | None]
_KINDS: tuple[tuple[str, str, _Ask], ...] = (
    ("firmware", "fwupdmgr", _firmware),
    ("flatpak", "flatpak", _flatpak),
    ("snap", "snap", _snap),
)
