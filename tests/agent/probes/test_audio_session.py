"""The probe at a real sound server: PipeWire of this machine's packages, in a session of the test's own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.probe import Place, Taken, Unavailable
from agent.probes import audio, audio_linux
from agent.room import Room
from protos.report_pb2 import OK, Report
from tests.agent.pipewire_session import MICROPHONE, SPEAKER, SoundSession, sound_session
from tests.conftest import REPOSITORY, only_on_linux

pytestmark = only_on_linux("PipeWire is Linux's")

ANOTHER = 65534  # nobody: on every system, and no account of a person
GONE = {"endpoint": "none", "name": "none (every real one is gone)"}
as_root = pytest.mark.skipif(
    sys.platform != "win32" and os.geteuid() != 0, reason="only root may ask in another account's session"
)


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundSession]:
    with sound_session() as session:
        monkeypatch.setenv("PATH", session.path)
        yield session


def read(sound: SoundSession) -> Taken:
    return audio.read(Place(root=sound.root, room=Room(file=Path("room.toml"))))


def defaults(sound: SoundSession) -> dict[str, dict[str, str]]:
    return {item.key: dict(item.facts) for item in read(sound).sections["audio_defaults"]}


def endpoints(taken: Taken) -> dict[str, str]:
    return {item.key: item.facts["flow"] for item in taken.sections["audio_endpoints"]}


def muted(taken: Taken) -> dict[str, float]:
    return {one.component: one.last for one in taken.readings if one.metric == "audio_muted_state"}


def test_a_microphone_is_plugged_in_muted_replaced_and_pulled_out(sound: SoundSession) -> None:
    assert defaults(sound) == {"speaker": GONE, "microphone": GONE}
    sound.add("bench", MICROPHONE, "Bench microphone, Größe 2")
    sound.add("ceiling", SPEAKER)
    taken = read(sound)
    assert endpoints(taken) == {"bench": "microphone", "ceiling": "speaker"}
    assert muted(taken) == {"bench": 0, "ceiling": 0}
    assert defaults(sound)["microphone"] == {"endpoint": "bench", "name": "Bench microphone, Größe 2"}

    sound.mute("bench", MICROPHONE)
    assert muted(read(sound)) == {"bench": 1, "ceiling": 0}
    sound.mute("bench", MICROPHONE, muted=False)
    assert muted(read(sound)) == {"bench": 0, "ceiling": 0}

    sound.add("dock", MICROPHONE)
    sound.choose("dock", MICROPHONE)
    assert defaults(sound)["microphone"] == {"endpoint": "dock", "name": "Dock"}
    sound.remove("dock")
    assert defaults(sound)["microphone"]["endpoint"] == "bench"

    sound.remove("bench")
    taken = read(sound)
    assert endpoints(taken) == {"ceiling": "speaker"}
    assert defaults(sound) == {"speaker": {"endpoint": "ceiling", "name": "Ceiling"}, "microphone": GONE}


def test_a_speaker_is_in_use_while_something_plays(sound: SoundSession) -> None:
    sound.add("ceiling", SPEAKER)

    def in_use() -> list[float]:
        return [one.last for one in read(sound).readings if one.metric == "audio_in_use_state"]

    assert in_use() == [0]
    with sound.playing("ceiling"):
        assert in_use() == [1]
    sound.wait(lambda: in_use() == [0], "nothing plays any more")


def test_drop_outs_are_counted_while_a_speaker_runs_and_only_then(sound: SoundSession) -> None:
    def counted() -> dict[str, float]:
        return {
            one.component: one.last for one in read(sound).readings if one.metric == "audio_xruns_seen_count"
        }

    sound.add("ceiling", SPEAKER)
    sound.add("annex", SPEAKER)
    assert counted() == {}, "nothing runs: 0 would be a made-up number"
    with sound.playing("ceiling"):
        assert counted().get("ceiling") == 0
        sound.stumble("ceiling", "annex")
        sound.wait(lambda: counted().get("annex", 0) > 0, "the server is not in time")


def test_the_three_programs_tell_of_the_same_endpoints(sound: SoundSession) -> None:
    sound.add("bench", MICROPHONE)
    sound.add("ceiling", SPEAKER)
    sound.mute("ceiling", SPEAKER)
    by_pactl = read(sound)
    for program in ("pactl", "pw-dump"):
        (sound.programs / program).unlink()
        if {path.name for path in sound.programs.iterdir()} <= {"pw-top"}:
            pytest.skip(f"only {program} is installed")
        taken = read(sound)
        names = {item.facts["name"] for item in taken.sections["audio_endpoints"]}
        assert names == {"Bench", "Ceiling"}
        assert sorted(muted(taken).values()) == sorted(muted(by_pactl).values())


def test_a_sound_server_that_has_ended_is_no_missing_microphone(sound: SoundSession) -> None:
    sound.add("bench", MICROPHONE)
    pulse = sound.folder / "pulse" / "native"
    pulse.rename(pulse.with_name("moved"))
    pulse.touch()  # nobody listens behind it
    (sound.folder / "pipewire-0.lock").unlink()
    with pytest.raises(Unavailable, match="pactl: Connection failure"):
        read(sound)


@as_root
def test_root_reads_the_session_of_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    with sound_session(ANOTHER) as sound:
        monkeypatch.setenv("PATH", sound.path)
        sound.add("bench", MICROPHONE)
        assert endpoints(read(sound)) == {"bench": "microphone"}


@as_root
def test_the_service_may_read_it_with_the_capabilities_of_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv on this device")
    unit = (REPOSITORY / "deploy" / "tocsin-agent.service").read_text()
    found = re.search(r"^CapabilityBoundingSet=(.+)$", unit, re.MULTILINE)
    assert found is not None
    few = ",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in found[1].split())])
    with sound_session(ANOTHER) as sound:
        sound.add("bench", MICROPHONE)
        monkeypatch.setenv("PATH", sound.path)
        child = [sys.executable, "-m", "agent.child", "audio", str(sound.root), "room.toml"]
        for capabilities, is_told in ((few, True), (few.replace(",+setuid", ""), False)):
            ended = subprocess.run(
                ["setpriv", "--no-new-privs", "--inh-caps=-all", f"--bounding-set={capabilities}", *child],
                cwd=REPOSITORY,
                capture_output=True,
                timeout=60,
                check=True,
            )
            report = Report.FromString(ended.stdout)
            assert (report.outcomes[0].outcome == OK) is is_told, report.outcomes[0].reason
    assert "the sound server of another account answers only root" in report.outcomes[0].reason


def test_nothing_is_opened_but_the_servers_socket_and_nothing_is_written(sound: SoundSession) -> None:
    if shutil.which("strace") is None:
        pytest.skip("no strace on this device")
    sound.add("bench", MICROPHONE)
    trace = sound.root / "trace"
    ended = subprocess.run(
        ["strace", "-f", "-qq", "-s", "500", "-o", str(trace), "-e", "trace=execve,open,openat,connect,unlink,rename",
         sys.executable, "-m", "agent.child", "audio", str(sound.root), ""],
        cwd=REPOSITORY, capture_output=True, timeout=120, check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    if ended.returncode != 0:
        pytest.skip(f"strace may not trace here: {ended.stderr.decode()[-200:]}")
    assert Report.FromString(ended.stdout).outcomes[0].outcome == OK
    done = [line for line in trace.read_text().splitlines() if re.search(r"= \d+$", line)]
    opened = [line for line in done if "/dev/null" not in line]
    assert not [line for line in opened if re.search(r"/dev/(?!urandom|shm)|O_(WRONLY|RDWR|CREAT)", line)]
    run = {
        tuple(re.findall(r'"([^"]*)"', found[1]))
        for line in done
        if (found := re.search(r"execve\([^\[]*\[(.*?)\]", line))
    }
    asked = {words for words in run if words[0].startswith("/") and "/programs/" in words[0]}
    assert {(Path(program).name, *rest) for program, *rest in asked} <= set(audio_linux.QUESTIONS.values())
    assert asked
    assert all(words in asked or words[0] == sys.executable for words in run)
