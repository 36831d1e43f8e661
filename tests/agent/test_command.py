"""The command as scripts use it: in processes of its own, against the fake collector."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.once import in_words
from protos import body as bodies
from protos.intake_pb2 import COLLECT_NOW, EVERYTHING, SET_INTERVALS, STOPPING, Directive, Policy
from tests.conftest import only_on_linux


def run(*arguments, env=None, **options):
    return subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        capture_output=True, text=True, timeout=60, env={**os.environ, **(env or {})}, **options,
    )  # fmt: skip


@pytest.fixture
def state(tmp_path):
    return str(tmp_path / "state")


@pytest.fixture
def enrolled(collector, state):
    done = run("enrol", "--collector", f"127.0.0.1:{collector.enrolment_port}", "--token", collector.token,
               "--state-dir", state)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "enrolled as device-1" in done.stdout
    return state


class Running:
    """`tocsin-agent run`, quick."""

    def __init__(self, state, **environment):
        quick = {
            "TOCSIN_SAMPLE_SECONDS": "1", "TOCSIN_REPORT_SECONDS": "2", "TOCSIN_HEARTBEAT_SECONDS": "1",
            "TOCSIN_RETRY_BASE_SECONDS": "0.2", "TOCSIN_RETRY_CAP_SECONDS": "1",
            "TOCSIN_ROOT": f"{state}/nothing",  # probes have nothing to read and are quick
            **environment,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agent", "run", "--state-dir", state],
            stderr=subprocess.PIPE, text=True, env={**os.environ, **quick},
        )  # fmt: skip

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


@pytest.fixture
def start(enrolled):
    begun = []

    def make(**environment):
        begun.append(Running(enrolled, **environment))
        return begun[-1]

    yield make
    for one in begun:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


def reports(collector):
    return [bodies.unpack(collector.intake.stored[key]) for key in collector.intake.order]


def test_once_prints_what_scripts_rely_on():
    done = run("once", "--json", "--probe", "memory", "--probe", "cpu")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {outcome["probe"]: outcome["outcome"] for outcome in told["outcomes"]} == {
        "cpu": "OK",
        "memory": "OK",
    }
    assert all({"reason", "took_seconds", "ended_at"} <= outcome.keys() for outcome in told["outcomes"])
    size = next(r for r in told["readings"] if r["metric"] == "memory_size_bytes")
    assert size["component"] == ""
    assert size["last"] > 0


@pytest.mark.parametrize(
    ("metric", "value", "words"),
    [
        ("filesystem_used_ratio", 0.2245, "22.4%"),
        ("memory_size_bytes", 25_274_793_984, "25.3 GB"),
        ("agent_spool_bytes", 0, "0 B"),
        ("updates_lists_age_seconds", 208_704, "2.4 d"),
        ("clock_offset_seconds", -0.0016, "-0.0016 s"),
        ("disk_temperature_celsius", 31, "31 °C"),
        ("disk_pending_sectors_count", 8, "8"),
    ],
)
def test_once_speaks_in_units_of_people(metric, value, words):
    assert in_words(metric, value) == words


def test_once_reads_a_captured_tree(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("other-pc\n")
    done = run("once", "--json", "--root", str(tmp_path), "--probe", "battery")
    assert json.loads(done.stdout)["host_name"] == "other-pc"


def test_an_unknown_probe_is_a_usage_problem():
    done = run("once", "--probe", "no-such")
    assert done.returncode == 2
    assert "there is no probe no-such; known are cpu," in done.stderr


def test_a_wrong_setting_ends_with_3_and_names_it(tmp_path):
    (tmp_path / "a.toml").write_text("\nsample_secods = 1\n")
    done = run("--config", str(tmp_path / "a.toml"), "config", "show")
    assert done.returncode == 3
    assert f"{tmp_path / 'a.toml'}:2: there is no setting sample_secods; did you mean" in done.stderr


def test_config_show_tells_where_each_value_came_from(tmp_path):
    done = run("config", "show", "--json", "--state-dir", str(tmp_path), env={"TOCSIN_REPORT_SECONDS": "9"})
    told = json.loads(done.stdout)
    assert told["report_seconds"] == {"value": 9, "source": "TOCSIN_REPORT_SECONDS"}
    assert told["state_dir"] == {"value": str(tmp_path), "source": "--state-dir"}


def test_a_device_that_is_not_enrolled_is_told_so(state):
    done = run("run", "--state-dir", state)
    assert done.returncode == 5
    assert "not enrolled" in done.stderr
    done = run("status", "--json", "--state-dir", state)
    assert done.returncode == 1
    assert json.loads(done.stdout)["running"] is False


@only_on_linux("reads /proc; Windows stops its service, see tests/windows/test_service.py")
def test_the_running_agent_reports_full_first_and_leaves_with_a_goodbye(start, collector, enrolled):
    agent = start(TOCSIN_ROOT="/")
    collector.intake.wait_for(lambda intake: len(intake.order) >= 2)
    first = reports(collector)[0]
    assert first.full
    assert {"cpu", "memory", "agent"} <= {outcome.probe for outcome in first.outcomes}
    assert first.boot_id
    told = {r.metric for report in reports(collector) for r in report.readings}
    assert {"memory_used_ratio", "agent_spool_unsent_count", "agent_quarantined_total"} <= told
    mapped = Path(f"/proc/{agent.process.pid}/maps").read_text()
    assert "grpc" in mapped
    assert "cryptography" not in mapped, "10 MB that only enrol and renew need"
    code, errors = agent.end()
    assert code == 0, errors
    assert collector.intake.batches[-1].goodbye == STOPPING
    assert collector.intake.batches[0].machine_hash != 0
    assert "secret" not in errors
    told = json.loads(run("status", "--json", "--state-dir", enrolled).stdout)
    assert (told["running"], told["connected"], told["spool_unsent"]) == (False, False, 0)
    assert told["last_ack_at"]


def test_the_running_agent_shows_itself_and_keeps_others_out(start, collector, enrolled):
    start()
    collector.intake.wait_for(lambda intake: len(intake.order) >= 1)
    second = run("run", "--state-dir", enrolled)
    assert second.returncode == 1
    assert "already running" in second.stderr
    time.sleep(0.3)
    done = run("doctor", "--json", "--state-dir", enrolled)
    checks = {check["check"]: check["verdict"] for check in json.loads(done.stdout)["checks"]}
    assert checks["agent"] == checks["intake"] == checks["enrolment"] == checks["credential"] == "ok", (
        done.stdout
    )


def test_doctor_tells_an_unreachable_collector_from_a_missing_credential(enrolled, collector, tmp_path):
    collector.stop()
    done = run("doctor", "--state-dir", enrolled)
    assert done.returncode == 4, done.stdout
    assert "cannot be reached" in done.stdout
    collector.start(collector.port)
    assert run("doctor", "--state-dir", str(tmp_path / "none")).returncode == 5


def test_doctor_says_what_it_made_of_the_room_s_file(enrolled, tmp_path):
    room = tmp_path / "room.toml"
    secret = tmp_path / "nowhere"
    room.write_text(f'[[projector]]\nname = "front"\nhost = "192.0.2.9"\npassword_file = {str(secret)!r}\n')
    done = run("doctor", "--state-dir", enrolled, env={"TOCSIN_ROOM_FILE": str(room)})
    assert f"{room}: 1 projector" in done.stdout
    assert "projector front: its password_file" in done.stdout
    room.write_text("[[projecter]]\n")
    done = run("doctor", "--state-dir", enrolled, env={"TOCSIN_ROOM_FILE": str(room)})
    assert "there is no [[projecter]]; known are projector, recorder, target" in done.stdout
    done = run("doctor", "--state-dir", enrolled, env={"TOCSIN_ROOM_FILE": str(tmp_path / "none.toml")})
    assert "room" not in done.stdout, "a device that serves none is not asked for one"


def test_a_directive_refreshes_everything_with_its_items(start, collector):
    start(TOCSIN_REPORT_SECONDS="3600", TOCSIN_SAMPLE_SECONDS="3600", TOCSIN_ROOT="/")
    collector.intake.wait_for(lambda intake: len(intake.order) >= 1)
    collector.intake.script.directives = [Directive(kind=COLLECT_NOW, subjects=[EVERYTHING])]

    def answered(intake):
        return any(s.items and s.name == "system" for report in reports(collector) for s in report.sections)

    collector.intake.wait_for(answered, seconds=40)
    answer = next(r for r in reports(collector) if any(s.items for s in r.sections))
    assert answer.full


def test_a_directive_on_the_stream_is_obeyed_too(start, collector, enrolled):
    collector.intake.streamed = [Directive(kind=SET_INTERVALS, policy=Policy(inventory_seconds=777))]
    start()
    for _ in range(1200):
        if Policy.FromString(Path(enrolled, "policy.bin").read_bytes()).inventory_seconds == 777:
            return
        time.sleep(0.05)
    pytest.fail("the stream's directive had no effect")


def test_the_certificate_is_renewed_by_itself(enrolled, collector, start):
    path = Path(enrolled, "device.json")
    told = json.loads(path.read_text())
    told["not_before"] = "2020-01-01T00:00:00+00:00"
    told["not_after"] = "2020-02-01T00:00:00+00:00"
    path.write_text(json.dumps(told))
    start()
    collector.intake.wait_for(lambda intake: collector.enrolment.renewals == 1)
    collector.intake.wait_for(lambda intake: sum(batch.hello for batch in intake.batches) >= 2)
    assert json.loads(path.read_text())["credential"] != told["credential"]


def test_kill_9_of_the_agent_loses_and_doubles_nothing(start, collector):
    for _ in range(4):
        agent = start()
        before = len(collector.intake.order)
        collector.intake.wait_for(lambda intake, before=before: len(intake.order) > before)
        agent.process.kill()
        agent.process.communicate(timeout=20)
    start()
    before = len(collector.intake.order)
    collector.intake.wait_for(lambda intake: len(intake.order) > before)
    assert len({key[0] for key in collector.intake.order}) == 1, "one spool throughout"
    seqs = collector.intake.seqs(1)
    assert seqs == list(range(1, len(seqs) + 1))
    bodies = list(collector.intake.stored.values())
    assert len(set(bodies)) == len(bodies)


def test_the_agent_loads_neither_cryptography_nor_the_collectors_libraries():
    code = (
        "import sys, agent.daemon, agent.once, agent.doctor, agent.status, agent.probes, agent.child\n"
        "bad = {'cryptography', 'sqlalchemy', 'flask', 'collector', 'console'} & set(sys.modules)\n"
        "sys.exit(repr(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_help_loads_no_grpc():
    code = (
        "import sys, agent.__main__ as m\n"
        "try: m.main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit('grpc' in sys.modules or 'google.protobuf' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert "exit status: 0 ok" in done.stdout
