"""Today: what needs somebody now. Each tile is a filtered list; each list beneath is its worst part."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flask import Blueprint, Flask, render_template
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from collector.store.devices import SILENT, Device
from collector.store.installation import Fact
from collector.store.reports import ProbeResult
from collector.store.tickets import FAILED, WORKING_STATES, OutboxRow, Ticket
from collector.tickets import sla
from console import access, guard, rooms, situations, tickets, unseen
from console import database as db

today = Blueprint("today", __name__)

NEWLY: Final = timedelta(hours=24)
_ROWS: Final = 8
_AWAY: Final = timedelta(minutes=2)  # a collector says each ten seconds that it is alive


@dataclass(frozen=True, slots=True)
class Tile:
    count: int
    words: str
    url: str
    tone: str  # what a count above zero means
    shape: str


def register(app: Flask) -> None:
    app.register_blueprint(today)


@today.get("/")
def page() -> str:
    session, now = db.session(), guard.now()
    counted, alive, heard = _counts(session)
    events = situations.open_ones(session)
    pressing = Counter(sla.pressing(session, now).values())
    counted |= {"due_soon": pressing[sla.SOON], "overdue": pressing[sla.OVER]}
    counted["situations"] = len(events)
    counts = counted | {
        f"rooms_{name}": count for name, count in rooms.counts(rooms.board(session, now)).items()
    }
    worst = session.execute(
        tickets.listing()
        .where(Ticket.state.in_(WORKING_STATES))
        .order_by(tickets.SEVERITY_RANK, Ticket.priority, Ticket.opened_at)
        .limit(_ROWS)
    ).all()
    silent = session.scalars(
        select(Device)
        .where(Device.presence == SILENT, Device.presence_at > now - NEWLY, Device.revoked_at.is_(None))
        .order_by(Device.presence_at.desc(), Device.id)
        .limit(_ROWS)
    ).all()
    tiles, alive_at = _tiles(counts), _moment(alive)
    return render_template(
        "today.html",
        tiles=tiles,
        counts=counts,
        worst=worst,
        silent=silent,
        alive=alive_at,
        heard=heard,
        # Calm is said only while somebody listens.
        listens=alive_at is not None and now - alive_at < _AWAY,
        quiet=not any(tile.count for tile in tiles if tile.tone != "unknown") and not worst,
        situations=events,
        unsent=counted["unsent"] if access.allows(guard.person().role, "outbox.page") else 0,
    )


def _counts(session: Session) -> tuple[dict[str, int], str | None, datetime | None]:
    """One statement; every count is a subquery with an index to walk. And when the collector was last alive, and
    when any device was last heard."""
    now = guard.now()
    device = select(func.count(Device.id)).where(Device.revoked_at.is_(None))
    working = select(func.count(Ticket.id)).where(Ticket.state.in_(WORKING_STATES))
    parts: dict[str, Any] = {
        "alive": select(Fact.value).where(Fact.name == "alive_at"),
        "devices": device,
        "online": device.where(Device.presence == "online"),
        "heard": select(func.max(Device.seen_at)),
        "unsent": select(func.count(OutboxRow.id)).where(OutboxRow.state == FAILED),
        "silent": device.where(Device.presence == SILENT, Device.presence_at > now - NEWLY),
        "working": working,
        "unassigned": working.where(Ticket.assignee == ""),
        "blind": select(func.count(func.distinct(ProbeResult.device_id)))
        .join(Device, Device.id == ProbeResult.device_id)
        .where(unseen.condition(), Device.revoked_at.is_(None)),
    }
    row = session.execute(select(*(part.scalar_subquery().label(name) for name, part in parts.items()))).one()
    found = dict(row._mapping)
    alive, heard = found.pop("alive"), found.pop("heard")
    return {name: int(count or 0) for name, count in found.items()}, alive, heard


def _tiles(counts: dict[str, int]) -> list[Tile]:
    """The list behind each shows exactly what it counted."""
    return [
        Tile(counts["overdue"], "tickets past their time", "/tickets?due=over", "bad", "✕"),
        Tile(
            counts["due_soon"],
            "tickets with a quarter of their time left, or less",
            "/tickets?due=soon",
            "warn",
            "!",
        ),
        Tile(counts["unassigned"], "tickets without an assignee", "/tickets?assignee=none", "accent", "●"),
        Tile(counts["situations"], "situations open", "/situations", "bad", "✕"),
        Tile(
            counts.get("rooms_risk", 0),
            "rooms not ready before their next booking",
            "/rooms?risk=1",
            "bad",
            "✕",
        ),
        Tile(counts.get("rooms_unknown", 0), "rooms unknown", "/rooms?verdict=unknown", "unknown", "?"),
        Tile(counts["silent"], "devices newly silent", "/devices?presence=silent&newly=1", "bad", "✕"),
        Tile(counts["blind"], "devices we cannot fully see", "/devices?blind=1", "unknown", "?"),
    ]


def _moment(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
