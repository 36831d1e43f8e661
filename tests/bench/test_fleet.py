"""Simulated devices are believable, the same at every start, and speak the real protocol."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bench import faults
from bench.fleet import Fleet, tokens_of
from bench.machine import make
from bench.process import HOST, Collector, running
from bench.report import EVERYTHING, add_sections, build, vitals_at
from collector.rules.load import load
from collector.store import open_engine
from collector.store.devices import Device
from collector.store.inventory import InventorySection
from collector.store.reports import StoredReport
from collector.store.tickets import Ticket
from collector.unpack import unpack
from protos import body
from protos.catalogue import BY_NAME
from protos.intake_pb2 import BACKFILL, LIVE
from protos.sections import BY_NAME as SECTIONS

NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize("fault", ["", *faults.BY_NAME])
def test_every_report_is_kept_whole_by_the_collector(fault: str) -> None:
    machine = next(make(n, 1, fault) for n in range(1, 400) if _has(n, fault))
    now = vitals_at(machine, NOW, NOW - timedelta(hours=1))
    report = build(machine, now, NOW, NOW - timedelta(days=1), full=True)
    add_sections(report, machine, now, EVERYTHING, bodies=True)

    unpacked = unpack(body.pack(report), NOW)

    assert unpacked.refused == []
    assert {reading.metric for reading in report.readings} <= BY_NAME.keys()
    assert {section.name for section in report.sections} <= SECTIONS.keys()


def _has(number: int, fault: str) -> bool:
    machine = make(number, 1)
    row = faults.BY_NAME.get(fault)
    return row is None or (machine.device_class in row.classes and machine.disk.kind in row.disks)


def test_a_seed_always_gives_the_same_fleet() -> None:
    assert [make(n, 1) for n in range(1, 30)] == [make(n, 1) for n in range(1, 30)]
    assert make(1, 1).serial != make(1, 2).serial


def test_about_one_device_in_seven_has_a_fault_and_two_hundred_show_nearly_all_kinds() -> None:
    kinds = Counter(faults.choose(make(number, 1)) for number in range(1, 201))
    assert 20 <= 200 - kinds[""] <= 40
    assert len(kinds) - 1 >= len(faults.FAULTS) - 4


def test_serials_are_not_shared() -> None:
    machines = [make(number, 1) for number in range(1, 1001)]
    assert len({machine.serial for machine in machines}) == 1000
    assert len({machine.host_name for machine in machines}) == 1000


def test_tokens_are_given_for_all_or_by_place() -> None:
    assert tokens_of(["a"]) == {"": "a"}
    assert tokens_of(["Tulsa=a", "Tulsa/av_host=b"]) == {"Tulsa": "a", "Tulsa/av_host": "b"}


@pytest.mark.timeout(120)
def test_a_fleet_enrols_reports_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    collector = Collector(tmp_path)
    collector.start_ready()
    with running(collector):
        tokens = {"": collector.token(8)}
        first = asyncio.run(_run_for(5, collector, tokens, tmp_path))
        again = asyncio.run(_run_for(4, collector, tokens, tmp_path))
    assert first.counts.failures == again.counts.failures == 0

    engine = open_engine(collector.url)
    with Session(engine) as session:
        devices = session.scalars(select(Device)).all()
        rows = session.execute(select(StoredReport.lane, func.count()).group_by(StoredReport.lane)).all()
        lanes = {row[0]: row[1] for row in rows}
        sections = session.scalars(select(InventorySection.section).distinct()).all()
        spools = session.execute(
            select(StoredReport.device_id, func.count(StoredReport.spool_id.distinct())).group_by(
                StoredReport.device_id
            )
        ).all()
        tickets = session.scalars(select(Ticket.device_id)).all()
    engine.dispose()
    assert {device.host_name for device in devices} == {make(n, 1).host_name for n in range(1, 9)}
    assert lanes[LIVE] >= 16
    assert lanes[BACKFILL] >= 8
    assert {"system", "disks", "software"} <= set(sections)
    assert {row[1] for row in spools} == {1}, "the second start used other spools"
    immediate = [
        d
        for d in devices
        if faults.choose(make(int(d.asset_tag) - 20000, 1))
        in ("disk_pending_sectors", "worn_nvme", "restart_pending")
    ]
    assert {device.id for device in immediate} <= set(tickets)


async def _run_for(seconds: float, collector: Collector, tokens: dict[str, str], directory: Path) -> Fleet:
    fleet = Fleet((HOST, collector.enrolment), tokens, 8, directory / "fleet", history_hours=1)
    await fleet.start(within=1)
    await asyncio.sleep(seconds)
    await fleet.stop()
    return fleet


def test_the_rules_a_fleet_is_made_for_exist() -> None:
    names = {rule.name for rule in load()}
    assert {"disk_pending_sectors", "disk_wearing_out", "filesystem_nearly_full", "device_silent"} <= names
