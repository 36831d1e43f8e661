"""Rows of what a device that serves a room reads besides: capture drivers, camera paths, recorders, routes, room.toml."""

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agent import room
from agent.probes import cameras, cameras_windows, network, recorder, v4l2
from agent.probes.cameras import Camera, Found
from tests.fuzz.corpus import LONG, Parser, text


def rows() -> Iterator[Parser]:
    yield Parser(
        name="probes.v4l2.parse_capabilities",
        call=v4l2.parse_capabilities,
        seeds=(struct.pack("<16s32s32s3I12x", b"uvcvideo", b"Camera", b"usb-1", 1, 0x84A00001, 0x04200001),),
    )
    yield Parser(
        name="probes.v4l2.parse_input",
        call=lambda data: v4l2.signal("bttv", v4l2.parse_input(data), None, None),
        seeds=(struct.pack("<I32s3IQI20x", 0, b"HDMI", 2, 0, 0, 0, 0x102),),
    )
    timings = struct.pack("<5IQ9I68x", 0, 1920, 1080, 0, 3, 148_500_000, 88, 44, 148, 4, 5, 36, 0, 0, 0)
    yield Parser(
        name="probes.v4l2.parse_timings", call=v4l2.parse_timings, seeds=(timings, bytes(132), b"\xff" * 132)
    )

    def camera(told: str) -> object:
        """A path of Windows, and the same text as whatever a camera may say of itself."""
        found = cameras_windows.parse_path(told)
        one = Camera(place=told, id=found[0] if found else None, serial=told, name=told, in_use=True)
        cameras.is_grabber(found[0] if found else "", told)
        return cameras.taken(Found(cameras=[one, one]), serves_room=True)

    yield Parser(
        name="probes.cameras_windows.parse_path",
        call=text(camera),
        seeds=(rb"USB\VID_046D&PID_082D&MI_00\7&1A2B3C&0&0000", rb"ACPI\INT3480\0"),
        allowed=(),
    )
    yield Parser(
        name="probes.recorder.parse_stat",
        call=recorder.parse_stat,
        seeds=(b"4711 (obs) S 1 4711 4711 0 -1 4194560\n", b"1 (a) S (b) Z 1\n", LONG),
        allowed=(),
    )
    yield Parser(
        name="probes.network.parse_routes",
        call=text(network.parse_routes),
        seeds=(b"Iface\tDestination\neth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n",),
        allowed=(),
    )
    zero = b"0" * 32
    yield Parser(
        name="probes.network.parse_routes6",
        call=text(network.parse_routes6),
        seeds=(zero + b" 00 " + zero + b" 00 " + zero + b" 00000400 00000001 00000000 00450003     eth0\n",),
        allowed=(),
    )

    def in_file(data: bytes) -> object:
        with tempfile.TemporaryDirectory(prefix="tocsin-fuzz-") as folder:
            path = Path(folder) / "room.toml"
            path.write_bytes(data)
            return room.read(path)

    yield Parser(
        name="room.read",
        call=in_file,
        seeds=(
            b'[[projector]]\nname = "Front"\nhost = "192.0.2.20"\nrated_lamp_hours = 4000\n',
            b'[[recorder]]\nname = "FTR"\nprocess = "ftr"\nfolder = "/srv"\nbytes_per_hour = ' + LONG + b"\n",
            b'[[target]]\nname = "x"\nhost = "h"\nport = 443\n',
            b"target = " + b"[" * 3000,
        ),
        allowed=(),
        runs=150,
    )
