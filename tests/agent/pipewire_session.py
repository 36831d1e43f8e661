"""A sound server of a test's own: PipeWire without a card, in a tree of its own, with the speakers and microphones it is told.

    with sound_session() as sound:
        sound.add("bench", MICROPHONE)
        place = Place(root=sound.root)          # and sound.programs first on PATH

It touches no session of this machine and ends what it started, nothing else. Real endpoints are played by null
ones: the server, its policy and its programs are the real ones.
"""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

SPEAKER: Final = "sink"
MICROPHONE: Final = "source"

_NEEDED: Final = ("pipewire", "wireplumber", "pipewire-pulse", "pactl", "dbus-daemon")
_ASKED: Final = ("pactl", "pw-dump", "pw-top", "wpctl")
_LIMIT_SECONDS: Final = 30.0


def why_not() -> str | None:
    missing = [program for program in _NEEDED if shutil.which(program) is None]
    if missing:
        return f"no {', '.join(missing)} on this device: deploy/system-packages dev installs them"
    return None


@dataclass
class SoundSession:
    root: Path  # a device with nothing in it but this session
    programs: (
        Path  # pactl and its like, to be put first on PATH: in a captured tree they are the device's voice
    )
    uid: int
    folder: Path  # XDG_RUNTIME_DIR
    _environment: dict[str, str] = field(repr=False)
    _modules: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def path(self) -> str:
        """PATH for who asks this session."""
        return f"{self.programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"

    def add(self, name: str, flow: str, description: str = "") -> None:
        """Plug one in; returns when the server has it."""
        kind = ["media.class=Audio/Source/Virtual", "channel_map=mono"] if flow == MICROPHONE else []
        title = description or name.title()
        self._modules[name] = self.pactl(
            "load-module",
            "module-null-sink",
            f"sink_name={name}",
            f"sink_properties='device.description=\"{title}\"'",
            *kind,
        ).strip()
        self.wait(lambda: name in self.names(flow), f"{name} is there")

    def remove(self, name: str) -> None:
        """Pull it out."""
        self.pactl("unload-module", self._modules.pop(name))
        self.wait(lambda: name not in self.names(SPEAKER) + self.names(MICROPHONE), f"{name} is gone")
        # The policy chooses another a moment later.
        self.wait(lambda: name not in self.defaults(), f"{name} is no default any more")

    def mute(self, name: str, flow: str, muted: bool = True) -> None:
        self.pactl(f"set-{flow}-mute", name, "1" if muted else "0")
        self.wait(lambda: self._row(name, flow)["mute"] is muted, f"{name} is muted: {muted}")

    def choose(self, name: str, flow: str) -> None:
        self.pactl(f"set-default-{flow}", name)
        self.wait(lambda: name in self.defaults(), f"{name} is the default")

    @contextlib.contextmanager
    def playing(self, name: str) -> Iterator[None]:
        """Silence to a speaker, by a program that is no part of the agent."""
        player = subprocess.Popen(
            ["pacat", "--playback", f"--device={name}", "/dev/zero"],
            env=self._environment,
            user=_other(self.uid),
            group=_other(self.uid),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.wait(lambda: self._row(name, SPEAKER)["state"] == "RUNNING", f"{name} plays")
            yield
        finally:
            _end(player)

    def stumble(self, first: str, second: str) -> None:
        """Have one speaker's sound played by another too, a third of a millisecond at a time: nobody keeps up with that."""
        self._asked("pw-metadata", "-n", "settings", "0", "clock.force-quantum", "16")
        self._asked("pw-link", f"{first}:monitor_FL", f"{second}:playback_FL")
        self.pactl("load-module", "module-loopback", f"source={first}.monitor", f"sink={second}")

    def names(self, flow: str) -> list[str]:
        return [row["name"] for row in self._rows(flow)]

    def defaults(self) -> tuple[str, str]:
        told = json.loads(self.pactl("-f", "json", "info"))
        return told.get("default_sink_name"), told.get("default_source_name")

    def pactl(self, *arguments: str) -> str:
        return self._asked("pactl", *arguments)

    def _asked(self, *words: str) -> str:
        return subprocess.run(
            words,
            env=self._environment,
            user=_other(self.uid),
            group=_other(self.uid),
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=True,
        ).stdout

    def wait(self, is_so: Callable[[], bool], what: str) -> None:
        """PipeWire does what it is told a moment later."""
        ends_at = time.monotonic() + _LIMIT_SECONDS
        while not is_so():
            assert time.monotonic() < ends_at, f"not within {_LIMIT_SECONDS:g} s: {what}"
            time.sleep(0.05)

    def _rows(self, flow: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.pactl("-f", "json", "list", f"{flow}s"))
        return rows

    def _row(self, name: str, flow: str) -> dict[str, Any]:
        return next(row for row in self._rows(flow) if row["name"] == name)


@contextlib.contextmanager
def sound_session(uid: int | None = None) -> Iterator[SoundSession]:
    """Skips the test, with the reason, where the programs are not installed. `uid`: whose session, if not ours."""
    if reason := why_not():
        pytest.skip(reason)
    owner = os.geteuid() if uid is None else uid
    # Not in pytest's folder: a socket's path has room for 107 letters, and another account cannot enter there.
    base = Path(tempfile.mkdtemp(prefix="sound-"))
    running: list[subprocess.Popen[bytes]] = []
    try:
        base.chmod(0o755)
        session = _prepared(base, owner)
        for program in (
            [
                "dbus-daemon",
                "--session",
                "--nofork",
                "--nopidfile",
                f"--address=unix:path={session.folder}/bus",
            ],
            ["pipewire"],
            ["wireplumber"],
            ["pipewire-pulse"],
        ):
            running.append(_started(program, session, base / f"{program[0]}.log"))
            if program[0] in ("dbus-daemon", "pipewire"):
                socket = session.folder / ("bus" if program[0] == "dbus-daemon" else "pipewire-0")
                session.wait(socket.exists, f"{program[0]} listens")
        session.wait((session.folder / "pulse" / "native").exists, "pipewire-pulse listens")
        # With nothing to play to, the server makes a dummy: then it is whole.
        session.wait(lambda: session.defaults()[0] == "auto_null", "the server is whole")
        yield session
    except AssertionError as error:
        for log in sorted(base.glob("*.log")):
            error.add_note(f"{log.name}: {log.read_text(errors='replace')[-500:]}")
        raise
    finally:
        for process in reversed(running):
            _end(process)
        shutil.rmtree(base, ignore_errors=True)


def _prepared(base: Path, uid: int) -> SoundSession:
    folder = base / "device" / "run" / "user" / str(uid)
    home = base / "home"
    programs = base / "programs"
    for each in (folder, home, programs):
        each.mkdir(parents=True)
    for program in _ASKED:
        if found := shutil.which(program):
            (programs / program).symlink_to(found)
    for each in (folder, home):
        each.chmod(0o700)
        os.chown(each, uid, uid if _other(uid) is not None else -1)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(folder),
        "XDG_CONFIG_HOME": str(home),
        "XDG_STATE_HOME": str(home),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus",
        "LC_ALL": "C.UTF-8",
    }
    return SoundSession(
        root=base / "device", programs=programs, uid=uid, folder=folder, _environment=environment
    )


def _started(program: list[str], session: SoundSession, log: Path) -> subprocess.Popen[bytes]:
    # Ends with the test run, however that one goes.
    with_us = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    with log.open("wb") as output:
        return subprocess.Popen(
            [*with_us, *program],
            env=session._environment,
            user=_other(session.uid),
            group=_other(session.uid),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
        )


def _other(uid: int) -> int | None:
    """None: we are that one already."""
    return uid if uid != os.geteuid() else None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
