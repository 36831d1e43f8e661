"""The numbers people say: tickets and situations count together."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from collector.store.installation import Counter


def next_number(session: Session) -> int:
    """The row is locked by the update until commit, so numbers have no twins."""
    number = session.scalar(
        update(Counter)
        .where(Counter.name == "ticket")
        .values(value=Counter.value + 1)
        .returning(Counter.value)
    )
    if number is None:
        session.add(Counter(name="ticket", value=1))
        session.flush()
        return 1
    return int(number)
