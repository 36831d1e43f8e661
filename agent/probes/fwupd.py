"""What fwupdmgr says with --json, as facts. Pure: text in, facts out."""

import json
from typing import Any

from agent.probe import item
from protos.report_pb2 import Item

_WANTED_FLAGS = ("updatable", "require-ac", "needs-reboot")


def parse_updates(text: str) -> dict[str, Item]:
    """Output of `get-updates`, by device id: what is on offer and how urgent its maker finds it."""
    rows = {}
    for device in _rows(text, "Devices"):
        releases = device.get("Releases")
        first = releases[0] if isinstance(releases, list) and releases else None
        key = _text(device, "DeviceId")
        if not isinstance(first, dict) or not key:
            continue
        rows[key] = item(
            f"firmware {key[:16]}",
            kind="firmware",
            name=_text(device, "Name"),
            maker=_text(device, "Vendor"),
            installed=_text(device, "Version"),
            candidate=_text(first, "Version"),
            severity=_text(first, "Urgency"),
        )
    return rows


def parse_devices(text: str) -> dict[str, frozenset[str]]:
    """Output of `get-devices`: device id → those of its flags that matter here."""
    result = {}
    for device in _rows(text, "Devices"):
        flags = device.get("Flags")
        if key := _text(device, "DeviceId"):
            result[key] = frozenset(
                flag for flag in _WANTED_FLAGS if isinstance(flags, list) and flag in flags
            )
    return result


def parse_metadata_at(text: str) -> float | None:
    """Output of `get-remotes`: when the newest downloaded catalogue was written. None: there is none yet."""
    times = [
        remote["Mtime"]
        for remote in _rows(text, "Remotes")
        if remote.get("Kind") == "download"
        and remote.get("Enabled") is True
        and isinstance(remote.get("Mtime"), int)
        and 0 < remote["Mtime"] < 2**40  # -1: never
    ]
    return float(max(times)) if times else None


def _rows(text: str, name: str) -> list[dict[str, Any]]:
    """Raises ValueError when it is no answer: fwupdmgr prints its error as JSON as well."""
    try:
        tree: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("fwupd printed no JSON") from error
    told = tree if isinstance(tree, dict) else {}
    if isinstance(failure := told.get("Error"), dict):
        raise ValueError(str(failure.get("Message") or "fwupd could not answer")[:200])
    rows = told.get(name)
    if not isinstance(rows, list):
        raise ValueError(f"fwupd printed no {name}")
    return [row for row in rows if isinstance(row, dict)]


def _text(row: dict[str, Any], name: str) -> str | None:
    value = row.get(name)
    return value.strip()[:120] or None if isinstance(value, str) else None
