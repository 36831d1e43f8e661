"""A backup that proves itself, and a collector that is whole again after it."""

import json
import sqlite3
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from collector import backup
from collector.credentials import Authority
from collector.store import open_engine
from protos import intake_pb2 as wire
from tests.collector.world import NOON, Collector, filesystem

MINUTE = timedelta(minutes=1)


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    Authority(tmp_path / "pki", NOON)
    return tmp_path / "pki"


def test_a_backup_is_taken_while_the_collector_works_and_is_whole(
    engine: Engine, pki: Path, tmp_path: Path
) -> None:
    collector = Collector(engine)
    desk = collector.enrol("desk")
    for minute in range(10):
        desk.send(filesystem(0.995), NOON + minute * 5 * MINUTE)
    file = tmp_path / "night.tar.gz"

    made = backup.backup(engine, pki, file, NOON)
    desk.send(filesystem(0.5), NOON + 60 * MINUTE)

    assert made["rows"]["report"] == 10
    assert made["rows"]["ticket"] == 1
    assert backup.verify(file)["rows"] == made["rows"]
    assert file.stat().st_mode & 0o077 == 0


def test_what_came_after_the_backup_is_sent_again(tmp_path: Path, pki: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    from collector.store import schema

    schema.upgrade(engine)
    collector = Collector(engine)
    desk = collector.enrol("desk")
    bodies = []
    for seq in range(1, 6):
        desk.send(filesystem(0.1 * seq), NOON + seq * MINUTE)
        bodies.append(filesystem(0.1 * seq))
        if seq == 3:
            backup.backup(engine, pki, tmp_path / "night.tar.gz", NOON)
    engine.dispose()

    url = f"sqlite:///{tmp_path / 'new' / 'b.db'}"
    backup.restore(tmp_path / "night.tar.gz", url, tmp_path / "new" / "pki")
    restored = open_engine(url)
    again = Collector(restored)
    desk.collector = again
    ack = desk.heartbeat(NOON + 10 * MINUTE, hello=True)

    assert [(h.lane, h.seq) for h in ack.high_water] == [(wire.LIVE, 3), (wire.BACKFILL, 0)]
    desk.seq = 3
    desk.send(filesystem(0.4), NOON + 11 * MINUTE)
    desk.send(filesystem(0.5), NOON + 12 * MINUTE)
    assert backup.count(restored)["report"] == 5
    restored.dispose()


def test_a_damaged_backup_is_not_believed(engine: Engine, pki: Path, tmp_path: Path) -> None:
    file = tmp_path / "night.tar.gz"
    backup.backup(engine, pki, file, NOON)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)

    with pytest.raises(backup.BackupError):
        backup.verify(file)


def test_a_ledger_that_lies_is_found_out(tmp_path: Path, pki: Path) -> None:
    from collector.store import schema

    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    schema.upgrade(engine)
    Collector(engine).enrol("desk")
    file = tmp_path / "night.tar.gz"
    backup.backup(engine, pki, file, NOON)
    engine.dispose()
    (tmp_path / "x").mkdir()
    backup._unpacked(file, tmp_path / "x")
    ledger = json.loads((tmp_path / "x" / "ledger.json").read_text())
    connection = sqlite3.connect(tmp_path / "x" / "store")
    connection.execute("DELETE FROM device")
    connection.commit()
    connection.close()
    ledger["sha256"] = backup._sha256(tmp_path / "x" / "store")
    (tmp_path / "x" / "ledger.json").write_text(json.dumps(ledger))
    with tarfile.open(file, "w:gz") as tar:
        for path in sorted((tmp_path / "x").iterdir()):
            tar.add(path, path.name)

    with pytest.raises(backup.BackupError, match="the ledger says"):
        backup.verify(file)


def test_nothing_is_restored_over_something(engine: Engine, pki: Path, tmp_path: Path) -> None:
    backup.backup(engine, pki, tmp_path / "night.tar.gz", NOON)
    with pytest.raises(backup.BackupError, match="not empty"):
        backup.restore(tmp_path / "night.tar.gz", f"sqlite:///{tmp_path / 'b.db'}", pki)


@pytest.mark.parametrize("content", [b"", b"not a backup", b"\x1f\x8b broken"], ids=["empty", "text", "gzip"])
def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(backup.BackupError, match="not a readable backup"):
        backup.verify(tmp_path / "x")
