"""The agent beside others that do part of its work, on this machine and in the same run.

One full inventory beside `fusioninventory-agent --local`; resident beside node_exporter, scraped every 15 s, and
zabbix_agent2, asked for a handful of items once a minute. Debian's packages of them (`deploy/system-packages
bench`); one that is not installed is left out. Each is started here, listens on loopback only, sends nothing
anywhere and is ended by us.
"""

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench.agent_cost import Agent
from bench.figures import Figure, of_runs
from bench.here import cpu_seconds, memory_bytes
from bench.process import HOST, ROOT, Collector, Ended, free_port, running

_NAMES: Final = {"wall": "wall", "cpu": "CPU", "peak": "peak RSS"}
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TIMES: Final = 3
_SETTLE: Final = 20.0  # seconds in which the agent does its first inventory, and the peers their start
_SCRAPE_SECONDS: Final = 15.0
_ITEMS: Final = (
    "system.cpu.util", "system.cpu.load[all,avg1]", "vm.memory.size[available]", "vm.memory.size[total]",
    "system.swap.size[,pfree]", "vfs.fs.discovery", "vfs.fs.size[/,pused]", "vfs.fs.inode[/,pused]", "system.uptime",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Once:
    """One run to its end, children included."""

    wall: float
    cpu: float
    peak: float  # bytes: the sum of what all its processes held at one moment


def measure(directory: Path, seconds: float = 60) -> list[Figure]:
    return _inventories(directory) + _resident(directory, seconds)


def program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin")))


def _inventories(directory: Path) -> list[Figure]:
    ours = [sys.executable, "-m", "agent", "--state-dir", str(directory / "once"), "once", "--json"]
    mine = _runs(ours, directory)
    figures = _of("tocsin-agent once", mine)
    peer = program("fusioninventory-agent")
    if peer is None:
        return figures
    (directory / "fusion").mkdir()
    (directory / "empty.conf").touch()  # it runs by its own defaults, whatever this machine set up
    theirs = [
        peer, f"--conf-file={directory / 'empty.conf'}", f"--local={directory / 'fusion'}", "--tasks=inventory", "--logger=stderr",
    ]  # fmt: skip
    others = _runs(theirs, directory)
    figures += _of("fusioninventory-agent", others)
    for name in ("wall", "cpu", "peak"):
        own, other = (median(getattr(run, name) for run in runs) for runs in (mine, others))
        figures.append(
            Figure(
                "peers",
                f"inventory, {_NAMES[name]} against fusioninventory-agent",
                own / max(other, 1e-9),
                "×",
                note="medians",
            )
        )
    return figures


def _runs(command: Sequence[str], directory: Path) -> list[Once]:
    """Three times; once where that takes longer than a minute: something on this machine makes it wait."""
    first = _once(command, directory)
    return [first, *(_once(command, directory) for _ in range(0 if first.wall > 60 else _TIMES - 1))]


def _of(who: str, runs: Sequence[Once]) -> list[Figure]:
    waiting = min(run.wall - run.cpu for run in runs)
    waits = f"{waiting:.0f} s of it waiting for programs that do not answer here" if waiting > 30 else ""
    return [
        of_runs("peers", f"inventory, {who}, wall", [run.wall for run in runs], "s", note=waits),
        of_runs("peers", f"inventory, {who}, CPU", [run.cpu for run in runs], "s", note="user and system, children too"),
        of_runs("peers", f"inventory, {who}, peak RSS", [run.peak / 1e6 for run in runs], "MB", note="all its processes together"),
    ]  # fmt: skip


def _once(command: Sequence[str], directory: Path) -> Once:
    with (directory / "output.log").open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        peak, usage = 0.0, None
        while usage is None:
            peak = max(peak, _family_bytes(process.pid))
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
            if ended:
                usage, process.returncode = used, os.waitstatus_to_exitcode(status)
            elif time.monotonic() - began > 600:
                os.killpg(process.pid, signal.SIGKILL)
            time.sleep(0.02)
        wall = time.monotonic() - began
    if process.returncode < 0:
        raise Ended(f"{command[0]} ended by signal {-process.returncode}")
    return Once(wall, usage.ru_utime + usage.ru_stime, peak)


def _family_bytes(first: int) -> float:
    """RSS of a process and of all that descend from it; pages they share count for each.

    By parents, not by session: the agent gives each program it runs a session of its own.
    """
    parents: dict[int, int] = {}
    resident: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = path.read_text().rpartition(")")[2].split()
            number = int(path.parent.name)
            parents[number], resident[number] = int(fields[1]), int(fields[21]) * _PAGE
    family = {first}
    while True:
        more = {number for number, parent in parents.items() if parent in family} - family
        if not more:
            return float(sum(resident.get(number, 0) for number in family))
        family |= more


class Peer:
    """A program of others in the foreground, and how it is asked."""

    def __init__(
        self, name: str, command: Sequence[str], port: int, ask: Callable[[int], int], every: float
    ) -> None:
        self.name, self._command, self._port, self._ask, self._every = name, command, port, ask, every
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()
        self.answers = self.bytes = 0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @contextlib.contextmanager
    def running(self, directory: Path) -> Iterator[None]:
        with (directory / f"{self.name}.log").open("wb") as output:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        asking = threading.Thread(target=self._keep_asking, name=self.name, daemon=True)
        asking.start()
        try:
            yield
        finally:
            self._stopped.set()
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
            asking.join(20)

    def _keep_asking(self) -> None:
        while not self._stopped.wait(self._every if self.answers else 1.0):
            with contextlib.suppress(OSError):
                self.bytes += self._ask(self._port)
                self.answers += 1


def _scrape(port: int) -> int:
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=10) as answer:
        return len(answer.read())


def _ask_items(port: int) -> int:
    """Zabbix's passive check: a head of 13 bytes, the key, and the value the same way back."""
    total = 0
    for key in _ITEMS:
        with socket.create_connection((HOST, port), 10) as connection:
            connection.sendall(b"ZBXD\1" + struct.pack("<Q", len(key)) + key.encode())
            with connection.makefile("rb") as told:
                total += len(told.read())
    return total


def _peers(directory: Path) -> list[Peer]:
    found = []
    if path := program("prometheus-node-exporter"):
        port = free_port()
        found.append(
            Peer(
                "node_exporter", [path, f"--web.listen-address={HOST}:{port}"], port, _scrape, _SCRAPE_SECONDS
            )
        )
    if path := program("zabbix_agent2"):
        port, conf = free_port(), directory / "zabbix.conf"
        conf.write_text(
            f"LogType=console\nServer={HOST}\nListenIP={HOST}\nListenPort={port}\nHostname=bench\n"
            f"ControlSocket={directory / 'zabbix.sock'}\n"
        )
        found.append(Peer("zabbix_agent2", [path, "-f", "-c", str(conf)], port, _ask_items, 60.0))
    return found


def _resident(directory: Path, seconds: float) -> list[Figure]:
    """All of them in the same minutes: what disturbs one disturbs the others."""
    collector = Collector(directory / "collector")
    collector.start_ready()
    peers = _peers(directory)
    with running(collector), contextlib.ExitStack() as stack:
        agent = Agent(directory, "beside", {})
        agent.enrol(collector)
        for peer in peers:
            stack.enter_context(peer.running(directory))
        stack.enter_context(running(agent))
        agent.start()
        time.sleep(_SETTLE)
        if silent := [peer.name for peer in peers if not peer.answers]:
            raise Ended(f"{', '.join(silent)} did not answer: it cannot be measured at work")
        everyone = [("tocsin-agent", agent.pid), *((peer.name, peer.pid) for peer in peers)]
        used = {name: cpu_seconds(pid, children=True) for name, pid in everyone}
        began = time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - began
        minute = {name: (cpu_seconds(pid, children=True) - used[name]) / took * 60 for name, pid in everyone}
        memory = {name: memory_bytes(pid)["rss"] for name, pid in everyone}
    notes = {peer.name: f"asked {peer.answers} times, {peer.bytes / 1e3:.0f} kB" for peer in peers}
    figures = []
    for name, _ in everyone:
        note = notes.get(name, "")
        figures += [
            Figure("peers", f"steady, {name}, RSS", memory[name] / 1e6, "MB", note=note),
            Figure("peers", f"steady, {name}, CPU a minute", minute[name], "s", note=f"over {took:.0f} s; ticks of 10 ms"),
        ]  # fmt: skip
    for peer in peers:
        figures.append(
            Figure(
                "peers", f"steady, RSS against {peer.name}", memory["tocsin-agent"] / memory[peer.name], "×"
            )
        )
        if minute[peer.name] > 0:
            ratio = minute["tocsin-agent"] / minute[peer.name]
            figures.append(Figure("peers", f"steady, CPU against {peer.name}", ratio, "×"))
    return figures
