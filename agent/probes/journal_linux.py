"""Obtains the journal's entries: runs journalctl, on a captured tree with that tree's journal."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from agent import commands
from agent.probe import Place, Unavailable
from agent.probes import journal
from agent.probes.journal import Entry

_LIMIT_SECONDS = 40.0
_PERSISTENT, _VOLATILE = "/var/log/journal", "/run/log/journal"


def entries(place: Place, since: datetime, matches: Sequence[str], most: int) -> list[Entry]:
    """The newest `most`, oldest first. None at all may mean that this user sees none: `may_be_read` tells."""
    where: tuple[str, ...] = ()
    if not place.is_live:
        # This machine's own journalctl is told where to read.
        directory = next((path for path in _directories(place) if path.is_dir()), None)
        if directory is None:
            raise Unavailable("no journal in the captured tree")
        where = (f"--directory={directory}",)
    finished = commands.run(
        "journalctl",
        *where,
        "--quiet",
        "--no-pager",
        "--output=json",
        f"--output-fields={','.join(journal.fields())}",
        "--reverse",  # with --lines: the newest ones
        f"--lines={most}",
        f"--since=@{int(since.timestamp())}",
        *matches,
        limit_seconds=_LIMIT_SECONDS,
        ok=(0,),
    )
    found = list(journal.parse(finished.output.splitlines()))
    found.reverse()
    return found


def is_persistent(place: Place) -> bool:
    try:
        return any(place.path(_PERSISTENT).glob("*/*.journal"))
    except OSError:
        return False


def may_be_read(place: Place) -> bool:
    """Whether there is a journal of the system that this user may open. Without the right one sees an empty one."""
    return any(
        os.access(path, os.R_OK)
        for directory in _directories(place)
        for pattern in ("*/system*.journal", "system*.journal")
        for path in directory.glob(pattern)
    )


def _directories(place: Place) -> tuple[Path, Path]:
    return place.path(_PERSISTENT), place.path(_VOLATILE)
