"""Obtains what memory_errors.py tells: EDAC's counters from /sys, rasdaemon's record from its database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from agent.probe import Place
from agent.probes import kernel_files
from agent.probes.memory_errors import Recorded, Slot

_EDAC = "/sys/devices/system/edac/mc"
_RECORD = "/var/lib/rasdaemon/ras-mc_event.db"
_WAIT_SECONDS = 2.0
_ROWS_AT_MOST = 1000


def slots(place: Place) -> list[Slot]:
    found: dict[str, Slot] = {}
    for controller in sorted(place.path(_EDAC).glob("mc[0-9]*")):
        for slot in _of_controller(controller):
            # Boards whose labels nobody filled in give the same one twice.
            name = slot.name if slot.name not in found else f"{controller.name} {slot.name}"
            found.setdefault(name, replace(slot, name=name))
    return list(found.values())


def _of_controller(path: Path) -> Iterator[Slot]:
    modules = [*sorted(path.glob("dimm[0-9]*")), *sorted(path.glob("rank[0-9]*"))]
    for module in modules:
        megabytes = kernel_files.number(module / "size")
        yield Slot(
            name=kernel_files.text(module / "dimm_label") or f"{path.name} {module.name}",
            corrected=kernel_files.number(module / "dimm_ce_count"),
            uncorrected=kernel_files.number(module / "dimm_ue_count"),
            kind=kernel_files.text(module / "dimm_mem_type"),
            size_bytes=megabytes * 1024 * 1024 if megabytes else None,
        )
    if not modules:
        yield from _of_rows(path)
    corrected = kernel_files.number(path / "ce_noinfo_count")
    uncorrected = kernel_files.number(path / "ue_noinfo_count")
    if corrected or uncorrected:
        yield Slot(name=f"{path.name} slot not told", corrected=corrected, uncorrected=uncorrected)


def _of_rows(path: Path) -> Iterator[Slot]:
    """Before Linux 3.6, and drivers that know chip-select rows only: uncorrected errors by row alone."""
    for row in sorted(path.glob("csrow[0-9]*")):
        for channel in sorted(row.glob("ch[0-9]*_ce_count")):
            number = channel.name.removesuffix("_ce_count")
            label = kernel_files.text(row / f"{number}_dimm_label")
            yield Slot(
                name=label or f"{path.name} {row.name} {number}", corrected=kernel_files.number(channel)
            )
        yield Slot(name=f"{path.name} {row.name}", uncorrected=kernel_files.number(row / "ue_count"))


def recorded(place: Place) -> tuple[list[Recorded], str]:
    """By label, and a remark when the record is there and could not be read."""
    path = place.path(_RECORD)
    try:
        if not path.is_file():
            return [], ""
        return _read(path, live=place.is_live), ""
    except (OSError, sqlite3.Error):
        return [], "rasdaemon's record could not be read"


def _read(path: Path, *, live: bool) -> list[Recorded]:
    # Beside a captured record no journal of its database may be written or waited for.
    how = "mode=ro" if live else "mode=ro&immutable=1"
    uri = f"{path.absolute().as_uri()}?{how}"
    with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS)) as database:
        columns = {row[1] for row in database.execute("PRAGMA table_info(mc_event)")}
        if not columns:
            return []
        label = "label" if "label" in columns else "''"
        kind = "err_type" if "err_type" in columns else "'Corrected'"
        count = "SUM(err_count)" if "err_count" in columns else "COUNT(*)"
        moment = "MAX(timestamp)" if "timestamp" in columns else "NULL"
        rows = database.execute(
            f"SELECT {label}, {kind}, {count}, {moment} FROM mc_event GROUP BY 1, 2 LIMIT {_ROWS_AT_MOST}"  # noqa: S608
        ).fetchall()
    return summed(rows)


def summed(rows: list[tuple[object, object, object, object]]) -> list[Recorded]:
    """Of (label, type, count, moment). Types are Corrected, Uncorrected, Deferred, Fatal and Info."""
    found: dict[str, Recorded] = {}
    for label, kind, count, moment in rows:
        name = str(label or "").strip()[:64] or "slot not told"
        number = count if isinstance(count, int) and count > 0 else 0
        seen = found.get(name) or Recorded(name=name, corrected=0, uncorrected=0)
        is_bad = kind in ("Uncorrected", "Fatal", "Deferred")
        at = max(filter(None, (seen.last_at, _moment(moment))), default=None)
        found[name] = Recorded(
            name=name,
            corrected=seen.corrected + (number if kind == "Corrected" else 0),
            uncorrected=seen.uncorrected + (number if is_bad else 0),
            last_at=at,
        )
    return list(found.values())


def _moment(value: object) -> datetime | None:
    """`2014-08-01 17:32:31 -0300`."""
    try:
        return datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
