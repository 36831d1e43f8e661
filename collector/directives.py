"""What the collector may ask of a device: collect now, other intervals, renew. Closed enums and integers.

Directives wait here, in memory, until a Listen stream or the next ack takes them. Losing them with the
process is harmless: a refresh request is in the store until it is answered, and a section that is missing
is asked for again with the next report that announces it.
"""

import asyncio
from collections import defaultdict
from threading import Lock

from protos.intake_pb2 import COLLECT_NOW, EVERYTHING, Directive, Subject
from protos.sections import BY_NAME

_SUBJECTS = {name.lower(): number for name, number in Subject.items()}


def subject_of_section(section: str) -> int:
    """The probe that fills a section, as a directive names it."""
    row = BY_NAME.get(section)
    return _SUBJECTS.get(row.probe, EVERYTHING) if row else EVERYTHING


class Desk:
    """Directives by device. `put` may be called from any thread; streams wait on the server's event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop
        self._waiting: defaultdict[str, list[Directive]] = defaultdict(list)
        self._streams: dict[str, asyncio.Event] = {}
        self._lock = Lock()

    def put(self, device_id: str, directive: Directive) -> None:
        with self._lock:
            if directive not in self._waiting[device_id]:
                self._waiting[device_id].append(directive)
            wake = self._streams.get(device_id)
        if wake is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(wake.set)

    def take(self, device_id: str) -> list[Directive]:
        """All that wait for the device; they are not kept."""
        with self._lock:
            return self._waiting.pop(device_id, [])

    def attach(self, device_id: str) -> asyncio.Event:
        """A stream of the device stands open; the newest one gets the directives."""
        wake = asyncio.Event()
        with self._lock:
            if self._waiting.get(device_id):
                wake.set()
            self._streams[device_id] = wake
        return wake

    def detach(self, device_id: str, wake: asyncio.Event) -> None:
        with self._lock:
            if self._streams.get(device_id) is wake:
                del self._streams[device_id]

    def listening(self, device_id: str) -> bool:
        return device_id in self._streams


def collect_now(subjects: list[int], request: int = 0) -> Directive:
    """Run these probes now, report at once, with the items of their sections."""
    return Directive(kind=COLLECT_NOW, subjects=subjects or [EVERYTHING], request=request)  # type: ignore[arg-type]
