"""All probes, in the order of a report.

A probe that runs in a process of its own has its row here, so that the resident agent never loads what it reads
with: all of them together were 5 MB on each device. The others carry their row themselves.
"""

import sys
from importlib import import_module

from agent.probe import Pace, Place, Probe, Taken
from agent.probes import (
    agent_itself,
    battery,
    clock,
    cpu,
    filesystem,
    memory,
    operating_system,
    sensors,
    services,
)


def _apart(name: str, pace: Pace, limit_seconds: float) -> Probe:
    """The probe in agent/probes/NAME.py, loaded when it is read: in its child process."""
    module = f"{__name__}.{name}"

    def read(place: Place) -> Taken:
        taken: Taken = import_module(module).read(place)
        return taken

    read.__module__ = module  # where its documentation stands
    return Probe(
        name=name, read=read, pace=pace, limit_seconds=limit_seconds, child=True, platforms=("linux", "win32")
    )


_ON_WINDOWS = sys.platform == "win32"

PROBES: tuple[Probe, ...] = (
    cpu.PROBE,
    memory.PROBE,
    filesystem.PROBE,
    battery.PROBE,
    sensors.PROBE,
    clock.PROBE,
    operating_system.PROBE,
    _apart("reboot_pending", Pace.INVENTORY, 60),  # package managers and WMI are asked
    _apart("hardware", Pace.INVENTORY, 60 if _ON_WINDOWS else 30),  # WMI starts its providers first
    _apart("disk_health", Pace.SLOW, 120),
    _apart("memory_errors", Pace.INVENTORY, 60),
    _apart("events", Pace.INVENTORY, 60),
    # On Windows the search is the update agent's own work: minutes, on a device long switched off many.
    _apart("patches", Pace.SLOW, 900 if _ON_WINDOWS else 180),
    _apart("software", Pace.INVENTORY, 60),
    services.PROBE,
    _apart("security_state", Pace.INVENTORY, 60),
    _apart("backup_evidence", Pace.INVENTORY, 60),
    agent_itself.PROBE,
)
