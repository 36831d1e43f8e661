"""All probes, in the order of a report."""

from agent.probe import Probe
from agent.probes import (
    agent_itself,
    backup_evidence,
    battery,
    clock,
    cpu,
    disk_health,
    events,
    filesystem,
    hardware,
    memory,
    memory_errors,
    operating_system,
    patches,
    reboot_pending,
    security_state,
    sensors,
    services,
    software,
)

PROBES: tuple[Probe, ...] = (
    cpu.PROBE,
    memory.PROBE,
    filesystem.PROBE,
    battery.PROBE,
    sensors.PROBE,
    clock.PROBE,
    operating_system.PROBE,
    reboot_pending.PROBE,
    hardware.PROBE,
    disk_health.PROBE,
    memory_errors.PROBE,
    events.PROBE,
    patches.PROBE,
    software.PROBE,
    services.PROBE,
    security_state.PROBE,
    backup_evidence.PROBE,
    agent_itself.PROBE,
)
