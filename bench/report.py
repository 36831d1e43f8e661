"""From the numbers of a simulated device to a Report, as its agent would make it."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from bench import faults, inventory, vitals
from bench.machine import AGENT_VERSION, Machine
from bench.vitals import INVENTORY, SAMPLED, SLOW, Vitals
from protos.catalogue import BY_NAME
from protos.report_pb2 import OK, Reading, Report
from protos.sections import SECTIONS

EVERYTHING: Final = (*SAMPLED, *SLOW, *INVENTORY)
# Metrics that are sampled several times between two reports and move: they have a smallest and a largest.
_MOVING: Final = frozenset(
    {
        "cpu_used_ratio", "cpu_run_queue_load", "memory_used_ratio", "memory_available_bytes",
        "memory_pressure_ratio", "sensor_temperature_celsius", "sensor_fan_rpm", "clock_offset_seconds",
    }
)  # fmt: skip


def vitals_at(machine: Machine, at: datetime, born_at: datetime) -> Vitals:
    """All numbers of a moment; `born_at` is the fleet's first start, from which faults count."""
    now = vitals.healthy(machine, at)
    fault = faults.BY_NAME.get(machine.fault)
    if fault is not None:
        hours = (at - born_at) / timedelta(hours=1) + fault.began_hours
        if hours >= 0:
            fault.apply(machine, now, hours)
    return now


def build(
    machine: Machine, now: Vitals, at: datetime, booted_at: datetime, probes: Iterable[str] = EVERYTHING,
    *, full: bool = False, samples: int = 5,
) -> Report:  # fmt: skip
    """A report of these probes, without sections."""
    wanted = frozenset(probes)
    report = Report(
        boot_id=machine.boot_id, uptime_seconds=(at - booted_at).total_seconds(), agent_version=AGENT_VERSION,
        build="simulated", full=full, host_name=machine.host_name,
    )  # fmt: skip
    report.collected_at.FromDatetime(at)
    for probe in sorted(wanted):
        kind, reason = now.outcomes[probe]
        outcome = report.outcomes.add(
            probe=probe, outcome=kind, reason=reason, took_seconds=vitals.TOOK[probe]
        )
        outcome.ended_at.FromDatetime(at)
    labels = labels_of(machine)
    noise = random.Random(at.timestamp())
    for (metric, component), value in now.values.items():
        probe = BY_NAME[metric].probe
        if probe in wanted and now.outcomes[probe][0] == OK:
            report.readings.append(_reading(metric, component, value, labels, noise, samples))
    if "patches" in wanted:
        report.patches.CopyFrom(now.patches)
    return report


def _reading(
    metric: str, component: str, value: float, labels: dict[str, str], noise: random.Random, samples: int
) -> Reading:
    reading = Reading(
        metric=metric, component=component, last=value, samples=1, label=labels.get(component, "")
    )
    if metric in _MOVING and samples > 1:
        swing = abs(value) * 0.08 * noise.random()
        reading.min, reading.mean, reading.max = value - swing, value, value + swing / 2
        if metric.endswith("ratio"):
            reading.max = min(1.0, reading.max)
        reading.samples = samples
    return reading


def labels_of(machine: Machine) -> dict[str, str]:
    """What people call the components."""
    labels = {volume.uuid: volume.mount_point for volume in machine.volumes}
    labels[machine.disk.serial] = f"{machine.disk.model}, {machine.disk.device.removeprefix('/dev/')}"
    if machine.battery is not None:
        labels[machine.battery.serial] = "BAT0"
    return labels


def add_sections(
    report: Report, machine: Machine, now: Vitals, probes: Iterable[str], *, bodies: bool
) -> None:
    """Sections of these probes: whole, or their hashes alone."""
    wanted = set(probes)
    names = tuple(row.name for row in SECTIONS if row.probe in wanted)
    if not names:
        return
    for section in inventory.sections(machine, now, names):
        report.sections.append(section if bodies else inventory.announced(section))
