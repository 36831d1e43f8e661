"""What an adapter is: one file for each kind of receiver (mail, a help desk), all with these five verbs.

The local ticket is the record; the other side is a mirror that may be lost, behind or wrong. The sender
(sender.py) sees to order, repetition and dead letters, so an adapter only tries once and says how it ended.
A receiver that answers 200 to a refused change is known: an adapter that can read back compares.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

# How a try ended that did not end well:
# away:    the receiver as a whole (not reached, wrong password): nothing else would get through either
# later:   this change, for now
# unsure:  nobody knows: the answer never came. It is tried again as the same, for the receiver to drop the twin
# refused: this change, for good
How = Literal["away", "later", "unsure", "refused"]


class Undelivered(Exception):
    """The change is not known to be at the other side; the text is for people and holds no secrets."""

    def __init__(self, how: How, text: str) -> None:
        super().__init__(text)
        self.how: How = how


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One row of the outbox, as an adapter gets it. `id` is the same at every try."""

    id: str
    key: str  # TOCSIN-KEY of the ticket or situation
    verb: str
    at: datetime
    number: int
    title: str
    state: str
    severity: str
    priority: int
    text: str
    proof: str
    told: str  # what happened
    attempts: int = 0  # before this one
    unsure: int = 0  # of these, nobody knows whether they arrived
    kind: str = "ticket"  # situation; rooms: a text, told once and never changed (news.py)

    @property
    def named(self) -> str:
        """For the log."""
        return f"{self.kind} {self.number}" if self.number else self.kind


class Adapter(Protocol):
    """Each verb returns what the other side calls it, or raises Undelivered."""

    @property
    def name(self) -> str: ...

    def find(self, key: str) -> str | None:
        """The ticket of this key; None: it is not there, or nobody can be asked."""

    def create(self, change: Change) -> str: ...

    def update(self, change: Change) -> str: ...

    def resolve(self, change: Change) -> str: ...

    def reopen(self, change: Change) -> str: ...
