"""The Listen stream: the collector's directives a little sooner. Never required."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from agent.channel import Trouble
from protos.intake_pb2 import Directive

log = logging.getLogger(__name__)


class Stream(Protocol):
    def listen(self) -> Iterator[Directive]: ...


def listen(
    stop: threading.Event,
    current: Callable[[], Stream | None],
    on_directives: Callable[[Iterable[Directive]], None],
    chance: Callable[[], float],
    *,
    base_seconds: float,
    cap_seconds: float,
) -> None:
    """Follow the stream of the connection in use until `stop`; wait longer each time it ends at once.

    A proxy that cuts streams costs nothing but these tries: the same directives ride on the next ack.
    """
    failures = 0
    while not stop.is_set():
        stream = current()
        if stream is None:
            stop.wait(1.0)
            continue
        try:
            for directive in stream.listen():
                failures = 0
                on_directives([directive])
        except Trouble as error:
            log.debug("listen: %s", error)
        limit = min(cap_seconds, base_seconds * 2.0 ** min(failures, 30))
        failures += 1
        stop.wait(chance() * limit)
