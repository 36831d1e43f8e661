"""What the agent's own parsers read out of each captured sample, named as EXPECTED.json names it.

One function a folder of ../shared/samples. Where the agent has no such source (a powercfg report, `systeminfo`) a
reader of a few lines stands here and says so. Runs on Linux and on the Windows Python: no module of one system only.
"""

import dataclasses
import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from agent.probe import Place, Unavailable
from agent.probes import (
    alsa,
    dmi,
    edid,
    nvme,
    pipewire,
    sensors,
    smart,
    usb_tree,
    xrandr,
)
from agent.windows import rows
from protos.placeholders import is_placeholder
from tests.agent.sample_updates import updates
from tests.agent.windows.captured import read_reg, read_wmi

Facts = dict[str, Any]


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def _edid(path: Path, told: Facts) -> Facts:
    data = path.read_bytes()
    read = edid.parse(data)
    return {
        "bytes": len(data),
        "manufacturer": read.maker,
        "product_code_hex": read.product_code,
        "serial_number": read.serial_number,
        "week": read.week or 0,  # told as written; unknown to us
        "year": read.year,
        "edid_version": read.version,
        "digital": read.is_digital,
        "extensions_promised": read.extensions_promised,
        "blocks_delivered": read.blocks_delivered,
        "checksum_ok": list(read.checksums_ok),
        "name": read.name,
        "serial_text": read.serial_text,
        "text_strings": list(read.texts),
        "preferred": read.preferred.size if read.preferred else None,
        "serial_is_placeholder": read.serial is None,
    }


def _alsa(path: Path, told: Facts) -> Facts:
    """The dump holds the whole of /proc/asound/cards below a heading."""
    found = re.search(r"!!Soundcards recognised by ALSA\r?\n!!-+\r?\n(.*?)\r?\n!!", _text(path), re.DOTALL)
    assert found is not None
    cards = alsa.parse_cards(found[1])
    return {"cards": [[card.number, card.id, card.driver, card.name] for card in cards]}


def _lsusb(path: Path, told: Facts) -> Facts:
    text = _text(path)
    if "buses" in told:
        branches = usb_tree.parse_tree(text)
        assert len(branches) == len([line for line in text.splitlines() if line.strip()])
        return {"lines": len(text.splitlines()), "buses": len({branch.bus for branch in branches})}
    listed = usb_tree.parse_lsusb(text)
    return {
        "devices": [[one.bus, one.device, f"{one.vendor_id}:{one.product_id}", one.text] for one in listed]
    }


def _pipewire(path: Path, told: Facts) -> Facts:
    text = _text(path)
    if "default_sink" in told:
        server = pipewire.parse_info(text)
        assert (server.has_no_speaker, server.has_no_microphone) == ("verdict" in told, "verdict" in told)
        return {
            "server": server.name,
            "default_sink": server.default_sink,
            "default_source": server.default_source,
        }
    flow = "sink" if "sinks" in told else "source"
    endpoints = pipewire.parse_endpoints(text, flow)
    full = [
        {
            "name": each.name,
            "description": each.description,
            "muted": each.is_muted,
            "state": each.state,
            "is_monitor": each.is_monitor,
        }
        for each in endpoints
    ]
    return {f"{flow}s": full, "real_sinks": sum(each.is_real for each in endpoints)}


def _xrandr(path: Path, told: Facts) -> Facts:
    outputs = xrandr.parse(_text(path))
    return {
        "connected": [[output.name, output.geometry] for output in outputs if output.is_connected],
        "disconnected": [output.name for output in outputs if output.is_connected is False],
    }


def _smartctl(path: Path, told: Facts) -> Facts:
    if told["kind"] == "scan":
        return {"devices": [dataclasses.asdict(found) for found in smart.parse_scan(_text(path))]}
    facts: Facts = json.loads(json.dumps(dataclasses.asdict(smart.parse(_text(path)))))
    if facts["power_on_hours"] in told.get("power_on_hours_ok", ()):  # two readings of one packed counter
        facts["power_on_hours"] = told["power_on_hours"]
    return facts


def _nvme(path: Path, told: Facts) -> Facts:
    if told["kind"] == "list":
        return {"devices": [dataclasses.asdict(listed) for listed in nvme.parse_list(_text(path))]}
    facts = nvme.parse_smart_log(_text(path))
    log = facts.nvme or {}
    celsius = facts.temperature_celsius
    return {
        **log,
        "temperature_celsius": celsius,
        "temperature_kelvin": None if celsius is None else celsius + 273,
        "spare_threshold_ratio": log.get("available_spare_threshold_ratio"),
        "power_on_hours": facts.power_on_hours,
    }


# fact: structure and field of the table dmidecode prints
_TABLE: Final = {
    "bios_vendor": ("BIOS Information", "Vendor"),
    "bios_version": ("BIOS Information", "Version"),
    "bios_date": ("BIOS Information", "Release Date"),
    "manufacturer": ("System Information", "Manufacturer"),
    "product": ("System Information", "Product Name"),
    "version": ("System Information", "Version"),
    "serial": ("System Information", "Serial Number"),
    "uuid": ("System Information", "UUID"),
    "sku": ("System Information", "SKU Number"),
    "family": ("System Information", "Family"),
    "board_manufacturer": ("Base Board Information", "Manufacturer"),
    "board_product": ("Base Board Information", "Product Name"),
    "board_serial": ("Base Board Information", "Serial Number"),
    "chassis_type": ("Chassis Information", "Type"),
    "chassis_serial": ("Chassis Information", "Serial Number"),
    "asset_tag": ("Chassis Information", "Asset Tag"),
}


def _dmidecode(path: Path, told: Facts) -> Facts:
    blocks = dmi.parse(_text(path))
    first: dict[str, dict[str, str]] = {}
    for block in blocks:
        first.setdefault(block.title, block.fields)
    slots = dmi.memory_slots(blocks)
    filled = [slot.size_bytes for slot in slots if slot.size_bytes]
    serial = first.get("System Information", {}).get("Serial Number", "")
    facts: Facts = {fact: first.get(title, {}).get(field) for fact, (title, field) in _TABLE.items()}
    return {
        **facts,
        "processors": sum(block.title == "Processor Information" for block in blocks) or None,
        "batteries": sum(block.title == "Portable Battery" for block in blocks),
        "memory_slots": len(slots) or None,
        "memory_modules": len(filled) if slots else None,
        "memory_bytes": sum(filled) if slots else None,
        "is_virtual": dmi.is_virtual(facts["manufacturer"] or "", facts["product"] or ""),
        "serial_is_placeholder": is_placeholder(serial),
    }


def _sensors(path: Path, told: Facts) -> Facts:
    """The agent reads /sys/class/hwmon, not `sensors -j`: a tree of each chip is made from the capture."""
    chips: dict[str, Any] = json.loads(_text(path))
    found: dict[str, list[list[object]]] = {"sensor_temperature_celsius": [], "sensor_fan_rpm": []}
    flags = 0
    for title, inputs in chips.items():
        flags += sum(
            bool(value)
            for values in inputs.values()
            if isinstance(values, dict)
            for name, value in values.items()
            if name.endswith("_alarm")
        )
        with tempfile.TemporaryDirectory() as folder:
            try:
                taken = sensors.Fans().read(_chip(Path(folder), title.partition("-")[0], inputs))
            except Unavailable:
                continue  # a chip of voltages only
        for reading in taken.readings:
            if reading.metric in found:
                label = reading.label.partition(" ")[2]
                found[reading.metric].append([title, label, round(reading.last, 3)])
    fans = found["sensor_fan_rpm"]
    return {
        "chips": len(chips),
        "temperatures": found["sensor_temperature_celsius"],
        "fans": fans,
        "spinning_fans": [fan for fan in fans if fan[2]],
        "alarm_flags_set": flags,
    }


def _chip(root: Path, name: str, inputs: dict[str, Any]) -> Place:
    chip = root / "sys" / "class" / "hwmon" / "hwmon0"
    chip.mkdir(parents=True)
    (chip / "name").write_text(name + "\n", encoding="utf-8")
    for label, values in inputs.items():
        for file, value in values.items() if isinstance(values, dict) else ():
            scale = 1000 if re.fullmatch(r"temp\d+_(input|crit|max|min)", file) else 1
            (chip / file).write_text(f"{round(value * scale)}\n", encoding="utf-8")
            (chip / f"{file.partition('_')[0]}_label").write_text(label + "\n", encoding="utf-8")
    return Place(root=root)


def _windows(path: Path, told: Facts) -> Facts:
    if path.suffix == ".reg":
        return _registry(path)
    if path.suffix == ".xml":
        return _battery_report(path)
    if path.suffix == ".out":
        return _systeminfo(_text(path))
    records = read_wmi(path)
    wanted = told.get("rows", [])
    assert len(wanted) <= len(records)
    classes = [rows.text(record, "creationclassname") for record in records]
    return {
        "records": len(records),
        "rows": [
            {name: rows.text(record, name.lower()) or "" for name in want}
            for want, record in zip(wanted, records, strict=False)
        ],
        "by_class": {name: classes.count(name) for name in told.get("by_class", {})},
        "problem_devices": [
            [rows.text(row, "caption"), code, rows.text(row, "creationclassname")]
            for row in records
            if (code := rows.whole(row, "configmanagererrorcode"))
        ],
        "sound": [
            rows.text(row, "caption")
            for row, name in zip(records, classes, strict=True)
            if name == "Win32_SoundDevice"
        ],
    }


def _registry(path: Path) -> Facts:
    keys = read_reg(path)
    found = (
        re.search(r"\\VID_([0-9a-f]{4})&PID_([0-9a-f]{4})\\([^\\]+)$", key, re.IGNORECASE) for key in keys
    )
    devices = [[f"{place[1]}:{place[2]}".lower(), place[3]] for place in found if place]
    users = [values["LastLoggedOnUser"] for values in keys.values() if "LastLoggedOnUser" in values]
    return {
        "keys": len(keys),
        # as the export writes it
        "LastLoggedOnUser": ['"' + str(user).replace("\\", "\\\\") + '"' for user in users],
        "devices": sorted(devices),
        # An ampersand in it: made by Windows from the port, not the device's own.
        "with_true_serial": sorted(device for device in devices if "&" not in device[1]),
    }


def _battery_report(path: Path) -> Facts:
    """No source of the agent: it asks WMI for the same."""
    space = {"b": "http://schemas.microsoft.com/battery/2012"}
    batteries = []
    root = ElementTree.fromstring(path.read_bytes())  # noqa: S314 - a file of ours
    for battery in root.findall("b:Batteries/b:Battery", space):
        fields = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in battery}
        design, full = int(fields["DesignCapacity"]), int(fields["FullChargeCapacity"])
        batteries.append(
            {
                "id": fields["Id"],
                "manufacturer": fields["Manufacturer"],
                "serial": fields["SerialNumber"],
                "design_mwh": design,
                "full_mwh": full,
                "cycles": int(fields["CycleCount"]),
                "health_ratio": round(full / design, 3),
            }
        )
    return {"batteries": batteries}


def _systeminfo(text: str) -> Facts:
    """No source of the agent: its words are translated by Windows."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and line[:1] not in ("", " "):
            fields.setdefault(name, value.strip())
    return {
        "host": fields["Host Name"],
        "os": fields["OS Name"],
        "version": fields["OS Version"],
        "manufacturer": fields["System Manufacturer"],
        "model": fields["System Model"],
        "memory_mb": int(re.sub(r"\D", "", fields["Total Physical Memory"])),
        "domain": fields["Domain"],
        "boot_time": fields["System Boot Time"],
        "hotfix_count": int(fields["Hotfix(s)"].split()[0]),
        "kb_listed": len(re.findall(r"\]: KB\d+", text)),
    }


READERS: Final[dict[str, Callable[[Path, Facts], Facts]]] = {
    "alsa": _alsa,
    "dmidecode": _dmidecode,
    "edid": _edid,
    "lsusb": _lsusb,
    "nvme": _nvme,
    "pipewire": _pipewire,
    "sensors": _sensors,
    "smartctl": _smartctl,
    "updates": updates,
    "windows": _windows,
    "xrandr": _xrandr,
}
