"""Series read back from the report log, by device and time."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.store.reports import CLONE, PROBATION, Spool, StoredReport
from collector.unpack import BODY_LIMIT
from protos import body as bodies
from protos.report_pb2 import Report

Key = tuple[str, str]  # metric, component
Point = tuple[datetime, float, float | None, float | None]  # when, last, min, max


def series(
    session: Session, device_id: str, since: datetime, until: datetime, metrics: Collection[str] | None = None
) -> dict[Key, list[Point]]:
    """Each metric's points between two moments, in order of the device's own time.

    Backfilled reports take their place between the live ones. Points that two reports of the same
    moment both hold appear once. What a copy of the device sent under its name is left out.
    """
    foreign = select(Spool.id).where(Spool.device_id == device_id, Spool.standing.in_((PROBATION, CLONE)))
    rows = session.execute(
        select(StoredReport.collected_at, StoredReport.body)
        .where(
            StoredReport.device_id == device_id,
            StoredReport.collected_at >= since,
            StoredReport.collected_at <= until,
            StoredReport.spool_id.not_in(foreign),
        )
        .order_by(StoredReport.collected_at)
    )
    points: defaultdict[Key, list[Point]] = defaultdict(list)
    report = Report()
    for collected_at, body in rows:
        report.ParseFromString(bodies.inflate(body, BODY_LIMIT))
        for row in report.readings:
            if metrics is not None and row.metric not in metrics:
                continue
            many = row.samples > 1
            points[row.metric, row.component].append(
                (collected_at, row.last, row.min if many else None, row.max if many else None)
            )
    return dict(points)
