"""What people decide, at the command line."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from collector.__main__ import main
from collector.store import open_engine, schema, session_maker
from collector.store.overrides import RuleHold
from collector.store.people import AuditEntry
from collector.store.situations import Situation
from collector.store.tickets import Ticket
from tests.collector.rules.reports import reading, report
from tests.collector.world import NOON, Collector

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A collector that has seen one disk with growing transfer errors."""
    engine = open_engine(f"sqlite:///{tmp_path / 'collector.db'}")
    schema.upgrade(engine)
    desk = Collector(engine).enrol("desk", site="Tulsa")
    for day, errors in enumerate((10, 80)):
        desk.send(report(reading("disk_crc_errors_total", errors, "S1", "sda")), NOON + timedelta(days=day))
    engine.dispose()
    return tmp_path


@pytest.fixture
def run(state: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*command: str) -> tuple[int, str, str]:
        try:
            code = main(["--state-dir", str(state), *command])
        except SystemExit as ended:
            code = int(ended.code or 0)
        out = capsys.readouterr()
        return code, out.out, out.err

    return call


def json_of(run: Run, *command: str) -> Any:
    code, out, error = run(*command, "--json")
    assert (code, error) == (0, "")
    return json.loads(out)


def store(state: Path) -> Engine:
    return open_engine(f"sqlite:///{state / 'collector.db'}")


def test_a_value_is_accepted_listed_and_judged_again(run: Run, state: Path) -> None:
    accepted = json_of(run, "accept", "desk", "disk_cable", "--why", "old cable, quiet since")
    assert (accepted["value"], accepted["component"]) == (80, "S1")
    (listed,) = json_of(run, "accepted", "list")
    assert listed["id"] == accepted["id"]
    assert listed["who"].startswith("command line")
    code, out, _ = run("accepted", "end", accepted["id"][:8])
    assert code == 0 and "judged again" in out
    assert json_of(run, "accepted", "list") == []
    with Session(store(state)) as session:
        assert {"accept", "acceptance ended"} <= set(session.scalars(select(AuditEntry.action)))


@pytest.mark.parametrize(
    "command, words",
    [
        (("accept", "desk", "battery_worn", "--why", "x"), "no open finding of 'battery_worn'"),
        (("accept", "desk", "disk_cable", "--component", "S9", "--why", "x"), "there is one on S1"),
        (("accept", "desk", "disk_cable", "--why", " "), "say why"),
        (("accepted", "end", "zz"), "no accepted value answers to 'zz'"),
        (("override", "add", "nope", "--scope", "all", "--set", "hold=2h", "--why", "x"), "there is no rule 'nope'"),
        (("override", "add", "battery_worn", "--scope", "all", "--set", "hold", "--why", "x"), "no KEY=VALUE"),
        (("override", "end", "zz"), "no override answers"),
        (("maintenance", "plan", "--from", "soon", "--to", "2h", "--why", "x"), "'soon' is no time"),
        (("maintenance", "plan", "--from", "2026-12-01 22:00", "--to", "2026-12-01 20:00", "--why", "x"), "ends before"),
        (("maintenance", "plan", "--from", "2026-12-01 22:00", "--to", "2h", "--site", "Nowhere", "--why", "x"),
         "no site 'Nowhere'"),
        (("maintenance", "plan", "--from", "2026-12-01 22:00", "--to", "2h", "--time-zone", "Mars", "--why", "x"),
         "no time zone 'Mars'"),
        (("maintenance", "end", "zz"), "no planned work answers"),
        (("maintenance", "import", "/does/not/exist.ics"), "No such file"),
        (("rules", "release", "battery_worn", "--why", "x"), "no version of 'battery_worn' is held"),
    ],
)  # fmt: skip
def test_what_does_not_hold_together_is_said_and_ends_with_1(
    run: Run, command: tuple[str, ...], words: str
) -> None:
    code, out, error = run(*command)
    assert (code, out) == (1, "")
    assert words in error


@pytest.mark.parametrize(
    "command",
    [
        ("accept", "desk", "disk_cable"), ("override", "add", "battery_worn", "--scope", "planet"),
        ("maintenance", "plan", "--to", "2h"), ("rules", "precision", "--weeks", "0"), ("situations",),
    ],
)  # fmt: skip
def test_a_command_that_is_not_whole_ends_with_2(run: Run, command: tuple[str, ...]) -> None:
    assert run(*command)[0] == 2


def test_an_override_is_made_listed_and_ended(run: Run) -> None:
    made = json_of(
        run, "override", "add", "filesystem_full", "--scope", "site", "--site", "Tulsa", "--set", "hold=2h",
        "--set", "severity=warning", "--until", "30d", "--why", "new disks are on their way",
    )  # fmt: skip
    assert made["changes"] == {"hold": "2h", "severity": "warning"}
    assert made["for"] == "site Tulsa"
    code, out, _ = run("override", "list")
    assert code == 0 and "new disks are on their way" in out
    assert run("override", "end", made["id"])[0] == 0
    assert json_of(run, "override", "list") == []


def test_planned_work_is_told_by_the_clock_of_its_site(run: Run) -> None:
    made = json_of(
        run,
        "maintenance",
        "plan",
        "--site",
        "Tulsa",
        "--from",
        "2030-12-01 22:00",
        "--to",
        "4h",
        "--why",
        "switch",
    )
    assert (made["begins"], made["ends"]) == ("2030-12-02T04:00:00+00:00", "2030-12-02T08:00:00+00:00")
    (listed,) = json_of(run, "maintenance", "list")
    assert (listed["for"], listed["under_way"]) == ("Tulsa", False)
    assert run("maintenance", "end", made["id"])[0] == 0
    assert run("maintenance", "list")[1] == "No planned work.\n"


def test_a_calendar_is_imported_and_what_was_not_taken_makes_the_exit_code(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "court.ics"
    good = "BEGIN:VEVENT\r\nUID:a\r\nDTSTART:20301203T150000Z\r\nDURATION:PT2H\r\nEND:VEVENT\r\n"
    bad = "BEGIN:VEVENT\r\nUID:b\r\nEND:VEVENT\r\n"
    file.write_text(f"BEGIN:VCALENDAR\r\n{good}END:VCALENDAR\r\n", newline="")
    told = json_of(run, "maintenance", "import", str(file), "--site", "Tulsa")
    assert (told["calendar"], told["added"], told["skipped"]) == ("court", 1, [])
    file.write_text(f"BEGIN:VCALENDAR\r\n{bad}{good}END:VCALENDAR\r\n", newline="")
    code, out, _ = run("maintenance", "import", str(file), "--site", "Tulsa")
    assert code == 1
    assert "1 as before" in out and "not taken: entry 1 (b)" in out


def test_situations_are_listed_the_open_ones_first(run: Run, state: Path) -> None:
    assert run("situations", "list")[1] == "No situations.\n"
    with session_maker(store(state))() as session, session.begin():
        for number, now_is in enumerate(("open", "resolved"), 7):
            session.add(
                Situation(
                    id=uuid.uuid4().hex, number=number, kind="site_outage", scope="site Tulsa", state=now_is,
                    title="Tulsa is silent", opened_at=NOON, data={"devices": ["a", "b"]},
                )
            )  # fmt: skip
    assert [(row["number"], row["devices"]) for row in json_of(run, "situations", "list")] == [(7, 2)]
    assert len(json_of(run, "situations", "list", "--all")) == 2


def test_a_held_rule_is_listed_and_released_with_a_reason(run: Run, state: Path) -> None:
    with session_maker(store(state))() as session, session.begin():
        session.add(RuleHold(rule="battery_worn", rule_hash="abc", held_at=NOON, devices=312, of=1000))
    (held,) = json_of(run, "rules", "held")
    assert (held["rule"], held["devices"], held["of"]) == ("battery_worn", 312, 1000)
    code, out, _ = run("rules", "release", "battery_worn", "--why", "they are that old")
    assert code == 0 and "312 of 1000" in out
    assert run("rules", "held")[1] == "No rule waits for a word.\n"
    with Session(store(state)) as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "rule released"))
        assert entry.data is not None and entry.data["why"] == "they are that old"


def test_precision_makes_no_percentage_of_a_few(run: Run, state: Path) -> None:
    assert "No ticket was closed" in run("rules", "precision")[1]
    with session_maker(store(state))() as session, session.begin():
        ticket = session.scalars(select(Ticket)).one()
        ticket.state, ticket.outcome, ticket.closed_at = "closed", "real", datetime.now(UTC)
    _week, total = json_of(run, "rules", "precision", "--weeks", "2")
    assert (total["rule"], total["n"], total["precision"]) == ("disk_cable", 1, None)
    assert "n < 10" in run("rules", "precision")[1]
