"""What we cannot see, site by site, and the machines of which we know only from a list."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from collector.store.devices import Device, Site
from collector.store.reports import ProbeResult
from collector.store.spares import Warranty
from console import coverage
from tests.console import rows
from tests.console.api import keys
from tests.console.conftest import database, signed_in
from tests.console.courthouse import COURT
from tests.console.walk import county

__all__ = ["county"]  # a fixture
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def warranty(serial: str, days: int) -> Warranty:
    return Warranty(
        system_serial=serial, starts_on=None, ends_on=(NOW + timedelta(days=days)).date(), contract="C-1", imported_at=NOW
    )  # fmt: skip


@pytest.fixture
def session(engine: Engine):  # type: ignore[no-untyped-def]
    """Two sites, and a device that stands at none."""
    with Session(engine) as session:
        for site in ("North", "South"):
            session.add(Site(name=site, time_zone="UTC", created_at=NOW))
        session.flush()
        for n, (site, outcome, days) in enumerate(
            (("North", "ok", 0), ("North", "failed", 0), ("South", "failed", 0), ("South", "ok", 30), (None, "ok", 0))
        ):  # fmt: skip
            session.add(
                Device(
                    id=f"d{n}", host_name=f"pc-{n}", site=site, system_serial=f"5cg {n}", enrolled_at=NOW, presence="online",
                    seen_at=NOW - timedelta(days=days), unreadable_disks=1 if n == 2 else 0, patch_state="current" if n else "unknown",
                    device_class="desktop",
                )
            )  # fmt: skip
            session.flush()
            rows.probe(
                session, f"d{n}", "disk_health", NOW, outcome=outcome, reason="why" if outcome != "ok" else ""
            )
        session.flush()
        yield session


def test_each_site_is_counted_and_one_can_be_looked_at_alone(session: Session) -> None:
    whole = coverage.unseen_now(session, NOW)
    assert whole["sites"] == [
        coverage.SiteSeen("North", 2, 1, 0, 1, 0),
        coverage.SiteSeen("South", 2, 1, 1, 0, 1),
        coverage.SiteSeen("", 1, 0, 0, 0, 0),
    ]
    assert (whole["devices"], whole["blind"], [d.id for d in whole["gone"]]) == (5, 2, ["d3"])
    assert [row.devices for row in whole["groups"]] == [2]
    north = coverage.unseen_now(session, NOW, "North")
    assert (north["devices"], north["blind"], north["gone"]) == (2, 1, [])
    assert [(row.devices, row.only_name) for row in north["groups"]] == [(1, "pc-1")]
    assert [row[1] for row in north["patches"]] == [1]
    assert coverage.unseen_now(session, NOW, "nowhere")["devices"] == 0


def test_revoked_devices_count_nowhere(session: Session) -> None:
    session.get_one(Device, "d2").revoked_at = NOW
    session.flush()
    assert coverage.SiteSeen("South", 1, 0, 0, 0, 1) in coverage.unseen_now(session, NOW)["sites"]


def test_a_machine_with_a_warranty_and_no_device_is_without_an_agent(session: Session) -> None:
    session.add_all(
        [warranty("5CG1", 90), warranty("5CG99", 90), warranty("5CG98", -1), warranty("5CG97", 0)]
    )
    session.get_one(Device, "d1").revoked_at = NOW  # known, and no longer wanted
    session.flush()
    found = coverage.unseen_now(session, NOW)["without_agent"]
    assert [one.system_serial for one in found] == ["5CG97", "5CG99"], (
        "also on the last day, and not after it"
    )
    assert coverage.unseen_now(session, NOW, "North")["without_agent"] == []


def test_the_page_and_its_files_show_it(county: Flask) -> None:
    client, program = signed_in(county), keys.Caller(county)
    whole = client.get("/coverage").text
    assert "By site" in whole and "Machines without an agent" in whole
    only = client.get("/coverage", query_string={"site": COURT}).text
    assert (
        f"Only <bdi>{COURT}</bdi>" in only
        and "By site" not in only
        and "Machines without an agent" not in only
    )
    for link in re.findall(r'href="(/devices\?probe=[^"]*)"', only):
        assert "site=" in link
    told = program.get("/api/v1/coverage").json
    of_court = next(one for one in told["sites"] if one["site"] == COURT)
    assert program.get(f"/api/v1/coverage?site={COURT}").json["devices"] == of_court["devices"] > 0
    with database(county).reader() as session:
        assert told["devices"] == session.scalar(
            select(func.count(Device.id)).where(Device.revoked_at.is_(None))
        )
        unread = session.scalar(
            select(func.count()).select_from(ProbeResult).join(Device, Device.id == ProbeResult.device_id)
            .where(Device.site == COURT, ProbeResult.outcome != "ok")
        )  # fmt: skip
    assert 0 < client.get("/coverage.csv", query_string={"site": COURT}).text.count("\n") - 1 <= (unread or 0)
    serials = [one["system_serial"] for one in told["without_agent"]]
    assert serials and client.get("/coverage/without-agent.csv").text.count("\n") == len(serials) + 1
