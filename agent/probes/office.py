"""Office Click-to-Run, by its own configuration in the registry. Office of the MSI kind is in `software` only."""

from collections.abc import Mapping
from typing import Final

from agent.probe import item
from agent.windows import Value
from protos.report_pb2 import Item

# The channel is the GUID its update address ends with.
CHANNELS: Final = {
    "492350f6-3a01-4f97-b9c0-c7c6ddf67d60": "Current",
    "64256afe-f5d9-4f86-8936-8840a6a4f5be": "Current (Preview)",
    "55336b82-a18d-4dd6-b5f6-9e5095c314a6": "Monthly Enterprise",
    "7ffbc6bf-bc32-4f92-8982-f9dd17fd3114": "Semi-Annual Enterprise",
    "b8f9b850-328d-4355-9145-c59439a0c4cf": "Semi-Annual Enterprise (Preview)",
    "5440fd1f-7ecb-4221-8110-145efaa6372f": "Beta",
}


def items(found: Mapping[str, Value] | None) -> list[Item]:
    """None where Office is not installed in this way."""
    if not found or not _text(found.get("VersionToReport")):
        return []
    return [
        item(
            "click_to_run",
            version=_text(found.get("VersionToReport")),
            channel=channel(_text(found.get("UpdateChannel"))) or channel(_text(found.get("CDNBaseUrl"))),
            platform=_text(found.get("Platform")),
            products=_text(found.get("ProductReleaseIds")),
            updates_enabled=_switch(found.get("UpdatesEnabled")),
        )
    ]


def channel(address: str | None) -> str | None:
    """The channel's name; `unknown` for a GUID that is not in the table, `own server` for an address without one."""
    if not address:
        return None
    last = address.rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1].lower()
    if last in CHANNELS:
        return CHANNELS[last]
    return "unknown" if len(last) == 36 and last.count("-") == 4 else "own server"


def _switch(value: Value) -> bool | None:
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


def _text(value: Value) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
