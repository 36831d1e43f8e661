"""rules replay, rebuild --verify: the report log judged again, and the difference as a table."""

import os
import sys
from argparse import Namespace
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector import replay as replaying
from collector.commands.output import as_json, as_table
from collector.config import Config
from collector.problem import Problem
from collector.rules.load import load
from collector.rules.rule import RuleError, Rules
from collector.rules.state import OPEN as OPEN_TRACK
from collector.rules.state import DeviceState
from collector.store import open_engine, reader_maker
from collector.store.devices import Device
from collector.store.devices import DeviceState as StateRow
from collector.store.findings import CLEARED, Finding
from collector.store.installation import Fact
from collector.tickets.explain import find_device


@dataclass(frozen=True, slots=True)
class Task:
    url: str
    in_force: tuple[str, ...]  # rule files; empty: the shipped ones
    instead: tuple[str, ...]  # files whose rules take the place of those of the same name
    device_id: str
    since: datetime
    until: datetime


@dataclass(slots=True)
class Outcome:
    device_id: str
    host_name: str
    site: str
    reports: int
    began_at: datetime | None
    live: replaying.Tickets
    again: replaying.Tickets
    only_live: list[replaying.Told]
    only_again: list[replaying.Told]
    unlike: list[str]  # rebuild: what is remembered otherwise than it was rebuilt


def _rules(in_force: tuple[str, ...], instead: tuple[str, ...]) -> Rules:
    rules = load([Path(file) for file in in_force]) if in_force else load()
    if not instead:
        return rules
    others = load([Path(file) for file in instead])
    return Rules([*(others.by_name.get(rule.name, rule) for rule in rules),
                  *(rule for rule in others if rule.name not in rules.by_name)])  # fmt: skip


def _one(task: Task) -> Outcome:
    """In a process of its own."""
    rules = _rules(task.in_force, task.instead)
    engine = open_engine(task.url)
    try:
        with reader_maker(engine)() as session:
            return _compare(session, rules, session.get_one(Device, task.device_id), task)
    finally:
        engine.dispose()


def _compare(session: Session, rules: Rules, device: Device, task: Task) -> Outcome:
    again = replaying.replay(session, rules, device, task.since, task.until)
    # Before the first report that is still there nothing can be compared.
    since = max(task.since, again.began_at) if again.began_at else task.since
    live = replaying.recorded(session, rules, device.id, since, task.until)
    told = [one for one in again.told if one.at >= since]
    only_live, only_again = replaying.differences(live, told)
    return Outcome(
        device_id=device.id, host_name=device.host_name, site=device.site or "", reports=again.reports,
        began_at=again.began_at, live=replaying.tickets(live), again=replaying.tickets(told), only_live=only_live,
        only_again=only_again, unlike=_unlike(session, rules, device, again.state) if again.reports else [],
    )  # fmt: skip


def _unlike(session: Session, rules: Rules, device: Device, rebuilt: DeviceState) -> list[str]:
    """Open findings by the log, by what is remembered and by the store: all three must agree."""
    silent = {rule.name for rule in rules if rule.kind == "silence"}
    row = session.get(StateRow, device.id)
    remembered = DeviceState.from_bytes(row.body) if row is not None else DeviceState()

    def is_open(state: DeviceState) -> set[tuple[str, str]]:
        return {
            key for key, track in state.tracks.items() if track.state == OPEN_TRACK and key[0] not in silent
        }

    stored = {
        (finding.rule, finding.component)
        for finding in session.scalars(
            select(Finding).where(Finding.device_id == device.id, Finding.state != CLEARED)
        )
        if finding.rule not in silent
    }
    log, memory = is_open(rebuilt), is_open(remembered)
    return [
        f"{rule} {component}".strip()
        + f": log {'open' if (rule, component) in log else 'not open'}, "
        + f"remembered {'open' if (rule, component) in memory else 'not open'}, "
        + f"stored {'open' if (rule, component) in stored else 'not open'}"
        for rule, component in sorted((log | memory | stored) - (log & memory & stored))
    ]


def _outcomes(config: Config, arguments: Namespace, instead: tuple[str, ...] = ()) -> Iterator[Outcome]:
    """Device by device, on all cores; progress on standard error, because this takes minutes."""
    engine = open_engine(config.url)
    with reader_maker(engine)() as session:
        until = _lived_until(session)
        if arguments.device:
            ids = [find_device(session, arguments.device).id]
        else:
            ids = list(
                session.scalars(select(Device.id).where(Device.revoked_at.is_(None)).order_by(Device.id))
            )
    engine.dispose()
    tasks = [
        Task(config.url, tuple(config.rules), instead, one, until - timedelta(days=arguments.days), until)
        for one in ids
    ]
    if len(tasks) < 4:
        yield from map(_one, tasks)
        return
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for number, outcome in enumerate(pool.map(_one, tasks, chunksize=4), 1):
            if sys.stderr.isatty() and (number % 20 == 0 or number == len(tasks)):
                print(f"\r{number} of {len(tasks)} devices", end="", file=sys.stderr, flush=True)
            yield outcome
    if sys.stderr.isatty():
        print(file=sys.stderr)


def _lived_until(session: Session) -> datetime:
    """When a collector last swept: what time alone does after that, nobody has written down."""
    alive = session.get(Fact, "alive_at")
    return datetime.fromisoformat(alive.value) if alive is not None else datetime.now(UTC)


def rules_replay(config: Config, arguments: Namespace) -> int:
    """What these rules would have made of the last days, beside what really happened."""
    instead = tuple(arguments.file)
    try:
        _rules(tuple(config.rules), instead)
    except RuleError as error:
        raise Problem(str(error)) from None
    outcomes = list(_outcomes(config, arguments, instead))
    sites = _by_site(outcomes)
    rules = _by_rule(outcomes)
    if arguments.json:
        print(
            as_json({"days": arguments.days, "sites": sites, "rules": rules, "devices": _changed(outcomes)})
        )
        return 0
    reports = sum(outcome.reports for outcome in outcomes)
    print(f"{len(outcomes)} devices, {reports:,} reports of the last {arguments.days} days judged again.\n")
    print(
        as_table(
            sites, ("site", "devices", "tickets_were", "tickets_would_be", "joined_were", "joined_would_be")
        )
    )
    if not rules:
        print("\nNothing would have been different.")
        return 0
    print("\nFindings that would be different, by rule:\n")
    print(as_table(rules, ("rule", "opened_more", "opened_less", "ended_more", "ended_less", "devices")))
    return 0


def _by_site(outcomes: list[Outcome]) -> list[dict[str, object]]:
    by_site: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_site[outcome.site].append(outcome)
    rows: list[dict[str, object]] = [
        {
            "site": site, "devices": len(mine), "reports": sum(o.reports for o in mine),
            "tickets_were": sum(o.live.opened for o in mine), "tickets_would_be": sum(o.again.opened for o in mine),
            "joined_were": sum(o.live.joined for o in mine), "joined_would_be": sum(o.again.joined for o in mine),
            "ended_were": sum(o.live.ended for o in mine), "ended_would_be": sum(o.again.ended for o in mine),
        }
        for site, mine in sorted(by_site.items())
    ]  # fmt: skip
    return rows


def _by_rule(outcomes: list[Outcome]) -> list[dict[str, object]]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    devices: defaultdict[str, set[str]] = defaultdict(set)
    for outcome in outcomes:
        for told, which in [(t, "less") for t in outcome.only_live] + [
            (t, "more") for t in outcome.only_again
        ]:
            if told.old != told.new:
                counts[told.rule]["opened_" + which if told.new == "open" else "ended_" + which] += 1
                devices[told.rule].add(outcome.device_id)
    names = ("opened_more", "opened_less", "ended_more", "ended_less")
    return [
        {"rule": rule, **{name: counts[rule][name] for name in names}, "devices": len(devices[rule])}
        for rule in sorted(counts)
    ]


def _changed(outcomes: list[Outcome]) -> list[dict[str, object]]:
    return [
        {
            "device": outcome.device_id, "host_name": outcome.host_name, "site": outcome.site,
            "only_recorded": [asdict(told) for told in outcome.only_live],
            "only_replayed": [asdict(told) for told in outcome.only_again],
        }
        for outcome in outcomes
        if outcome.only_live or outcome.only_again
    ]  # fmt: skip


def rebuild(config: Config, arguments: Namespace) -> int:
    """Exit status 1 when what is remembered or stored is not what the log says."""
    bad = compared = reports = 0
    rows: list[dict[str, object]] = []
    for outcome in _outcomes(config, arguments):
        compared, reports = compared + 1, reports + outcome.reports
        if outcome.unlike or outcome.only_live or outcome.only_again:
            bad += 1
            rows.append({"device": outcome.device_id, "host_name": outcome.host_name, "unlike": outcome.unlike,
                         "only_recorded": [asdict(t) for t in outcome.only_live],
                         "only_replayed": [asdict(t) for t in outcome.only_again]})  # fmt: skip
    if arguments.json:
        print(as_json({"devices": compared, "reports": reports, "unlike": rows}))
    else:
        print(f"{compared} devices, {reports:,} reports judged again: {bad} unlike the record.")
        for row in rows:
            print(f"  {row['host_name'] or row['device']}")
            for line in row["unlike"]:  # type: ignore[attr-defined]
                print(f"    {line}")
            for name, sign in (("only_recorded", "-"), ("only_replayed", "+")):
                for told in row[name]:  # type: ignore[attr-defined]
                    print(
                        f"    {sign} {told['at']:%Y-%m-%d %H:%M:%S} {told['rule']} {told['component']} {told['new']} ({told['reason']})"
                    )
    return 1 if bad else 0
