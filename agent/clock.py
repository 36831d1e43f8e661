"""What time it is: handed to whatever needs it, so that a test needs no sleep."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    now: Callable[[], datetime]  # aware UTC; may jump, so nothing is scheduled by it
    tick: Callable[[], float]  # seconds that only grow


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _boot_seconds() -> float:
    # Counts through sleep, which time.monotonic() on Linux does not: a laptop that wakes is due at once.
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


SYSTEM = Clock(now=_utc_now, tick=_boot_seconds)
