"""How fast the report log is judged again: `rules replay` over thirty simulated days, as a person runs it."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import insert

from bench.figures import Figure
from bench.machine import make
from bench.process import call
from bench.report import build, vitals_at
from collector.changes import table_of
from collector.store import open_engine, schema
from collector.store.devices import Device
from collector.store.reports import CURRENT, Spool, StoredReport
from collector.unpack import content_hash
from protos import body

DAYS: Final = 30
_DEVICES: Final = 20
_EVERY: Final = timedelta(minutes=5)
FLEET: Final = 1_000
_PATIENCE: Final = 3600.0  # seconds; a thousand devices took some twenty minutes on two cores


def measure(directory: Path, devices: int = _DEVICES) -> list[Figure]:
    stored = _fill(directory, devices)
    began = time.perf_counter()
    told = json.loads(
        call(
            "collector",
            "--state-dir",
            str(directory),
            "rules",
            "replay",
            "--days",
            str(DAYS),
            "--json",
            within=_PATIENCE,
        )
    )
    seconds = time.perf_counter() - began
    reports = sum(row["reports"] for row in told["sites"])
    assert reports == stored, f"{reports} of {stored} reports were judged again"
    rate = reports / seconds
    whole = FLEET * DAYS * 288 / rate
    if devices == FLEET:
        note = f"{reports:,} reports in {seconds / 60:.1f} minutes"
    else:
        note = f"{FLEET:,} devices × {DAYS} days would take {whole / 60:.0f} minutes; --long runs them"
    return [
        Figure(
            "replay", f"reports a second, {devices:,} devices × {DAYS} days, all cores", rate, "/s", note=note
        )
    ]


def _fill(directory: Path, devices: int) -> int:
    """A log of one day's bodies, told each day anew: replay goes by the time of receipt."""
    engine = open_engine(f"sqlite:///{directory / 'collector.db'}")
    schema.upgrade(engine)
    start = datetime.now(UTC) - timedelta(days=DAYS) + timedelta(hours=1)
    machine = make(1, 11)
    day = [
        body.pack(build(machine, vitals_at(machine, start + n * _EVERY, start), start + n * _EVERY, start))
        for n in range(timedelta(days=1) // _EVERY)
    ]
    hashes = [content_hash(one) for one in day]
    moments = int((timedelta(days=DAYS) - timedelta(hours=2)) / _EVERY)
    for number in range(devices):
        device_id, spool_id = uuid.uuid4().hex, uuid.uuid4().hex
        with engine.begin() as connection:  # each its own: one transaction of a fleet lies on the disk twice
            connection.execute(
                insert(table_of(Device)),
                {"id": device_id, "host_name": f"replayed-{number}", "enrolled_at": start},
            )
            connection.execute(
                insert(table_of(Spool)),
                {
                    "device_id": device_id,
                    "id": spool_id,
                    "standing": CURRENT,
                    "first_seen_at": start,
                    "seen_at": start,
                },
            )
            connection.execute(
                insert(table_of(StoredReport)),
                [
                    {
                        "device_id": device_id, "spool_id": spool_id, "lane": 1, "seq": n + 1, "hash": hashes[n % len(day)],
                        "collected_at": start + n * _EVERY, "received_at": start + n * _EVERY, "skew_seconds": 0.1,
                        "added": None, "judged": True, "body": day[n % len(day)],
                    }
                    for n in range(moments)
                ],
            )  # fmt: skip
    engine.dispose()
    return devices * moments
