"""The report log, judged again, tells what was told live; other rules show their difference before they are used."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from sqlalchemy import Engine, select

from collector import __main__ as command_line
from collector import decide, replay
from collector.rules.load import load
from collector.store import open_engine, reader_maker, schema, session_maker
from collector.store.devices import Device, StateCheckpoint
from collector.store.findings import Finding
from tests.collector.rules.test_replay import _STEPS, Step
from tests.collector.world import NOON, Collector, filesystem

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture(scope="module")
def empty() -> Iterator[Engine]:
    with tempfile.TemporaryDirectory() as directory:
        engine = open_engine(f"sqlite:///{directory}/collector.db")
        schema.upgrade(engine)
        yield engine
        engine.dispose()


@settings(max_examples=12, deadline=None)
@given(_STEPS)
def test_replay_tells_what_was_told_live(empty: Engine, steps: list[Step]) -> None:
    collector = Collector(empty)
    desk = collector.enrol("desk")
    now = NOON
    for step in steps:
        now += step.after
        collector.sweep(now - timedelta(seconds=1))
        desk.send(step.report, now)
    with reader_maker(empty)() as session:
        device = session.get_one(Device, desk.device_id)
        rules = collector.bench.rules
        live = replay.recorded(session, rules, device.id, NOON, now)
        again = replay.replay(session, rules, device, NOON, now)
        assert again.reports == len(steps)
        assert replay.differences(live, again.told) == ([], [])
        # And from the middle, where a checkpoint stands in for what is pruned.
        middle = NOON + (now - NOON) / 2
        live = replay.recorded(session, rules, device.id, middle, now)
        told = replay.replay(session, rules, device, middle, now).told
        assert replay.differences(live, told) == ([], [])


def _history(engine: Engine, days: int = 1) -> Collector:
    """A disk that fills, one that is accepted, and quiet days; ends about now."""
    collector = Collector(engine)
    start = datetime.now(UTC) - days * DAY
    desk, other = collector.enrol("desk", site="Tulsa"), collector.enrol("other", site="Enid")
    for hour in range(days * 24 - 1):
        for minute in (0, 12, 24, 36, 48):
            at = start + timedelta(hours=hour, minutes=minute)
            desk.send(filesystem(0.98 if 10 <= hour < 20 else 0.5), at)
            other.send(filesystem(0.93), at)
            collector.sweep(at)
    return collector


def test_people_s_decisions_are_replayed_at_their_time(engine: Engine) -> None:
    collector = _history(engine)
    with session_maker(engine)() as session, session.begin():
        finding = session.scalars(select(Finding).where(Finding.state == "open")).one()
        decide.accept(
            session,
            device_id=finding.device_id,
            finding_id=finding.id,
            why="known",
            who="ana",
            now=datetime.now(UTC),
        )
    collector.sweep(datetime.now(UTC))
    with reader_maker(engine)() as session:
        device = session.get_one(Device, finding.device_id)
        until = datetime.now(UTC) + MINUTE
        live = replay.recorded(session, collector.bench.rules, device.id, NOON, until)
        again = replay.replay(session, collector.bench.rules, device, NOON, until)
        assert [told.reason for told in live] == ["raised", "accepted"]
        assert replay.differences(live, again.told) == ([], [])


def test_a_day_has_one_checkpoint(engine: Engine) -> None:
    collector = Collector(engine)
    desk = collector.enrol("desk")
    for hour in range(0, 49, 4):
        desk.send(filesystem(0.5), NOON + timedelta(hours=hour))
    with reader_maker(engine)() as session:
        days = [row.at.day for row in session.scalars(select(StateCheckpoint).order_by(StateCheckpoint.at))]
    assert days == [2, 3, 4]


@pytest.fixture(scope="module")
def recorded_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("recorded")
    engine = open_engine(f"sqlite:///{directory / 'collector.db'}")
    schema.upgrade(engine)
    _history(engine)
    engine.dispose()  # the last connection folds the log into the file
    return directory


@pytest.fixture
def state_dir(recorded_dir: Path, tmp_path: Path) -> Path:
    shutil.copy(recorded_dir / "collector.db", tmp_path / "collector.db")
    return tmp_path


def _run(state_dir: Path, *words: str) -> int:
    return command_line.main([*words, "--state-dir", str(state_dir)])


def test_the_same_rules_would_have_changed_nothing(
    state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(state_dir, "rules", "replay", "--days", "2") == 0
    told = capsys.readouterr().out
    assert "Nothing would have been different" in told
    assert "Tulsa" in told


def test_another_limit_shows_what_it_would_open_and_not(
    state_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    shipped = Path(load().by_name["filesystem_nearly_full"].file).name
    text = (Path(load.__code__.co_filename).parent / shipped).read_text()
    file.write_text(text.replace("raise_above = 0.90", "raise_above = 0.95"))
    assert _run(state_dir, "rules", "replay", str(file), "--days", "2", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    sites = {row["site"]: (row["tickets_were"], row["tickets_would_be"]) for row in told["sites"]}
    assert sites == {"Tulsa": (1, 1), "Enid": (1, 0)}
    rules = {row["rule"]: row["opened_less"] for row in told["rules"]}
    assert rules["filesystem_nearly_full"] == 1


def test_a_mistake_in_the_file_is_told_and_nothing_is_replayed(
    state_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.toml").write_text("[[rule]]\nname = 'x_y_z'\n")
    assert _run(state_dir, "rules", "replay", str(tmp_path / "bad.toml")) == 1
    assert "bad.toml, line" in capsys.readouterr().err


def test_rebuild_verifies_and_finds_a_changed_record(
    state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(state_dir, "rebuild", "--verify", "--days", "2") == 0
    assert "0 unlike" in capsys.readouterr().out
    engine = open_engine(f"sqlite:///{state_dir / 'collector.db'}")
    with session_maker(engine)() as session, session.begin():
        session.scalars(select(Finding).where(Finding.state == "open")).one().state = "cleared"
    engine.dispose()
    assert _run(state_dir, "rebuild", "--verify", "--days", "2") == 1
    assert "stored not open" in capsys.readouterr().out
