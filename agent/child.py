"""One probe in a process of its own: `python -m agent.child PROBE ROOT ROOM_FILE [FILESYSTEM …]`.

Its answer is a serialised Report on standard output. Limits are set here, before the probe is loaded: the
agent has threads, and code between its fork and exec would not be safe.
"""

import contextlib
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agent import room
from agent.clock import SYSTEM
from agent.probe import Place, Probe
from agent.runner import attempt, pack

_MEMORY_BYTES: Final = 1024**3
_NICE: Final = 10


def command(probe: Probe, place: Place) -> list[str]:
    """What the agent starts for `probe`."""
    from agent.identity import own_command  # loads what the child itself never needs

    room_file = str(place.room.file) if place.room is not None else ""
    return own_command("child", probe.name, str(place.root), room_file, *place.extra_filesystems)


def main(arguments: Sequence[str]) -> int:
    """Entered from agent.__main__ too, where a frozen build has no -m."""
    from agent.probes.apart import APART

    return serve(tuple(APART.values()), arguments)


def serve(probes: Sequence[Probe], arguments: Sequence[str]) -> int:
    """Run the probe named first in `arguments` and write its answer."""
    name, root, room_file, *filesystems = arguments
    probe = next((probe for probe in probes if probe.name == name), None)
    if probe is None:
        sys.stderr.write(f"there is no probe {name}\n")
        return 2
    _limit(probe.limit_seconds)
    answer = _take_output()
    place = Place(
        root=Path(root),
        extra_filesystems=tuple(filesystems),
        room=room.read(Path(room_file) if room_file else None),
    )
    ran = attempt(probe, place, SYSTEM)
    with os.fdopen(answer, "wb") as file:
        file.write(pack(ran).SerializeToString())
    return 0


def _take_output() -> int:
    """Keep standard output for the answer: whatever a probe prints goes to standard error."""
    sys.stdout.flush()
    answer = os.dup(1)
    os.dup2(2, 1)
    return answer


def _limit(seconds: float) -> None:
    if sys.platform == "win32":
        from agent import job

        job.enter(_MEMORY_BYTES)
        return
    import resource

    # Processor time cannot pass wall time on one core; twice, because programs it runs inherit this.
    time = 2 * math.ceil(seconds) + 1
    for what, most in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, time),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # already lower
            resource.setrlimit(what, (most, most))
    with contextlib.suppress(OSError):
        os.nice(_NICE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
