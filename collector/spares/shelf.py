"""What lies where, and what one brief takes of it: nothing is promised twice."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import exists, literal, select
from sqlalchemy.orm import Session

from collector.spares import fitting
from collector.spares.fitting import Fits, Wanted
from collector.store.spares import Depot, FittingPart, Stock, Warranty


@dataclass(frozen=True, slots=True)
class MapRow:
    part: str
    form_factor: str
    interface: str
    at_least_bytes: int | None
    model: str
    part_number: str


@dataclass(frozen=True, slots=True)
class Lying:
    depot: str
    site: str  # empty: at none of the sites
    part_number: str
    quantity: int
    counted_at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """So many of one part number out of one depot."""

    lying: Lying
    count: int
    left: int  # lay there for this, of what other lines do not take


@dataclass(frozen=True, slots=True)
class Shelf:
    """As it was read; empty: nobody entered anything."""

    rows: Mapping[str, Sequence[MapRow]] = field(default_factory=dict)  # by part
    lying: Mapping[str, Sequence[Lying]] = field(default_factory=dict)  # by part number without capitals
    has_warranties: bool = False

    @property
    def is_counted(self) -> bool:
        return bool(self.lying)

    @property
    def is_entered(self) -> bool:
        return bool(self.rows or self.lying)

    def fits(self, wanted: Wanted) -> Fits:
        """What the part calls itself comes first, where that is a number to order by or one that a depot has."""
        own = [n for n in wanted.own_numbers if n and (wanted.is_told or n.casefold() in self.lying)]
        of_map = fitting.fits(self.rows.get(wanted.part, ()), wanted)
        numbers = {number.casefold(): number for number in (*of_map.numbers[::-1], *own[::-1])}
        found = tuple(dict.fromkeys(numbers[n.casefold()] for n in (*own, *of_map.numbers)))
        return Fits(found, () if found else of_map.unknown)


@dataclass(slots=True)
class Taking:
    """What the lines of one brief take, in the order in which they ask."""

    shelf: Shelf
    site: str | None  # where the visit is: its own depot comes first
    _taken: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, numbers: Iterable[str], count: int) -> list[Taken]:
        """At most `count`; what is missing has to be ordered."""
        ranked = [
            (lying.site != self.site or not lying.site, rank, -lying.quantity, lying.depot, lying)
            for rank, number in enumerate(numbers)
            for lying in self.shelf.lying.get(number.casefold(), ())
        ]
        found = []
        for *_order, lying in sorted(ranked, key=lambda each: each[:4]):
            key = (lying.depot, lying.part_number)
            left = lying.quantity - self._taken[key]
            some = min(left, count)
            if some > 0:
                self._taken[key] += some
                count -= some
                found.append(Taken(lying, some, left))
        return found

    def without(self, takes: Iterable[Taken]) -> None:
        """What another list took already."""
        for taken in takes:
            self._taken[taken.lying.depot, taken.lying.part_number] += taken.count

    def lies(self, numbers: Iterable[str]) -> bool:
        """Somewhere, taken or not."""
        return any(
            lying.quantity > 0 for number in numbers for lying in self.shelf.lying.get(number.casefold(), ())
        )


def read(session: Session) -> Shelf:
    """Three statements."""
    rows: dict[str, list[MapRow]] = {}
    for row in session.execute(
        select(
            FittingPart.part, FittingPart.form_factor, FittingPart.interface, FittingPart.at_least_bytes,
            FittingPart.model, FittingPart.part_number,
        )
    ):  # fmt: skip
        rows.setdefault(row.part, []).append(MapRow(*row))
    lying: dict[str, list[Lying]] = {}
    for depot, site, number, quantity, counted_at in session.execute(
        select(Stock.depot, Depot.site, Stock.part_number, Stock.quantity, Stock.counted_at)
        .join(Depot, Depot.name == Stock.depot)
        .order_by(Stock.depot, Stock.part_number)
    ):
        lying.setdefault(number.casefold(), []).append(Lying(depot, site, number, quantity, counted_at))
    any_warranty = session.scalar(select(literal(1)).where(exists(select(Warranty.system_serial))))
    return Shelf(rows, lying, any_warranty is not None)
