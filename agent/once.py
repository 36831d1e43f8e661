"""Every probe once, as a report nobody is sent."""

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from agent import child, header
from agent.assembler import Assembler
from agent.clock import SYSTEM, Clock
from agent.probe import Place, Probe
from agent.runner import Ran, Runner
from protos.report_pb2 import FAILED, OK, TIMED_OUT, Outcome, OutcomeKind, PatchState, Report

_CHILDREN_AT_ONCE = 4
_WHOLE = 1 << 40  # sections are not cut in parts: this report is read by people and scripts


def probes_of_this_system(probes: Iterable[Probe]) -> tuple[Probe, ...]:
    """Those that know how to read this operating system."""
    return tuple(probe for probe in probes if sys.platform in probe.platforms)


def once(probes: Iterable[Probe], place: Place, clock: Clock = SYSTEM) -> Report:
    """Run `probes` and put what they brought into one report."""
    runner = Runner(place, clock, child.command)
    chosen = list(probes)
    with ThreadPoolExecutor(_CHILDREN_AT_ONCE) as workers:
        apart = [workers.submit(runner.run, probe) for probe in chosen if probe.child]
        rans = [runner.run(probe) for probe in chosen if not probe.child]
        rans += [future.result() for future in apart]
    return _report(rans, place, clock)


def _report(rans: list[Ran], place: Place, clock: Clock) -> Report:
    assembler = Assembler(lambda now: header.empty_report(place, now), part_bytes=_WHOLE)
    for ran in rans:
        assembler.take(ran, with_items=True)
    return assembler.make(clock.now(), full=True)[0]


def has_problem(report: Report) -> bool:
    """A probe that broke or hung. That something is not there to be read is no problem."""
    return any(outcome.outcome in (FAILED, TIMED_OUT) for outcome in report.outcomes)


def table(report: Report) -> str:
    """The report for a person."""
    lines = [f"{report.host_name}, agent {report.agent_version}", ""]
    lines += [_outcome(outcome) for outcome in report.outcomes]
    if report.readings:
        width = max(len(reading.metric) for reading in report.readings)
        lines.append("")
        lines += [
            f"{r.metric:<{width}}  {in_words(r.metric, r.last):>12}  {r.label or r.component}".rstrip()
            for r in report.readings
        ]
    if report.sections:
        lines.append("")
        lines += [f"section {section.name}: {len(section.items)} items" for section in report.sections]
    if report.HasField("patches"):
        patches = report.patches
        state = PatchState.Name(patches.state).lower().removeprefix("patch_state_")
        lines += ["", f"patches: {state} {patches.reason}".rstrip()]
    return "\n".join(lines)


def in_words(metric: str, value: float) -> str:
    """A number as a person reads it, by the unit in its metric's name; --json keeps it exact."""
    match metric.rsplit("_", 1)[-1]:
        case "ratio":
            return f"{value:.1%}"
        case "bytes":
            for size, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
                if abs(value) >= size:
                    return f"{value / size:.1f} {unit}"
            return f"{value:.0f} B"
        case "seconds":
            for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
                if abs(value) >= 2 * size:
                    return f"{value / size:.1f} {unit}"
            return f"{value:.3g} s"
        case "celsius":
            return f"{value:.0f} °C"
    return f"{value:.10g}"


def _outcome(outcome: Outcome) -> str:
    mark = "ok" if outcome.outcome == OK else OutcomeKind.Name(outcome.outcome).lower()
    return f"{outcome.probe:<18} {mark:<12} {outcome.took_seconds:7.3f} s  {outcome.reason}".rstrip()
