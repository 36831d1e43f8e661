"""The probes that run in a process of their own: rows without what they read with.

The resident agent never loads that, which was 5 MB on each device, and the child loads nothing but its own probe:
on an A/V host several start each minute.
"""

import sys
from importlib import import_module
from typing import Final

from agent.probe import Pace, Place, Probe, Taken


def _apart(name: str, pace: Pace, limit_seconds: float) -> Probe:
    """The probe in agent/probes/NAME.py, loaded when it is read: in its child process."""
    module = f"{__package__}.{name}"

    def read(place: Place) -> Taken:
        taken: Taken = import_module(module).read(place)
        return taken

    read.__module__ = module  # where its documentation stands
    return Probe(
        name=name, read=read, pace=pace, limit_seconds=limit_seconds, child=True, platforms=("linux", "win32")
    )


_ON_WINDOWS: Final = sys.platform == "win32"

APART: Final = {
    probe.name: probe
    for probe in (
        _apart("reboot_pending", Pace.INVENTORY, 60),  # package managers and WMI are asked
        _apart("hardware", Pace.INVENTORY, 60 if _ON_WINDOWS else 30),  # WMI starts its providers first
        _apart("disk_health", Pace.SLOW, 120),
        _apart("memory_errors", Pace.INVENTORY, 60),
        _apart("events", Pace.INVENTORY, 60),
        # On Windows the search is the update agent's own work: minutes, on a device long switched off many.
        _apart("patches", Pace.SLOW, 900 if _ON_WINDOWS else 180),
        _apart("software", Pace.INVENTORY, 60),
        _apart("security_state", Pace.INVENTORY, 60),
        _apart("backup_evidence", Pace.INVENTORY, 60),
        _apart("displays", Pace.PRESENCE, 30),
        _apart("usb", Pace.PRESENCE, 30),
        _apart("audio", Pace.PRESENCE, 30),
        _apart("cameras", Pace.PRESENCE, 30),
        _apart("recorder", Pace.PRESENCE, 30),
        _apart("projectors", Pace.POLL, 90),
        _apart("network", Pace.POLL, 60),
    )
}
