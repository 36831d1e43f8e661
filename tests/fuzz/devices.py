"""Rows of what is plugged in, of Windows, and of what the system writes down of itself."""

from collections.abc import Iterator
from typing import Any

from agent.probe import Unavailable
from agent.probes import (
    alsa,
    backup_evidence,
    clock_linux,
    clock_windows,
    device_mapper,
    displays,
    edid,
    md,
    needrestart,
    nvme,
    operating_system_windows,
    pci,
    pipewire,
    pjlink,
    projectors,
    security_state,
    sessions_linux,
    smbios,
    usb,
    usb_tree,
    xrandr,
)
from agent.probes.journal import Entry
from agent.room import Projector
from tests.fuzz.corpus import LONG, NOW, Parser, pairs, text, used_up


def rows() -> Iterator[Parser]:
    yield from _sound_and_pictures()
    yield from _projectors()
    yield from _storage()
    yield from _written_down()


def _projectors() -> Iterator[Parser]:
    yield Parser(
        name="probes.pjlink.parse_greeting",
        call=text(pjlink.parse_greeting),
        seeds=(b"PJLINK 0", b"PJLINK 1 498e4a67", b"PJLINK 2 " + b"3d" * 16, b"PJLINK ERRA"),
    )
    yield Parser(
        name="probes.pjlink.parse_reply",
        call=text(lambda told: pjlink.parse_reply(told, pjlink.LAMPS)),
        seeds=(b"%1LAMP=1234 1 5678 0", b"%1lamp=ERR1", b"%1LAMP=OK"),
        allowed=(),
    )

    def whole(data: bytes) -> object:
        told = {query: pjlink.Reply(value) for query, value in pairs(data).items()}
        pjlink.questions(told)
        heard = pjlink.Heard(greeted=True, answers=told)
        return projectors.taken([Projector(name="p", host="h", rated_lamp_hours=1.0)], [heard])

    yield Parser(
        name="probes.projectors.parse",
        call=whole,
        seeds=(
            b"%1CLSS ?=2\n%1POWR ?=1\n%1ERST ?=000210\n%1LAMP ?=1234 1 5678 0\n%2INPT ?=3A\n%1AVMT ?=31\n"
            b"%2FILT ?=480\n%2IRES ?=1920x1080\n%2FREZ ?=0\n%1INF1 ?=Panasonic\n%1INF2 ?=VX400\n",
        ),
        allowed=(),
    )


def _sound_and_pictures() -> Iterator[Parser]:

    yield Parser(
        name="probes.edid.parse", call=lambda data: _touched(edid.parse(data)), corpus=("edid/*.bin",)
    )
    cards = b" 3 [Headset        ]: USB-Audio - Logi\n                      Logi at usb-0000:00:14.0-4.4.1, full speed\n"
    yield Parser(name="probes.alsa.parse_cards", call=text(alsa.parse_cards), seeds=(cards, cards * 3))
    yield Parser(
        name="probes.alsa.parse_status",
        call=text(lambda told: alsa.is_stuck(alsa.parse_status(told), alsa.parse_status(told))),
        seeds=(
            b"state: RUNNING\nowner_pid   : 27\ntrigger_time: 1.1\navail       : 9\nhw_ptr      : 43\n",
            b"closed\n",
        ),
    )
    yield Parser(
        name="probes.alsa.parse_hw_params",
        call=text(alsa.parse_hw_params),
        seeds=(b"access: RW\nformat: S16_LE\nchannels: 2\nrate: 48000 (48000/1)\n",),
    )
    yield Parser(
        name="probes.alsa.parse_info",
        call=text(alsa.parse_info),
        seeds=(b"card: 3\ndevice: 0\nstream: CAPTURE\nid: USB Audio\nname: x\n",),
    )
    yield Parser(name="probes.alsa.parse_usb_id", call=text(alsa.parse_usb_id), seeds=(b"046d:085c\n",))
    yield Parser(
        name="probes.alsa.parse_usb_place",
        call=text(alsa.parse_usb_place),
        seeds=(b"usb-0000:00:14.0-4.2.4", b"pci-0000:00:14.0-usb-0:4.2:1.0", b"usb-" + LONG + b"-1"),
        allowed=(),
    )
    yield Parser(
        name="probes.sessions_linux.parse_login",
        call=text(sessions_linux.parse_login),
        seeds=(b"UID=1000\nUSER=jo\nACTIVE=1\nTYPE=wayland\nCLASS=user\nSEAT=seat0\n", b"UID=" + LONG),
        allowed=(),
    )
    sink = (
        b"Sink #44\n\tState: RUNNING\n\tName: ceiling\n\tMute: yes\n\tVolume: mono: 32768 /  50% / -18.06 dB\n"
        b'\tProperties:\n\t\talsa.card = "1"\n\tPorts:\n\t\tline: Line (type: Line, not available)\n\tActive Port: line\n'
    )
    yield Parser(
        name="probes.pipewire.parse_endpoints_text",
        call=text(lambda told: pipewire.parse_endpoints_text(told, "sink")),
        seeds=(sink, sink * 2, sink.replace(b"32768", LONG)),
    )
    yield Parser(
        name="probes.pipewire.parse_info", call=text(pipewire.parse_info), corpus=("pipewire/*info.json",),
        seeds=(b'{"server_name": "P", "default_sink_name": "a"}',),
    )  # fmt: skip
    yield Parser(
        name="probes.pipewire.parse_info_text",
        call=text(pipewire.parse_info_text),
        corpus=("pipewire/*info.txt",),
        seeds=(b"Server Name: P\nDefault Sink: a\n",),
    )
    top = (
        b"S   ID  QUANT   RATE    WAIT    BUSY   W/Q   B/Q  ERR FORMAT           NAME\x1b[2;1H"
        b"R   44\x1b[6C0\x1b[6C0   0.8us  10.0us  0.00  0.00    0     F32P 2 48000  + annex\r\x1b[1B"
    )
    yield Parser(
        name="probes.pipewire.parse_top",
        call=text(lambda told: pipewire.parse_top(told, has_ended=True)),
        seeds=(top * 3, top + top.replace(b"    0     F", LONG + b" F"), b"\x1b[9999C" * 40 + top),
    )
    yield Parser(
        name="probes.pipewire.parse_endpoints",
        call=text(lambda told: pipewire.parse_endpoints(told, "source")),
        corpus=("pipewire/*list*.json",),
        seeds=(
            b'[{"name": "a", "mute": false, "volume": {"l": {"value": 65536}}, "ports": [], "active_port": null}]',
        ),
    )
    yield Parser(
        name="probes.pipewire.parse_wpctl_status",
        call=text(pipewire.parse_wpctl_status),
        corpus=("pipewire/wpctl*",),
        seeds=("Audio\n ├─ Sinks:\n │  *   43. Ceiling [vol: 1.00 MUTED]\n".encode(),),
    )
    yield Parser(
        name="probes.pipewire.parse_dump",
        call=text(pipewire.parse_dump),
        corpus=("pipewire/*dump.json",),
        seeds=(
            b'[{"type": "PipeWire:Interface:Node", "info": {"state": "idle", "props": {"media.class": "Audio/Sink",'
            b'"node.name": "a"}, "params": {"Props": [{"mute": false, "channelVolumes": [1.0]}]}}},'
            b'{"type": "PipeWire:Interface:Metadata", "props": {"metadata.name": "default"},'
            b'"metadata": [{"key": "default.audio.sink", "value": {"name": "a"}}]}]',
        ),
    )
    yield Parser(
        name="probes.usb_tree.parse_device",
        call=lambda data: usb_tree.parse_device("1-1.5.1", pairs(data)).is_slow,
        seeds=(
            b"idVendor=046d\nidProduct=085e\nproduct=BRIO\nserial=0A\nbcdDevice=0317\nspeed=5000\nversion= 3.10\n"
            b"devnum=4\nbDeviceClass=ef\nbMaxPower=896mA\n",
        ),
    )
    yield Parser(
        name="probes.usb_tree.parse_bos",
        call=usb_tree.parse_bos,
        seeds=(bytes.fromhex("050f2300020a1003000e000100000014100a00010000000000000034000a00b4000a00"),),
    )
    yield Parser(
        name="probes.usb_tree.parse_lsusb", call=text(usb_tree.parse_lsusb), corpus=("lsusb/*lsusb.out", "lsusb/*extra*"),
        seeds=(b"Bus 002 Device 004: ID 0e0f:0008 VMware, Inc. \n",),
    )  # fmt: skip
    yield Parser(
        name="probes.usb_tree.parse_tree",
        call=text(usb_tree.parse_tree),
        corpus=("lsusb/*-t.out",),
        seeds=(
            b"/:  Bus 01.Port 1: Dev 1, Class=root_hub, Driver=ehci-pci/3p, 480M\n    |__ Port 1: Dev 2, If 0, Class=Hub, Driver=hub/6p, 480M\n",
        ),
    )
    yield Parser(
        name="probes.usb.socket_of_location",
        call=text(usb.socket_of_location),
        seeds=(b"PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(1)#USB(5)#USBMI(0)\nACPI(_SB_)#ACPI(HS01)",),
        allowed=(),
    )
    yield Parser(
        name="probes.usb.reconnections",
        call=text(_returns),
        seeds=(
            b"usb 1-1.5: USB disconnect, device number 7\nusb 1-1.5: new high-speed USB device number 8 using xhci_hcd\n",
        ),
        allowed=(),
    )
    yield Parser(
        name="probes.displays.told_by",
        call=lambda data: displays.taken_of(
            [displays.Display(connector="DP-1", told=displays.told_by(data))], is_all=True
        ),
        corpus=("edid/*.bin",),
        allowed=(),
    )
    yield Parser(
        name="probes.xrandr.parse",
        call=text(xrandr.parse),
        corpus=("xrandr/*.out",),
        seeds=(
            b"Screen 0: x\nDP-1 connected primary 1x1+0+0 (normal) 16mm x 9mm\n\tEDID: \n\t\t00ff\n   1x1  60.00*+\n",
        ),
    )


def _returns(told: str) -> object:
    entries = [Entry(at=NOW, boot="b", message=line) for line in told.splitlines()]
    return usb.reconnections(entries, NOW)


def _touched(told: Any) -> object:
    """What a dataclass works out late is part of the parser."""
    return told.serial, told.is_whole, told.stand_in


def _storage() -> Iterator[Parser]:
    logs = ("nvme/*.json",)
    seed = (
        b'{"critical_warning": 0, "temperature": 310, "avail_spare": 100, "percent_used": "2", "power_on_hours": 4974.0}',
    )
    yield Parser(name="probes.nvme.parse_list", call=text(nvme.parse_list), corpus=logs, seeds=seed)
    yield Parser(name="probes.nvme.parse_smart_log", call=text(nvme.parse_smart_log), corpus=logs, seeds=seed)
    yield Parser(
        name="probes.md.parse_mdstat",
        call=text(md.parse_mdstat),
        seeds=(
            b"Personalities : [raid1]\nmd0 : active raid1 sdb1[1] sda1[0](F)\n      1047552 blocks [2/1] [U_]\n"
            b"      [=>...]  recovery =  8.5% (1/2) finish=1.0min\n\nunused devices: <none>\n",
        ),
        allowed=(),
    )
    yield Parser(
        name="probes.device_mapper.parse_status",
        call=text(lambda told: device_mapper.readings(device_mapper.parse_status(told).pools)),
        seeds=(
            b"vg-lv: 0 409600 raid raid1 2 AA 409600/409600 idle 0 0 -\nvg-m: 0 8 mirror 2 253:1 253:2 5/8 1 AA 3 disk 253:0 A\n"
            b"vg-p-tpool: 0 8192 thin-pool 1 10/1024 50/4096 - rw no_discard_passdown queue_if_no_space -\n",
        ),
        allowed=(),
    )
    device = bytes([17, 0x28, 1, 0]) + bytes(8) + b"\x00\x40" + bytes([9, 0, 1, 2, 0x1A]) + bytes(21)
    yield Parser(
        name="probes.smbios.memory_slots",
        call=smbios.memory_slots,
        seeds=(device + b"DIMM A\0BANK 0\0\0" + bytes([127, 4, 2, 0, 0, 0]),),
        allowed=(),
    )
    yield Parser(
        name="probes.pci.parse",
        call=lambda data: pci.parse("0000:01:00.0", pairs(data), "nvme"),
        seeds=(
            b"vendor=0x10de\ndevice=0x1f82\nclass=0x030000\nrevision=0xa1\nsubsystem_vendor=0x1043\nsubsystem_device=0x1\n",
        ),
        allowed=(),
    )
    yield Parser(
        name="probes.pci.names",
        call=lambda data: pci.names(data.decode("utf-8", "replace").splitlines(True), {"10de:1f82"}),
        seeds=(b"# x\n10de  NVIDIA\n\t1f82  TU117\n\t\t1043 1  y\nC 00  Old\n",),
        allowed=(),
    )
    yield Parser(
        name="probes.security_state.secure_boot_variable",
        call=security_state.secure_boot_variable,
        seeds=(b"\6\0\0\0\1",),
        allowed=(),
    )
    yield Parser(
        name="probes.security_state.ruleset",
        call=text(security_state.ruleset),
        seeds=(
            b'{"nftables": [{"chain": {"family": "inet", "table": "f", "name": "input", "hook": "input", "type": "filter",'
            b'"policy": "drop"}}, {"rule": {"family": "inet", "table": "f", "chain": "input"}}]}',
        ),
        allowed=(),
    )


def _written_down() -> Iterator[Parser]:
    yield Parser(
        name="probes.needrestart.parse",
        call=text(lambda told: needrestart.parse(told).kernel_waits),
        corpus=("updates/jc_needrestart*",),
        seeds=(b"NEEDRESTART-VER: 3.6\nNEEDRESTART-KCUR: 6.1\nNEEDRESTART-KSTA: 3\nNEEDRESTART-SVC: a\n",),
        allowed=(),
    )
    yield Parser(
        name="probes.clock_windows.parse",
        call=text(clock_windows.parse),
        seeds=(
            b"Leap Indicator: 0(no warning)\nStratum: 3 (secondary)\nPrecision: -23\nRoot Delay: 0.03s\nRoot Dispersion: 1s\n"
            b"ReferenceId: 0x0A000001 (source IP:  10.0.0.1)\nLast: x\nSource: y\nPoll: 10\nPhase Offset: -0.0012345s\n",
        ),
        allowed=(Unavailable,),
    )
    yield Parser(
        name="probes.clock_linux.servers",
        call=used_up(clock_linux.servers),
        seeds=(b"server ntp.example iburst\npool 2.debian.pool.ntp.org\nNTP=a b c\n",),
        allowed=(),
    )
    yield Parser(
        name="probes.clock_linux.chrony_server",
        call=text(lambda told: (clock_linux.chrony_server(told), clock_linux.timesyncd_server(told))),
        seeds=(b"0A000001,10.0.0.1,3,1.2,0,0,0,0,0,0,0,0,0,Normal\n", b"ServerName=a\nServerAddress=1\n"),
        allowed=(),
    )
    yield Parser(
        name="probes.operating_system_windows.parse",
        call=lambda data: operating_system_windows.parse(pairs(data), pairs(data), None),
        seeds=(
            b"ProductName=Windows 10 Pro\nCurrentBuildNumber=22631\nCurrentBuild=22631\nUBR=3155\nDisplayVersion=23H2\n"
            b"EditionID=Professional\nInstallationType=Client\nInstallDate=1700000000\nPROCESSOR_ARCHITECTURE=AMD64\n",
        ),
        allowed=(Unavailable,),
    )
    backups = (
        (
            b"Id=restic.service\nLoadState=loaded\nResult=success\nExecMainStatus=0\nExecMainExitTimestamp=@1700000000\n",
        ),
        (b"2024-01-02T03:04:05.000000",),
        (b"<date>2024-01-02 03:04:05</date>",),
        (b'"created" : "1700000000"',),
        (b"duplicity-full.20240102T030405Z.manifest.gpg",),
    )
    readers = (
        backup_evidence.services,
        backup_evidence.borg_manifest,
        backup_evidence.snapper_date,
        backup_evidence.timeshift_created,
        backup_evidence.duplicity_manifest,
    )
    for read, seeds in zip(readers, backups, strict=True):
        yield Parser(name=f"probes.backup_evidence.{read.__name__}", call=text(read), seeds=seeds, allowed=())
