"""All probes, in the order of a report. Those that run apart have their row in apart.py, the others carry it."""

from agent.probe import Probe
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
from agent.probes.apart import APART

PROBES: tuple[Probe, ...] = (
    cpu.PROBE,
    memory.PROBE,
    filesystem.PROBE,
    battery.PROBE,
    sensors.PROBE,
    clock.PROBE,
    operating_system.PROBE,
    APART["reboot_pending"],
    APART["hardware"],
    APART["disk_health"],
    APART["memory_errors"],
    APART["events"],
    APART["patches"],
    APART["software"],
    services.PROBE,
    APART["security_state"],
    APART["backup_evidence"],
    APART["displays"],
    APART["usb"],
    APART["audio"],
    APART["cameras"],
    APART["recorder"],
    APART["projectors"],
    APART["network"],
    agent_itself.PROBE,
)
