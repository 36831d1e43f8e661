"""All probes, in the order of a report."""

from agent.probe import Probe
from agent.probes import (
    agent_itself,
    battery,
    clock,
    cpu,
    disk_health,
    filesystem,
    hardware,
    memory,
    operating_system,
    patches,
    reboot_pending,
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
    patches.PROBE,
    software.PROBE,
    services.PROBE,
    agent_itself.PROBE,
)
