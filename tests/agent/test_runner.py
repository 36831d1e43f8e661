"""However a probe ends, the others go on and the report says how."""

import dataclasses
import os
import time

import psutil
import pytest

from agent.clock import SYSTEM
from agent.probe import Place
from agent.runner import Runner
from protos.report_pb2 import BUSY, COMPLIANT, FAILED, OK, TIMED_OUT, UNAVAILABLE
from tests.agent.odd_probes import PROBES, command
from tests.conftest import only_on_linux


@pytest.fixture
def run(tmp_path):
    runner = Runner(Place(root=tmp_path), SYSTEM, command)

    def one(name, **changes):
        probe = next(probe for probe in PROBES if probe.name == name)
        return runner.run(dataclasses.replace(probe, **changes))

    return one


def test_a_child_brings_everything_it_took(run):
    ran = run("good")
    assert ran.outcome.outcome == OK
    assert ran.outcome.reason == "one of two disks"
    assert [(r.metric, r.component, r.last) for r in ran.taken.readings] == [("disk_wear", "S1", 0.5)]
    assert ran.taken.sections["disks"][0].facts["size_bytes"] == "5"
    assert ran.taken.patches is not None
    assert ran.taken.patches.state == COMPLIANT
    assert ran.outcome.HasField("ended_at")


@pytest.mark.parametrize("name", ["hangs", "spins", "shouts"])
def test_a_probe_over_its_time_is_killed(run, name):
    before = set(psutil.Process().children())  # under wine: its desktop
    began = time.monotonic()
    ran = run(name)
    assert ran.outcome.outcome == TIMED_OUT
    assert ran.outcome.reason == "no answer within 0.7 s"
    assert 0.7 <= ran.outcome.took_seconds < 4
    assert time.monotonic() - began < 5
    assert not [p for p in set(psutil.Process().children()) - before if p.status() != psutil.STATUS_ZOMBIE]


def test_programs_of_a_hanging_probe_are_killed_with_it(run, tmp_path):
    # Two starts of a Python, which under wine take their time, and then it hangs.
    assert run("family", limit_seconds=2.0 if os.name == "posix" else 10.0).outcome.outcome == TIMED_OUT
    program = int((tmp_path / "pid").read_text())
    for _ in range(50):
        if not psutil.pid_exists(program) or psutil.Process(program).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
    pytest.fail("the program is still there")


@only_on_linux("the job has its memory limit on Windows too, but wine does not enforce it")
def test_a_probe_that_wants_2_gb_dies_alone(run):
    ran = run("eats")
    assert ran.outcome.outcome == FAILED
    assert "MemoryError" in ran.outcome.reason


def test_a_crash_is_reported(run):
    ran = run("crashes")
    assert ran.outcome.outcome == FAILED
    assert ("ended with 3" if os.name == "nt" else "signal 6") in ran.outcome.reason


def test_a_process_that_leaves_without_a_word_is_reported(run):
    ran = run("leaves")
    assert ran.outcome.outcome == FAILED
    assert "ended with 3" in ran.outcome.reason


def test_a_failure_names_its_type_and_is_cut_to_200_letters(run):
    for child in (True, False):
        ran = run("raises", child=child)
        assert ran.outcome.outcome == FAILED
        assert ran.outcome.reason.startswith("ValueError: line 7 has no colon x")
        assert len(ran.outcome.reason) == 200


def test_absent_and_locked_are_not_failures(run):
    for child in (True, False):
        absent, locked = run("absent", child=child).outcome, run("locked", child=child).outcome
        assert (absent.outcome, absent.reason) == (UNAVAILABLE, "no battery")
        assert (locked.outcome, locked.reason) == (BUSY, "apt is at work")


def test_a_child_that_cannot_be_started_is_a_failure_of_its_probe(tmp_path):
    runner = Runner(Place(root=tmp_path), SYSTEM, lambda probe, place: ["/no/such/program"])
    assert "FileNotFoundError" in runner.run(PROBES[0]).outcome.reason


def test_stopping_ends_children_under_way(tmp_path):
    import threading

    runner = Runner(Place(root=tmp_path), SYSTEM, command)
    hanging = dataclasses.replace(next(p for p in PROBES if p.name == "hangs"), limit_seconds=60)
    threading.Timer(0.5, runner.stop).start()
    began = time.monotonic()
    assert runner.run(hanging).outcome.outcome == FAILED
    assert time.monotonic() - began < 10
