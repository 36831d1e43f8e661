"""Probes that misbehave, and the entry of a child process that knows them."""

import os
import subprocess
import sys
import time
from pathlib import Path

from agent.probe import Busy, Pace, Probe, Taken, Unavailable, item, reading
from protos.report_pb2 import COMPLIANT, PatchStatus


def _good(place):
    print("a word on standard output is no harm")
    taken = Taken([reading("disk_wear", 0.5, "S1")], {"disks": [item("S1", size_bytes=5)]})
    taken.patches = PatchStatus(state=COMPLIANT, method="apt")
    taken.reason = "one of two disks"
    return taken


def _hangs(place):
    time.sleep(600)


def _family(place):
    """Starts a program in a session of its own, as agent.commands does, and hangs with it."""
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    program = subprocess.Popen(sleep, start_new_session=True, stdout=subprocess.DEVNULL)
    Path(place.root, "pid").write_text(str(program.pid))
    time.sleep(600)


def _eats(place):
    return Taken(reason=str(len(bytearray(2 * 1024**3))))


def _crashes(place):
    os.abort()


def _leaves(place):
    sys.exit(3)


def _raises(place):
    raise ValueError("line 7 has no colon " + "x" * 500)


def _absent(place):
    raise Unavailable("no battery")


def _locked(place):
    raise Busy("apt is at work")


def _spins(place):
    while True:
        pass


def _shouts(place):
    while True:
        os.write(2, b"x" * 65536)


def _probe(read, limit=10.0, child=True, pace=Pace.SAMPLE):
    return Probe(name=read.__name__.strip("_"), read=read, pace=pace, limit_seconds=limit, child=child)


PROBES = tuple(
    _probe(read) for read in (_good, _eats, _crashes, _leaves, _raises, _absent, _locked)
) + tuple(_probe(read, limit=0.7) for read in (_hangs, _family, _spins, _shouts))  # fmt: skip


def command(probe, place):
    return [sys.executable, "-m", "tests.agent.odd_probes", probe.name, str(place.root), ""]


if __name__ == "__main__":
    from agent.child import serve

    sys.exit(serve(PROBES, sys.argv[1:]))
