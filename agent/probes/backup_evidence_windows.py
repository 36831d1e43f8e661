"""What backup_evidence.py reads on Windows. Who a File History belongs to stays here."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from agent.probe import Place, Unavailable
from agent.probes.backup_evidence import Evidence, filetime
from agent.windows import CIMV2, Sources, rows
from agent.windows.live import sources

_FILE_HISTORY = r"Software\Microsoft\Windows\CurrentVersion\FileHistory"
_BACKUP_LOG = "Microsoft-Windows-Backup"
_SUCCEEDED = 4  # "the backup operation has finished successfully"; 14 comes after failures too
_LOOK_BACK = timedelta(days=400)


def find(place: Place, now: datetime) -> tuple[list[Evidence], list[str]]:
    source = sources(place)
    found: list[Evidence] = []
    remarks: list[str] = []
    parts: tuple[tuple[str, Callable[[Sources], Iterator[Evidence]]], ...] = (
        ("File History", _file_history),
        ("wbadmin", partial(_wbadmin, since=now - _LOOK_BACK)),
        ("shadow copies", _shadow_copies),
    )
    for name, part in parts:
        try:
            found += part(source)
        except Unavailable as reason:
            remarks.append(f"{name}: {reason}")
    if len(remarks) == len(parts):
        raise Unavailable("; ".join(remarks))
    return found, remarks


def _file_history(source: Sources) -> Iterator[Evidence]:
    """Of users who are signed in: only their part of the registry is loaded."""
    for user in source.subkeys("HKU") or []:
        if user.startswith(("S-1-5-21-", "S-1-12-1-")) and not user.endswith("_Classes"):
            values = source.values(rf"HKU\{user}\{_FILE_HISTORY}")
            if values is not None:
                at = filetime(values.get("ProtectedUpToTime"))
                yield Evidence(method="file_history", at=at, proof="record" if at else None)


def _wbadmin(source: Sources, since: datetime) -> Iterator[Evidence]:
    for event in source.events(_BACKUP_LOG, {_BACKUP_LOG: (_SUCCEEDED,)}, since):
        yield Evidence(method="wbadmin", at=event.at, proof="run")


def _shadow_copies(source: Sources) -> Iterator[Evidence]:
    for row in source.rows(CIMV2, "Win32_ShadowCopy"):
        if (at := rows.moment(row, "installdate")) is not None:
            yield Evidence(method="shadow_copies", at=at, proof="record")
