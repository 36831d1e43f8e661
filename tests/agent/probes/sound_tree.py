"""A device's files of sound, and a pactl that answers for it: for tests of what is told of speakers and microphones."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from agent.probe import Place, Taken
from agent.probes import audio_linux
from agent.room import Room

ROOM = Room(file=Path("room.toml"))
JABRA = "alsa_input.usb-Jabra_SPEAK_510_745C4B5C5C5C-00.mono-fallback"
USB_CARD = "devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4.2/1-4.2:1.0/sound/card1"


class Device:
    """A tree, and a `pactl` that answers for it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = folder / "tree"
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.asked = folder / "asked"
        monkeypatch.setenv("PATH", f"{self.programs}:/usr/bin:/bin")

    def write(self, path: str, text: str = "") -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def session(self, served: bool = True) -> None:
        """Of the account the tests run as: no other may be asked without being root."""
        for name in ("native", *(["pid"] if served else [])):
            self.write(f"run/user/{os.geteuid()}/pulse/{name}")

    def answers(self, told: dict[str, str | Path], program: str = "pactl") -> None:
        cases = []
        for number, (arguments, answer) in enumerate(told.items()):
            file = answer if isinstance(answer, Path) else self.programs / f"{program}.{number}"
            if isinstance(answer, str):
                file.write_text(answer)
            cases.append(f"'{arguments}') cat '{file}' ;;")
        script = self.programs / program
        script.write_text(
            f'#!/bin/sh\necho "{program} $*" >> {self.asked}\ncase "$*" in\n{chr(10).join(cases)}\n'
            "*) echo \"invalid option -- 'f'\" >&2; exit 1 ;;\nesac\n"
        )
        script.chmod(0o755)

    def says(self, sinks: list[Any], sources: list[Any], sink: str | None, source: str | None) -> None:
        info = {"server_name": "PulseAudio", "default_sink_name": sink, "default_source_name": source}
        self.session()
        self.answers(
            {
                "-f json info": json.dumps(info),
                "-f json list sinks": json.dumps(sinks),
                "-f json list sources": json.dumps(sources),
            }
        )

    def usb_card(self, running: str = "closed\n") -> None:
        self.write("proc/asound/cards", " 1 [USB            ]: USB-Audio - Jabra SPEAK 510\n"
                   "                      Jabra at usb-0000:00:14.0-4.2, full speed\n")  # fmt: skip
        self.write("proc/asound/card1/usbid", "0b0e:0422\n")
        for letter, flow in (("p", "PLAYBACK"), ("c", "CAPTURE")):
            self.write(f"proc/asound/card1/pcm0{letter}/info",
                       f"card: 1\ndevice: 0\nsubdevice: 0\nstream: {flow}\nid: USB Audio\nname: USB Audio\n")  # fmt: skip
            self.write(
                f"proc/asound/card1/pcm0{letter}/sub0/status", running if letter == "c" else "closed\n"
            )
        self.write(f"sys/{USB_CARD}/number", "1\n")
        self.link(f"sys/{USB_CARD}/device", "../../../1-4.2:1.0")
        self.link("sys/class/sound/card1", f"../../{USB_CARD}")

    def link(self, path: str, target: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).symlink_to(target)

    def read(self, room: Room | None = ROOM, wait: Any = None) -> Taken:
        return audio_linux.read(Place(root=self.root, room=room), wait or (lambda seconds: None))

    def questions(self) -> list[str]:
        return self.asked.read_text().splitlines() if self.asked.exists() else []


def facts(taken: Taken, section: str = "audio_endpoints") -> dict[str, dict[str, str]]:
    return {item.key: dict(item.facts) for item in taken.sections[section]}


def values(taken: Taken, metric: str) -> dict[str, float]:
    return {one.component: one.last for one in taken.readings if one.metric == metric}


def row(name: str, **more: Any) -> dict[str, Any]:
    full = {"left": {"value": 65536}}
    return {"name": name, "description": "Jabra SPEAK 510", "state": "SUSPENDED", "mute": False, "volume": full,
            "properties": {}, "ports": [], "active_port": None, **more}  # fmt: skip
