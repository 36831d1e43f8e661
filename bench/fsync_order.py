"""Is an ack ever sent before the disk has the report? Asked of the kernel, by strace.

One device sends one report at a time. In the trace of the collector a sync of the database's file must have
ended between the moment the report was sent and the moment its ack was there, for each of them.
"""

import asyncio
import re
import shutil
import signal
import subprocess
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import credential
from bench.ledger import Ledger
from bench.process import HOST, Collector, running
from bench.sender import senders
from protos.intake_pb2 import STORED, ReportBatch
from protos.intake_pb2_grpc import IntakeStub

# `1763806000.123456 fdatasync(7</…/collector.db-wal>) = 0 <0.001>`, or the second half of one that was interrupted
_CALL: Final = re.compile(
    r"^(?:\d+\s+)?(\d+\.\d+) (?:<\.\.\. )?f(?:data)?sync(?:\(| resumed).*= 0 <(\d+\.\d+)>"
)
_UNFINISHED: Final = re.compile(r"^(\d+)\s+(\d+\.\d+) f(?:data)?sync\(.*<unfinished")
_RESUMED: Final = re.compile(r"^(\d+)\s+(\d+\.\d+) <\.\.\. f(?:data)?sync resumed")


@dataclass(frozen=True, slots=True)
class Outcome:
    acks: int
    syncs: int
    violations: int
    seconds: float


def available() -> bool:
    return shutil.which("strace") is not None


def run(directory: Path, acks: int) -> Outcome:
    """Raises PermissionError where tracing is not allowed."""
    collector, trace = Collector(directory), directory / "trace"
    collector.start_ready()
    with running(collector):
        tracer = subprocess.Popen(
            ["strace", "-f", "-ttt", "-T", "-e", "trace=fsync,fdatasync", "-o", str(trace), "-p", str(collector.pid)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            time.sleep(1.0)
            if tracer.poll() is not None:
                raise PermissionError(
                    (tracer.stderr.read() if tracer.stderr else b"").decode(errors="replace")
                )
            began = time.monotonic()
            spans = asyncio.run(_one_by_one(directory, collector, acks))
            seconds = time.monotonic() - began
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate(timeout=20)
    syncs = ended_syncs(trace.read_text(errors="replace").splitlines())
    return Outcome(len(spans), len(syncs), violations(spans, syncs), seconds)


async def _one_by_one(directory: Path, collector: Collector, acks: int) -> list[tuple[float, float]]:
    """(sent, acknowledged) of each report, by the wall clock that strace uses too."""
    ledger, stopped = Ledger(directory / "ledger.db"), asyncio.Event()
    sender = (await senders(1, HOST, collector.enrolment, collector.token(1), ledger, stopped))[0]
    channel = credential.channel(HOST, collector.intake, sender.credential)
    stub = IntakeStub(channel)  # type: ignore[no-untyped-call]
    spans = []
    for _ in range(acks):
        batch = ReportBatch(spool_id=sender.spool_id, reports=[sender.report()])
        sent = time.time()
        ack = await stub.Report(batch, timeout=20)
        if ack.receipts[0].verdict == STORED:
            spans.append((sent, time.time()))
    await channel.close()
    ledger.close()
    return spans


def ended_syncs(lines: Sequence[str]) -> list[tuple[float, float]]:
    """(began, ended) of each sync that succeeded, in order of its end."""
    found: list[tuple[float, float]] = []
    began: dict[str, float] = {}
    for line in lines:
        if match := _UNFINISHED.match(line):
            began[match[1]] = float(match[2])
            continue
        if not (match := _CALL.match(line)):
            continue
        if resumed := _RESUMED.match(line):
            found.append((began.pop(resumed[1], float(match[1])), float(resumed[2])))
        else:
            found.append((float(match[1]), float(match[1]) + float(match[2])))
    return sorted(found, key=lambda span: span[1])


def violations(spans: Sequence[tuple[float, float]], syncs: Sequence[tuple[float, float]]) -> int:
    """Acks in whose time no sync both began and ended."""
    ends = [end for _, end in syncs]
    count = 0
    for sent, acked in spans:
        index = bisect_left(ends, sent)
        within = False
        while index < len(syncs) and ends[index] <= acked:
            within = within or syncs[index][0] >= sent
            index += 1
        count += not within
    return count
