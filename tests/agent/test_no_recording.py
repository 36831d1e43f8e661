"""The agent hears and sees nothing: no code path opens a stream of sound or pictures, and only numbers and the facts of
protos/sections.py leave a device.

There is no switch for it, for a room or for anybody: a check of sound levels or of a picture's brightness would have to open
such a stream, so there is no code for it. Whoever adds some has to change this file, and be seen doing it.
"""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.probes import v4l2
from protos.catalogue import BY_NAME as METRICS
from protos.sections import BY_NAME as SECTIONS
from tests.conftest import REPOSITORY, only_on_linux

AGENT = REPOSITORY / "agent"
SOURCES = {
    path.relative_to(AGENT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(AGENT.rglob("*.py"))
}
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}
OF_ROOMS = ("displays", "usb", "audio", "cameras", "recorder", "projectors", "network")

# Programs and libraries whose work is to record, to play or to look.
RECORDERS = re.compile(
    r"\b(arecord|aplay|parec|parecord|pacat|paplay|pw-record|pw-play|pw-cat|pw-loopback|ffmpeg|ffplay|avconv|sox|rec"
    r"|gst-launch(?:-1\.0)?|fswebcam|streamer|mplayer|mpv|vlc|cvlc|obs-cli|guvcview|motion|raspistill|libcamera-\w+"
    r"|scrot|import|grim|gnome-screenshot|xwd|v4l2-ctl|yavta)\b"
)  # fmt: skip
LIBRARIES = frozenset(
    {
        "alsaaudio", "av", "cv2", "d3dshot", "dxcam", "ffmpeg", "gi", "imageio", "libcamera", "linuxpy", "moviepy", "mss",
        "numpy", "ossaudiodev", "picamera", "picamera2", "PIL", "portaudio", "pulsectl", "pulsectl_asyncio", "pyaudio",
        "pyaudiowpatch", "pyautogui", "pygame", "pyscreenshot", "pyv4l2", "sounddevice", "soundcard", "soundfile", "v4l2",
        "v4l2py", "vidgear", "wave", "winsound",
    }
)  # fmt: skip
DLLS = re.compile(r"\b(winmm|avicap32|msvfw32|mfplat|mfreadwrite|msacm32|dsound)\b", re.IGNORECASE)
# Windows' interfaces that carry sound, pictures or what is on a screen.
STREAMS = re.compile(
    r"\b(IAudioClient\d?|IAudioCaptureClient|IAudioRenderClient|IMFSourceReader|IMFMediaSource|IGraphBuilder|ISampleGrabber"
    r"|waveInOpen|capCreateCaptureWindow\w*|BitBlt|PrintWindow|IDXGIOutputDuplication|GraphicsCaptureItem)\b"
)  # fmt: skip
# What the agent may ask the sound server, and with which words.
SOUND_PROGRAMS = {"pactl", "pw-dump", "pw-top", "wpctl"}
SOUND_WORDS = {"-f", "json", "info", "list", "sinks", "sources", "cards", "status", "-b", "-n", "5"}


def calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in names:
            yield node


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """All texts of the code; not its documentation, which nothing can open."""
    documentation = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documentation:
            yield node.lineno, node.value


# What stands in the code


@pytest.mark.parametrize("name", SOURCES)
def test_no_module_names_a_sound_or_video_device_but_the_one_that_asks_capture_cards(name: str) -> None:
    found = [
        (line, text) for line, text in texts(TREES[name]) if re.search(r"/dev/(snd|video|v4l|media|dsp|audio|fb|dri)", text)
    ]  # fmt: skip
    # There: what open files of other programs begin with.
    assert [text for _, text in found] == (["/dev/video"] if name == "probes/cameras_linux.py" else [])


def test_files_are_opened_by_number_only_where_we_know_what_they_are() -> None:
    """os.open is what a device needs that must not be waited for. Each use of it is listed here with what it opens."""
    opened = {
        (name, ast.unparse(call.args[0]))
        for name, tree in TREES.items()
        for call in calls(tree, "open")
        if ast.unparse(call.func) == "os.open"
    }
    assert opened == {
        ("__main__.py", "os.devnull"),
        ("files.py", "beside"),  # of the state directory, as the next ones
        ("files.py", "path"),
        ("lock.py", "state_dir / NAME"),
        ("spool_file.py", "path"),
        ("probes/cameras_linux.py", "f'/dev/{name}'"),
    }


def test_a_capture_card_is_opened_for_reading_and_never_read() -> None:
    [call] = list(calls(TREES["probes/cameras_linux.py"], "open"))
    assert ast.unparse(call.args[1]) == "os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY"
    for name in ("probes/cameras_linux.py", "probes/v4l2.py", "probes/cameras.py"):
        used = {
            ast.unparse(call.func)
            for call in calls(TREES[name], "read", "readv", "fdopen", "mmap", "preadv", "pread")
        }
        assert used == set(), f"{name} reads what it opened"


def test_the_only_control_request_is_one_of_the_closed_table() -> None:
    """fcntl.ioctl stands in one place, and what it asks is a Query; test_v4l2.py shows what those are."""
    found = [(name, call) for name, tree in TREES.items() for call in calls(tree, "ioctl")]
    [(name, call)] = found
    assert name == "probes/cameras_linux.py"
    [function] = [
        node for node in ast.walk(TREES[name]) if isinstance(node, ast.FunctionDef) and call in ast.walk(node)
    ]
    kinds = {
        argument.arg: ast.unparse(argument.annotation)
        for argument in function.args.args
        if argument.annotation
    }
    assert kinds[ast.unparse(call.args[1])] == "v4l2.Query"
    asked = {ast.unparse(each.args[1]) for each in calls(TREES[name], function.name)}
    assert asked == {f"v4l2.Query.{query.name}" for query in v4l2.Query}


@pytest.mark.parametrize("name", SOURCES)
def test_no_module_loads_what_could_record(name: str) -> None:
    imported = {
        alias.name.split(".")[0] for node in ast.walk(TREES[name]) if isinstance(node, ast.Import) for alias in node.names
    } | {
        node.module.split(".")[0]
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }  # fmt: skip
    assert not imported & LIBRARIES
    loaded = {
        ast.unparse(call.args[0]) for call in calls(TREES[name], "import_module", "__import__") if call.args
    }
    assert loaded <= {"module"}, "what is loaded by name are the probes"
    told = " ".join(text for _, text in texts(TREES[name]))
    named = " ".join(
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(TREES[name])
        if isinstance(node, (ast.Name, ast.Attribute))
    )
    assert not DLLS.search(f"{told} {named}")
    assert not STREAMS.search(f"{told} {named}")


@pytest.mark.parametrize("name", SOURCES)
def test_no_recording_program_is_run_or_even_named(name: str) -> None:
    found = [(line, text) for line, text in texts(TREES[name]) if RECORDERS.fullmatch(text.strip())]
    assert found == []
    most_feared = r"\b(arecord|parec|parecord|pw-record|pw-cat|ffmpeg|gst-launch)\b"
    assert not re.search(most_feared, SOURCES[name]), "not in the code, not in its words"


def test_the_sound_server_is_asked_questions_and_told_nothing() -> None:
    from agent.probes import audio_linux

    for program, *words in audio_linux.QUESTIONS.values():
        assert program in SOUND_PROGRAMS
        assert set(words) <= SOUND_WORDS
    for name, tree in TREES.items():
        if not name.startswith(
            tuple(f"probes/{probe}" for probe in (*OF_ROOMS, "alsa", "pipewire", "sound", "v4l2"))
        ):
            continue
        for call in calls(tree, "run"):
            if not ast.unparse(call.func).endswith("commands.run"):
                continue
            first = [ast.unparse(argument) for argument in call.args]
            assert (name, first) == ("probes/audio_linux.py", ["program", "*arguments"])
        drawn = {ast.unparse(call.func) for call in calls(tree, "shown")}
        assert drawn <= ({"on_terminal.shown"} if name == "probes/audio_linux.py" else set())
        assert not {
            ast.unparse(each.func)
            for each in calls(tree, "Popen", "system", "spawn", "check_output", "execv")
        }


# What a run does


def traced(trace: Path, *command: str, cwd: Path = REPOSITORY) -> str:
    try:
        subprocess.run(
            ["strace", "-f", "-s", "300", "-e", "trace=open,openat,openat2,ioctl,execve", "-o", str(trace), *command],
            check=False, capture_output=True, timeout=150, cwd=cwd,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("no strace on this machine: deploy/system-packages dev installs it")
    told = trace.read_text(encoding="utf-8", errors="replace") if trace.exists() else ""
    if "execve(" not in told:
        pytest.skip("strace may not trace on this machine")
    return told


def streams_in(trace: str) -> list[str]:
    """Lines that open a stream, or a video device in another way than to ask it, or start what records."""
    asked = {f"VIDIOC_{query.name}" for query in v4l2.Query} | {f"{query:#x}" for query in v4l2.Query}
    found = []
    for line in trace.splitlines():
        if "open" in line and re.search(r'"/dev/snd/(pcm|midi|hw|timer|seq)|"/dev/(dsp|audio)', line):
            found.append(line)
        elif "open" in line and re.search(r'"/dev/(video|v4l|media)', line):
            if not re.search(r"O_RDONLY\|\S*O_NONBLOCK", line):
                found.append(line)
        elif "ioctl(" in line:
            request = re.search(r"ioctl\(\d+(?:<[^>]*>)?, ([^,)]+)", line)
            words = set(re.split(r" or |\s", request[1])) if request else set()
            is_video = any(word.startswith("VIDIOC_") for word in words)
            if (is_video and not words & asked) or any(word.startswith("SNDRV_PCM") for word in words):
                found.append(line)
        elif "execve(" in line and "ENOENT" not in line:
            program = re.search(r'execve\("([^"]*)"', line)
            if program and RECORDERS.fullmatch(program[1].rpartition("/")[2]):
                found.append(line)
    return found


@only_on_linux("strace is of Linux; what stands in the code is tested above, of Windows' too")
def test_a_run_of_all_probes_of_a_room_opens_no_stream(tmp_path: Path) -> None:
    (tmp_path / "room.toml").write_text(
        f'[[recorder]]\nname = "r"\nprocess = "no-such-program"\nfolder = "{tmp_path}"\n'
        '[[target]]\nname = "t"\nhost = "127.0.0.1"\nport = 9\n'
        '[[projector]]\nname = "p"\nhost = "127.0.0.1"\nport = 9\n'
    )
    (tmp_path / "agent.toml").write_text(f'room_file = "{tmp_path / "room.toml"}"\n')
    chosen = [word for probe in OF_ROOMS for word in ("--probe", probe)]
    trace = traced(
        tmp_path / "trace",
        sys.executable, "-m", "agent", "--config", str(tmp_path / "agent.toml"), "once", *chosen,
    )  # fmt: skip
    assert re.search(r"agent/probes/(__pycache__/)?cameras", trace), "the probes ran below strace"
    assert streams_in(trace) == []


@only_on_linux("strace is of Linux")
def test_a_stream_would_be_seen(tmp_path: Path) -> None:
    """The proof above can fail: here is a program that tries what the agent does not."""
    tries = (
        "import fcntl, os\n"
        "for name in ('/dev/snd/pcmC0D0c', '/dev/video7'):\n"
        "    try: os.open(name, os.O_RDWR)\n"
        "    except OSError: pass\n"
        "null = os.open('/dev/null', os.O_RDONLY)\n"
        "for request in (0x40045612, 0xC0145608, 0x80685600):\n"
        "    try: fcntl.ioctl(null, request, bytearray(200))\n"
        "    except OSError: pass\n"
        "try: os.execv('/usr/bin/true', ['true'])\n"
        "except OSError: pass\n"
    )
    found = streams_in(traced(tmp_path / "trace", sys.executable, "-c", tries))
    assert [word for line in found for word in re.findall(r"pcmC0D0c|video7|VIDIOC_\w+", line)] == [
        "pcmC0D0c", "video7", "VIDIOC_STREAMON", "VIDIOC_REQBUFS",
    ]  # fmt: skip


# What leaves


@only_on_linux("trees of Linux")
@pytest.mark.parametrize("in_a_room", [True, False])
def test_only_numbers_and_named_facts_leave_a_device_whose_parts_say_too_much(
    tmp_path: Path, in_a_room: bool
) -> None:
    """Names and serials of a megabyte, of bytes that are no letters, of whole pictures: what a part of the room says of
    itself is cut to words, and no picture fits into them."""
    root = tmp_path / "root"
    picture = "\x89PNG\x1a\x00\x7f" + "ÿØÿà" * 250_000
    talkative(root, picture)
    arguments = ["--root", str(root)]
    if in_a_room:
        (tmp_path / "room.toml").write_text(
            '[[recorder]]\nname = "r"\nprocess = "p"\nfolder = "/srv/recordings"\n'
        )
    (tmp_path / "agent.toml").write_text(f'room_file = "{tmp_path / "room.toml"}"\n')
    chosen = [word for probe in OF_ROOMS for word in ("--probe", probe)]
    done = subprocess.run(
        [sys.executable, "-m", "agent", "--config", str(tmp_path / "agent.toml"), "once", "--json", *arguments, *chosen],
        capture_output=True, text=True, timeout=120, cwd=REPOSITORY, check=False, env={**os.environ, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    report = json.loads(done.stdout)
    sections = report.get("sections", [])
    assert {section["name"] for section in sections} >= {"cameras", "usb_links", "displays"}, done.stderr
    for section in sections:
        for item in section.get("items", []):
            assert item.get("facts", {}).keys() <= SECTIONS[section["name"]].names
            for name, value in (("key", item["key"]), *item.get("facts", {}).items()):
                assert len(value.encode()) <= 400, f"{section['name']}: {name} has {len(value)} letters"
                assert value.isprintable(), f"{section['name']}: {name}"
    for each in report.get("readings", []):
        assert each["metric"] in METRICS
        assert isinstance(each["last"], (int, float))
        assert len(each.get("component", "")) <= 255
        assert len(each.get("label", "")) <= 255
    for outcome in report["outcomes"]:
        assert outcome["outcome"] in ("OK", "UNAVAILABLE"), outcome
        assert len(outcome["reason"]) <= 500
    assert "hearing" not in done.stdout, "no name of a recording"
    assert "SECRET" not in done.stdout or in_a_room, "serials only where the device serves a room"
    assert len(done.stdout) < 20_000


def talkative(root: Path, picture: str) -> None:
    from tests.agent.probes.av_trees import display, sound_card, usb_device, video_node

    usb_device(root, "1-1", kind="09", product="Hub" + picture)
    usb_device(root, "1-1.1", kind=("0e", "01"), product=picture, maker=picture, serial="SECRET" + picture)
    video_node(root, 0, "1-1.1", name=picture)
    usb_device(root, "1-1.2", kind="0e", product="HDMI Capture " + picture, serial="SECRET")
    video_node(root, 2, "1-1.2", name="HDMI Capture" + picture)
    sound_card(root, 1, "1-1.1", id="Ceiling", name=picture[:2000].replace("\n", " "))
    display(root, "HDMI-A-1", picture.encode("latin-1")[:200_000])
    recordings = root / "srv/recordings"
    recordings.mkdir(parents=True)
    (recordings / "hearing 4711.wav").write_bytes(picture.encode("latin-1"))
    process = root / "proc/4711"
    process.mkdir(parents=True)
    (process / "stat").write_text("4711 (p) S 1\n")
    (process / "fd").mkdir()
    (process / "fd/3").symlink_to("/dev/video0")
