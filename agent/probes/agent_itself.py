"""What the agent itself costs this device.

Source: psutil on the agent's own process, and the times of the children it waited for.
Rights: none.
Cost: under 1 ms.
Unavailable: never. The numbers of the spool are added by the runner, which owns it.
"""

import os
import sys

import psutil

from agent.probe import Pace, Place, Probe, Taken, reading


def read(place: Place) -> Taken:
    del place  # about this very process, wherever the rest is read
    process = psutil.Process()
    times = os.times()
    own = times.user + times.system
    children = times.children_user + times.children_system  # always 0 on Windows
    taken = Taken(
        readings=[
            reading("agent_memory_bytes", process.memory_info().rss),
            reading("agent_cpu_used_seconds", own + children),
        ]
    )
    if files := _open_files(process):  # a program without a single one is not being told the truth
        taken.readings.append(reading("agent_open_files_count", files))
    return taken


def _open_files(process: psutil.Process) -> int:
    if sys.platform == "win32":
        return process.num_handles()
    return process.num_fds()


PROBE = Probe(name="agent", read=read, pace=Pace.SAMPLE, limit_seconds=5, platforms=("linux", "win32"))
