"""For machines: alive, ready, numbers for Prometheus, and the browsers' reports of broken policy."""

import hmac
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from collector.store.devices import Device
from collector.store.schema import newest
from collector.store.tickets import FAILED, WAITING, WORKING_STATES, OutboxRow, Ticket
from console import database as db
from console import guard, sessions

health = Blueprint("health", __name__)


class Meters:
    """Of this process; the fleet's numbers come from the database at each scrape."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.seconds = Histogram(
            "tocsin_console_request_seconds",
            "Time to answer, by route.",
            ["endpoint", "status"],
            registry=self.registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
        )
        self.csp_reports = Counter(
            "tocsin_console_csp_reports",
            "Reports of browsers that something was blocked.",
            registry=self.registry,
        )
        self.failures = Counter(
            "tocsin_console_sign_in_failures", "Sign-ins refused.", ["reason"], registry=self.registry
        )
        self.devices = Gauge("tocsin_devices", "Devices by presence.", ["presence"], registry=self.registry)
        self.tickets = Gauge(
            "tocsin_tickets", "Tickets with work to do, by severity.", ["severity"], registry=self.registry
        )
        self.outbox = Gauge(
            "tocsin_outbox", "Changes not told outside: waiting, failed.", ["state"], registry=self.registry
        )


def register(app: Flask) -> None:
    app.extensions["meters"] = Meters()
    app.register_blueprint(health)
    app.before_request(_start)
    app.after_request(_observe)


def meters() -> Meters:
    found: Meters = current_app.extensions["meters"]
    return found


def count_failure(reason: str) -> None:
    meters().failures.labels(reason).inc()


def _start() -> None:
    guard.now()


def _observe(response: Response) -> Response:
    from datetime import UTC, datetime

    took = (datetime.now(UTC) - guard.now()).total_seconds()
    # The route's name, never the path: a path is the outside's text and without end.
    meters().seconds.labels(request.endpoint or "none", str(response.status_code)).observe(max(took, 0))
    return response


def _plain(body: str, status: int = 200) -> Response:
    return Response(body, status, mimetype="text/plain")


@health.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return _plain("ok\n")


@health.get("/readyz")
def readyz() -> Response:
    """The database answers and has the tables this console was written for."""
    try:
        revision = db.session().execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError:
        return _plain("the database does not answer, or has no tables yet\n", 503)
    if revision != newest():
        return _plain(f"the database is at revision {revision}, this console needs {newest()}\n", 503)
    return _plain("ready\n")


@health.get("/metrics")
def metrics() -> Response:
    wanted = sessions.config().metrics_token
    if wanted:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            abort(401)
    # Behind a proxy on this machine everybody comes from here: then a token is needed.
    elif request.remote_addr not in ("127.0.0.1", "::1") or "X-Forwarded-For" in request.headers:
        abort(403, "Metrics answer this machine only, unless metrics_token is set.")
    _count_fleet()
    return Response(generate_latest(meters().registry), content_type=CONTENT_TYPE_LATEST)


def _count_fleet() -> None:
    session, held = db.session(), meters()
    held.devices.clear()
    held.tickets.clear()
    alive = select(Device.presence, func.count()).where(Device.revoked_at.is_(None)).group_by(Device.presence)
    for presence, count in session.execute(alive):
        held.devices.labels(presence).set(count)
    working = (
        select(Ticket.severity, func.count())
        .where(Ticket.state.in_(WORKING_STATES))
        .group_by(Ticket.severity)
    )
    for severity, count in session.execute(working):
        held.tickets.labels(severity).set(count)
    for state in (WAITING, FAILED):  # also when it is none: an alarm needs a number
        untold = select(func.count()).select_from(OutboxRow).where(OutboxRow.state == state)
        held.outbox.labels(state).set(session.scalar(untold) or 0)


@health.post("/csp-report")
def csp_report() -> tuple[str, int]:
    """Counted, and one line in the log; the content is the outside's text and is cut and quoted."""
    meters().csp_reports.inc()
    body: Any = request.get_data(cache=False, as_text=True)
    if meters().csp_reports._value.get() < 100:
        current_app.logger.warning("content security policy report: %r", body[:500])
    return "", 204
