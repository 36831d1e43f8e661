"""Tells the other side what waits in the outbox: a thread of its own in the collector, one sender at a time.

Of several collectors on a store the holder of the lease `outbox` sends; when it dies the next one takes over
as soon as the lease has run out. No transaction is open while the network is asked, so nobody ever waits for
a slow mail server: neither the pipeline nor a page.
"""

import contextlib
import logging
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from collector import leases
from collector.outbound import outbox
from collector.outbound.adapter import Adapter, Change, Undelivered
from collector.store import reader_maker, session_maker
from collector.store.tickets import FAILED

logger = logging.getLogger(__name__)

EVERY: Final = 2.0  # seconds
# Longer than an adapter may take for one change (mail.DEADLINE): who holds it may be in the middle of one.
LEASE: Final = timedelta(minutes=3)
_MARKED_EVERY: Final = timedelta(minutes=1)
_WRITES: Final = 5


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Sender:
    """`adapter` None: no way out is set, and what waits is marked so."""

    def __init__(
        self, engine: Engine, adapter: Adapter | None, clock: Callable[[], datetime] = _utc_now
    ) -> None:
        self._holder = uuid.uuid4().hex
        self._read, self._write = reader_maker(engine), session_maker(engine)
        self._adapter = adapter
        self._clock = clock
        self._lease_until: datetime | None = None
        self._away = 0  # tries in a row that did not reach the other side at all
        self._away_until: datetime | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends after the change in hand, and lets another collector begin at once."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        if self._lease_until is not None and not self._thread.is_alive():
            # Without the store it runs out by itself.
            with contextlib.suppress(DBAPIError), self._write() as session, session.begin():
                leases.leave(session, outbox.LEASE, self._holder, self._clock())

    def _run(self) -> None:
        failing = False
        while not self._stopped.wait(60 if failing else EVERY):
            try:
                self.round()
                failing = False
            except Exception:  # the store is away: the rows are there when it is back
                logger.exception("the outbox could not be looked through")
                failing = True

    def round(self) -> int:
        """Send what is due. Returns how many were delivered."""
        now = self._clock()
        if self._away_until is not None and now < self._away_until:
            return 0
        if self._adapter is None:
            self._away_until = now + _MARKED_EVERY
            self._nobody_listens(now)
            return 0
        if not self._leads():
            return 0
        with self._read() as session:
            rows = outbox.due(session, now)
        delivered = 0
        for row_id in rows:
            if self._stopped.is_set() or not self._leads():
                break
            with self._write() as session, session.begin():
                change = outbox.claim(session, row_id, self._clock(), LEASE)
                known = change is not None and outbox.told_before(session, change.key)
            if change is None:
                continue
            if self._deliver(self._adapter, change, known):
                delivered += 1
            elif self._away:
                break
        return delivered

    def _nobody_listens(self, now: datetime) -> None:
        with self._read() as session:
            waiting = outbox.due(session, now)
        if waiting:
            with self._write() as session, session.begin():
                outbox.nobody_listens(session, now)

    def _leads(self) -> bool:
        """Whether the lease is ours. Renewed at a third of its span: an idle sender must not write all the time."""
        now = self._clock()
        if self._lease_until is not None and now < self._lease_until - 2 * LEASE / 3:
            return True
        with self._write() as session, session.begin():
            held = leases.hold(session, outbox.LEASE, self._holder, now, LEASE)
        self._lease_until = now + LEASE if held else None
        return held

    def _deliver(self, adapter: Adapter, change: Change, known: bool) -> bool:
        try:
            remote = _told(adapter, change, known)
        except Undelivered as problem:
            self._put_off(adapter, change, problem)
            return False
        except Exception as error:  # an adapter's own mistake must not stop the other changes
            logger.exception("%s: %s: %s", adapter.name, change.named, change.verb)
            self._put_off(adapter, change, Undelivered("unsure", f"{type(error).__name__} in the adapter"))
            return False
        self._away, self._away_until = 0, None
        self._written(lambda session, now: outbox.sent(session, change.id, remote, now))
        logger.info("%s: %s: %s delivered", adapter.name, change.named, change.verb)
        return True

    def _put_off(self, adapter: Adapter, change: Change, problem: Undelivered) -> None:
        text = str(problem)
        if problem.how == "away":
            self._away += 1
            self._away_until = self._clock() + outbox.pause(self._away)
        else:  # it is there
            self._away, self._away_until = 0, None
        state = self._written(lambda session, now: outbox.not_sent(session, change, problem.how, text, now))
        log = logger.error if state == FAILED else logger.warning
        told = f"{adapter.name}: {change.named}: {change.verb} not delivered ({problem.how}): {text}"
        log("%s", told)

    def _written(self, write: Callable[[Session, datetime], str | None]) -> str | None:
        """What the network said must reach the store, or it would be asked again."""
        for left in range(_WRITES - 1, -1, -1):
            try:
                with self._write() as session, session.begin():
                    return write(session, self._clock())
            except DBAPIError:
                if not left:
                    raise
                self._stopped.wait(1)
        return None


def _told(adapter: Adapter, change: Change, known: bool) -> str:
    """What the other side calls it."""
    if not known:
        # The first it hears of this ticket. After an attempt that may have arrived: look before another is made.
        found = adapter.find(change.key) if change.unsure or change.attempts else None
        if found is None:
            return adapter.create(change)
        if change.verb == "create":
            return found
    match change.verb:
        case "resolve":
            return adapter.resolve(change)
        case "reopen":
            return adapter.reopen(change)
    return adapter.update(change)
