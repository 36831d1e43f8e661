"""One agent a state directory: two would number their reports twice."""

import os
import time
from pathlib import Path
from typing import Final

NAME: Final = "agent.lock"
_TRIES: Final = 5


class Held(Exception):
    """Another process holds the lock."""


class Lock:
    """Held until `release` or the end of the process, also by kill -9: the system lets go, not we."""

    def __init__(self, state_dir: Path) -> None:
        """Raises Held, or OSError when the file cannot be opened."""
        self._descriptor = os.open(state_dir / NAME, os.O_RDWR | os.O_CREAT, 0o600)
        for _ in range(_TRIES):
            try:
                _lock(self._descriptor)
                return
            except OSError:
                time.sleep(0.02)  # `status` may have looked at it just now
        os.close(self._descriptor)
        raise Held(f"an agent is already running on {state_dir}")

    def release(self) -> None:
        os.close(self._descriptor)


def is_held(state_dir: Path) -> bool | None:
    """Whether an agent runs on this state directory; None when that cannot be seen."""
    if not (state_dir / NAME).exists():
        return False
    try:
        Lock(state_dir).release()
    except Held:
        return True
    except OSError:
        return None
    return False


def _lock(descriptor: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
