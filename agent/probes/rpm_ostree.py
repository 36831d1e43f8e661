"""What `rpm-ostree status --json` says, as facts. Pure: text in, facts out."""

import json
from dataclasses import dataclass
from typing import Any

from agent.probes.updates import Update


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    booted: str  # version of the running deployment
    pending: str | None  # version of the one the next start takes, when that is another
    update: list[Update] | None  # what the last look found; None: it found nothing, or nobody looked


def parse(text: str) -> Status:
    try:
        tree: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("rpm-ostree printed no JSON") from error
    deployments = tree.get("deployments") if isinstance(tree, dict) else None
    rows = [row for row in deployments if isinstance(row, dict)] if isinstance(deployments, list) else []
    booted = next((row for row in rows if row.get("booted") is True), None)
    if booted is None:
        raise ValueError("rpm-ostree names no running deployment")
    # In the order the boot loader has them: the first one is taken at the next start.
    pending = _version(rows[0]) if rows[0] is not booted else None
    found = tree.get("cached-update")
    return Status(
        booted=_version(booted), pending=pending, update=_updates(found, _version(booted)) if found else None
    )


def _updates(found: Any, installed: str) -> list[Update]:
    if not isinstance(found, dict):
        return []
    advisories = found.get("sec-advisories", found.get("security"))
    return [
        Update(
            name="system image",
            installed=installed,
            candidate=str(found.get("version") or found.get("checksum") or "")[:64],
            security=bool(advisories) if isinstance(advisories, list) else None,
        )
    ]


def _version(row: dict[str, Any]) -> str:
    return str(row.get("version") or row.get("checksum") or "")[:64]
