"""The report log, the spools reports come from, and the newest result of each probe."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from collector.store import Base, EncodedJSON, only

CURRENT, PROBATION, SUPERSEDED, CLONE = "current", "probation", "superseded", "clone"


class Spool(Base):
    """Reports of one device arrive numbered by spool and lane. High water: the last number stored, and its hash."""

    __tablename__ = "spool"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    standing: Mapped[str] = mapped_column(String(16))
    birth: Mapped[int] = mapped_column(SmallInteger, default=0)
    previous_id: Mapped[str] = mapped_column(String(32), default="")
    machine_hash: Mapped[int] = mapped_column(BigInteger, default=0)
    live_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    live_hash: Mapped[int] = mapped_column(BigInteger, default=0)
    backfill_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    backfill_hash: Mapped[int] = mapped_column(BigInteger, default=0)
    host_name: Mapped[str] = mapped_column(String(255), default="")
    address: Mapped[str] = mapped_column(String(64), default="")
    first_seen_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class StoredReport(Base):
    """A report as it came, never changed. (device, spool, lane, seq) is stored once."""

    __tablename__ = "report"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    spool_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    lane: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    hash: Mapped[int] = mapped_column(BigInteger)  # first 8 bytes of sha256 of the body, as signed 64
    collected_at: Mapped[datetime]  # device's clock, drawn to received_at when it lies in the future
    received_at: Mapped[datetime]  # server's clock
    skew_seconds: Mapped[float | None]  # device's clock minus ours at the call; judged, so kept for replay
    added: Mapped[list[list[object]] | None] = mapped_column(
        EncodedJSON
    )  # [metric, value] the collector added before judging
    judged: Mapped[bool] = mapped_column(default=False)  # given to the rules (live lane of the current spool)
    body: Mapped[bytes] = mapped_column(LargeBinary)  # as it came: protos/body.py

    __table_args__ = (Index("ix_report_device_id_collected_at", "device_id", "collected_at"),)


class ProbeResult(Base):
    """The newest run of one probe on one device: how it ended and the numbers it brought.

    `readings` holds [metric, component, last, label] rows (their course is in the report log) and stays from the last run that was ok:
    `ok_at` is its age.
    """

    __tablename__ = "probe_result"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    probe: Mapped[str] = mapped_column(String(32), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(16))  # ok unavailable failed timed_out busy unknown
    reason: Mapped[str] = mapped_column(Text, default="")
    took_seconds: Mapped[float] = mapped_column(default=0.0)
    received_at: Mapped[datetime]
    ok_at: Mapped[datetime | None]
    readings: Mapped[list[list[object]]] = mapped_column(EncodedJSON, default=list)

    __table_args__ = (
        # What we cannot see, and what was said beside an answer.
        Index("ix_probe_result_said", "probe", "device_id", **only("outcome <> 'ok' OR reason <> ''")),
        # All that decides whether a device is counted as half seen (console/unseen.py). Not `received_at`: it is another
        # one with each report.
        Index("ix_probe_result_unseen", "device_id", "probe", "outcome", "reason", **only("outcome <> 'ok'")),
    )


class GapSeen(Base):
    """Reports that will never come, as the device said."""

    __tablename__ = "gap"
    device_id: Mapped[str] = mapped_column(ForeignKey("device.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    reason: Mapped[str] = mapped_column(String(16))
    reports: Mapped[int]
    from_at: Mapped[datetime | None]
    to_at: Mapped[datetime | None]
    received_at: Mapped[datetime]
