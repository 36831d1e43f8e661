"""What a program shows on a terminal, for one that only draws and never ends by itself."""

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Final

from agent import commands
from agent.commands import Account
from agent.probe import Unavailable

_MOST: Final = 1 << 20
# Wide and high enough that nothing is cut; of a kind whose sequences are few and old.
_TERMINAL = {"TERM": "vt100", "COLUMNS": "300", "LINES": "500"}


def shown(program: str, *, for_seconds: float, account: Account, variables: Mapping[str, str]) -> str:
    """All it wrote in that time; then it is ended, and nothing was typed to it.

    Raises Unavailable when there is no such program, PermissionError when we may not become that account.
    """
    path = commands.find(program)
    if path is None:
        raise Unavailable(f"no {program} on this device")
    if sys.platform == "win32":
        raise Unavailable("Windows has no such terminal")
    ours, its = os.openpty()
    process = None
    written = b""
    try:
        switch = account if account.uid != os.geteuid() else None
        process = subprocess.Popen(
            [path], stdin=subprocess.DEVNULL, stdout=its, stderr=subprocess.DEVNULL, start_new_session=True, cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "LANG": "C", **_TERMINAL, **variables},
            user=switch.uid if switch else None, group=switch.gid if switch else None,
            extra_groups=() if switch else None,
        )  # fmt: skip
        ends_at = time.monotonic() + for_seconds
        while (left := ends_at - time.monotonic()) > 0 and len(written) < _MOST:
            if not select.select([ours], [], [], min(left, 0.2))[0]:
                if process.poll() is not None:
                    break
                continue
            written += os.read(ours, 65536)
    finally:
        if process is not None:
            commands.end_family(process)
        for end in (ours, its):
            with contextlib.suppress(OSError):
                os.close(end)
    return written.decode("utf-8", "replace")
