"""A fleet of simulated devices that speak the real protocol with real certificates.

`python -m bench.fleet --enrolment HOST:PORT --token T --count 200` runs until stopped. Keys, spool ids and
faults are kept in --state-dir: the next start continues with the same devices.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sqlite3
import sys
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench import credential, faults
from bench.credential import Credential, EnrolmentFailed
from bench.device import Barred, Counts, Device
from bench.machine import SITES, Machine, make
from protos.intake_pb2 import Policy

logger = logging.getLogger(__name__)

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS fleet (seed INTEGER PRIMARY KEY, born_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS device (
  seed INTEGER, number INTEGER, spool_id TEXT, device_id TEXT, key BLOB, certificate BLOB, ca BLOB, port INTEGER,
  policy BLOB, PRIMARY KEY (seed, number)
);
"""


class Kept:
    """The fleet's state file: the keys of its devices, so only for its owner."""

    def __init__(self, directory: Path, seed: int) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = directory / "fleet.db"
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        self._db = sqlite3.connect(path)
        self._db.executescript(_TABLES)
        self._seed = seed

    def born_at(self) -> datetime:
        """The fleet's first start, from which its faults count."""
        self._db.execute(
            "INSERT OR IGNORE INTO fleet VALUES (?, ?)", (self._seed, datetime.now(UTC).isoformat())
        )
        self._db.commit()
        row = self._db.execute("SELECT born_at FROM fleet WHERE seed = ?", (self._seed,)).fetchone()
        return datetime.fromisoformat(row[0])

    def credentials(self) -> dict[int, tuple[str, Credential]]:
        """number → spool id, credential."""
        rows = self._db.execute(
            "SELECT number, spool_id, device_id, key, certificate, ca, port, policy FROM device WHERE seed = ?",
            (self._seed,),
        )
        return {
            number: (spool_id, Credential(device_id, key, certificate, ca, port, Policy.FromString(policy)))
            for number, spool_id, device_id, key, certificate, ca, port, policy in rows
        }

    def keep(self, number: int, spool_id: str, one: Credential) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO device VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self._seed, number, spool_id, one.device_id, one.key, one.certificate, one.ca, one.intake_port,
             one.policy.SerializeToString()),
        )  # fmt: skip

    def commit(self) -> None:
        self._db.commit()

    def close(self) -> None:
        self._db.close()


class Fleet:
    """`start` enrols what is new and runs all devices as tasks; `stop` ends them."""

    def __init__(
        self, enrolment: tuple[str, int], tokens: Mapping[str, str], count: int, state_dir: Path, *,
        seed: int = 1, speed: float = 1.0, history_hours: float = 0.0, fault_share: float = faults.SHARE,
        listens: bool = True, intake_port: int = 0,
    ) -> None:  # fmt: skip
        """`tokens`: by site, by `site/class`, or under "" for all."""
        self._enrolment, self._tokens, self._count, self._state_dir = enrolment, tokens, count, state_dir
        self._seed, self._speed, self._history, self._share = seed, speed, history_hours, fault_share
        self._listens, self._intake_port = listens, intake_port
        self.counts = Counts()
        self.devices: list[Device] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, within: float | None = None) -> None:
        """Returns when all are enrolled; they begin to report spread over `within` seconds."""
        kept = Kept(self._state_dir, self._seed)
        try:
            born_at = kept.born_at()
            await self._prepare(kept, born_at)
        finally:
            kept.close()
        spread = within if within is not None else max(1.0, self._count / 40)
        for index, device in enumerate(self.devices):
            self._tasks.append(asyncio.create_task(self._run(device, spread * index / max(1, self._count))))

    async def _prepare(self, kept: Kept, born_at: datetime) -> None:
        host, port = self._enrolment
        machines = [self._machine(number) for number in range(1, self._count + 1)]
        known = kept.credentials()
        new = [
            m
            for m in machines
            if m.number not in known or not credential.fits(known[m.number][1].ca, self._token(m))
        ]
        for begin in range(0, len(new), 64):
            some = new[begin : begin + 64]
            issued = await credential.enrol(host, port, [(self._token(m), m.facts()) for m in some])
            for machine, one in zip(some, issued, strict=True):
                known[machine.number] = (uuid.uuid4().hex, one)
                kept.keep(machine.number, *known[machine.number])
            kept.commit()
        fresh = {machine.number for machine in new}
        for machine in machines:
            spool_id, one = known[machine.number]
            self.devices.append(
                Device(
                    machine, one, host, self._intake_port or one.intake_port, spool_id, born_at, self.counts, self._speed,
                    self._history if machine.number in fresh else 0.0, self._listens,
                )
            )  # fmt: skip

    def _machine(self, number: int) -> Machine:
        plain = make(number, self._seed)
        return make(number, self._seed, faults.choose(plain, self._share))

    def _token(self, machine: Machine) -> str:
        for name in (f"{machine.site}/{machine.device_class}", machine.site, ""):
            if name in self._tokens:
                return self._tokens[name]
        raise EnrolmentFailed(f"no token for {machine.site}")

    async def _run(self, device: Device, after: float) -> None:
        try:
            await device.run(after)
        except Barred as error:
            logger.warning("%s", error)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def tokens_of(given: Sequence[str]) -> dict[str, str]:
    """`T`, `Tulsa=T` or `Tulsa/av_host=T` → by place."""
    tokens: dict[str, str] = {}
    for text in given:
        place, _, token = text.rpartition("=")
        tokens[place] = token
    return tokens


async def run(fleet: Fleet, count: int) -> None:
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    await fleet.start()
    logger.info("%d devices enrolled", count)
    while not stopped.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), 60)
        told = fleet.counts
        logger.info(
            "online=%d reports=%d calls=%d failures=%d", told.online, told.reports, told.calls, told.failures
        )
    await fleet.stop()


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    arguments.add_argument("--enrolment", required=True, metavar="HOST:PORT")
    arguments.add_argument(
        "--token", required=True, action="append", metavar="[SITE[/CLASS]=]T",
        help=f"for all devices, or for those of a site ({', '.join(name for name, _ in SITES)}); may be repeated",
    )  # fmt: skip
    arguments.add_argument("--count", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--speed", type=float, default=1.0, help="intervals are divided by this")
    arguments.add_argument("--history", type=float, default=24.0, metavar="HOURS", help="a new fleet's past")
    arguments.add_argument("--faults", type=float, default=faults.SHARE, help="share of devices with a fault")
    arguments.add_argument(
        "--intake-port", type=int, default=0, help="if it is not the one told at enrolment"
    )
    arguments.add_argument("--state-dir", type=Path, default=Path("var/fleet"))
    given = arguments.parse_args()
    logging.basicConfig(
        level="INFO", stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    host, _, port = given.enrolment.rpartition(":")
    fleet = Fleet(
        (host, int(port)), tokens_of(given.token), given.count, given.state_dir, seed=given.seed, speed=given.speed,
        history_hours=given.history, fault_share=given.faults, intake_port=given.intake_port,
    )  # fmt: skip
    try:
        asyncio.run(run(fleet, given.count))
    except EnrolmentFailed as error:
        print(f"fleet: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
