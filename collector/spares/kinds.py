"""The five files: their columns, how a cell is read and written, what makes two rows the same."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from collector.spares import cells
from collector.spares.fitting import PARTS
from collector.spares.table_file import said
from collector.store import Base
from collector.store.spares import Contract, Depot, FittingPart, Stock, Warranty

Told = Mapping[str, str]  # the cells of a row by column
Values = dict[str, Any]  # what the table holds of it


@dataclass(frozen=True, slots=True)
class Column:
    heading: str
    field: str  # of the table
    read: Callable[[str, Told], Any]  # of a cell with something in it; raises ValueError
    example: str
    required: bool = False  # in each row
    empty: Any = ""  # what an empty cell is
    says: str = ""  # for whoever fills it


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    title: str
    one: str  # of its rows, in a sentence
    many: str
    table: type[Base]
    columns: tuple[Column, ...]
    keys: tuple[str, ...]  # fields that tell two rows apart
    stamped: str = ""  # a field that each import sets to its moment
    identified: bool = False  # by a hash of its keys

    @property
    def headings(self) -> list[str]:
        return [column.heading for column in self.columns]

    @property
    def required(self) -> list[str]:
        return [column.heading for column in self.columns if column.required]

    def key(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """The same for rows that differ in capitals only."""
        return tuple("" if values[name] is None else str(values[name]).casefold() for name in self.keys)

    def label(self, values: Mapping[str, Any]) -> str:
        by_field = {column.field: column for column in self.columns}
        return ", ".join(
            str(cell(by_field[name], values)) for name in self.keys if values[name] not in (None, "")
        )

    def primary(self, values: Values) -> Values:
        """The row as the table keeps it."""
        if not self.identified:
            return values
        return {"id": hashlib.sha256("\0".join(self.key(values)).encode()).hexdigest()[:32], **values}


def written(value: Any) -> str:
    """A value as its cell; each `read` makes the same of it again."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return value.isoformat() if isinstance(value, date) else str(value)


def cell(column: Column, values: Mapping[str, Any]) -> str | int:
    """For a CSV: a count stays a number."""
    value = values[column.field]
    if column.field == "at_least_bytes":
        return cells.amount_said(value, binary=values["part"] == "memory") if value is not None else ""
    return value if isinstance(value, int) else written(value)


def _line(longest: int) -> Callable[[str, Told], str]:
    return lambda text, _told: cells.text(text, longest)


def _code(longest: int) -> Callable[[str, Told], str]:
    return lambda text, _told: cells.code(text, longest)


def _lines(text: str, _told: Told) -> str:
    return cells.lines(text)


def _whole(text: str, _told: Told) -> int:
    return cells.whole(text)


def _day(text: str, _told: Told) -> date:
    return cells.day(text)


def _moment(text: str, _told: Told) -> datetime:
    return cells.moment(text)


def _part(text: str, _told: Told) -> str:
    name = " ".join(text.split()).casefold()
    if name not in PARTS:
        raise ValueError(f"{said(text)} is none of {', '.join(PARTS)}")
    return name


def _capacity(text: str, told: Told) -> int:
    return cells.amount(text, binary=" ".join(told["part"].split()).casefold() == "memory")


def serial(text: str) -> str:
    """As it is looked for: in capitals, without blanks."""
    return "".join(text.split()).upper()


def _serial(text: str, _told: Told) -> str:
    found = serial(cells.code(text, 200))
    if not any(c.isalnum() for c in found):
        raise ValueError(f"{said(text)} is no serial")
    return found


MAP: Final = Kind(
    "parts", "Compatibility map", "row of the map", "rows of the map", FittingPart,
    (
        Column("part", "part", _part, "drive", required=True, says=f"one of: {', '.join(PARTS)}"),
        Column("form factor", "form_factor", _line(64), "M.2 2280", says="2.5 inch, M.2 2280, SODIMM, …; empty: fits any"),
        Column("interface", "interface", _line(64), "NVMe", says="SATA, NVMe, SAS; of memory DDR4, or DDR4-3200 for at most that speed"),
        Column("capacity", "at_least_bytes", _capacity, "512 GB", empty=None, says="of the part: it fits where at most that much was; empty: fits any"),
        Column("model", "model", _line(200), "", says="of the device, projector, display or camera; * stands for any letters; empty: fits any"),
        Column("part number", "part_number", _code(100), "MZ-V9P512BW", required=True),
        Column("description", "description", _lines, "Solid-state drive 512 GB"),
    ),
    ("part", "form_factor", "interface", "at_least_bytes", "model", "part_number"), identified=True,
)  # fmt: skip
DEPOTS: Final = Kind(
    "depots", "Depots", "depot", "depots", Depot,
    (
        Column("depot", "name", _line(100), "Tulsa basement", required=True),
        Column("site", "site", _line(100), "", says="the site it is at, as the console calls it; empty: at none"),
        Column("note", "note", _lines, "Key at the front desk, Mon-Fri 8-17"),
    ),
    ("name",),
)  # fmt: skip
STOCK: Final = Kind(
    "stock", "Stock", "count of the stock", "counts of the stock", Stock,
    (
        Column("depot", "depot", _line(100), "Tulsa basement", required=True, says="one of the depots"),
        Column("part number", "part_number", _code(100), "MZ-V9P512BW", required=True),
        Column("quantity", "quantity", _whole, "2", required=True),
        Column("minimum", "minimum", _whole, "1", empty=0, says="fewer than that: order; empty: none"),
        Column("counted at", "counted_at", _moment, "2026-11-20", empty=None, says="a day, or a time with its zone; empty: now"),
    ),
    ("depot", "part_number"),
)  # fmt: skip
CONTRACTS: Final = Kind(
    "contracts", "Contracts", "contract", "contracts", Contract,
    (
        Column("contract", "name", _line(100), "Dell ProSupport 2024", required=True),
        Column("vendor", "vendor", _line(100), "Dell"),
        Column("contact", "contact", _line(200), "1-800-555-0100, customer 4711"),
        Column("terms", "terms", _lines, "On site the next working day; keep your drive"),
        Column("ends on", "ends_on", _day, "2028-06-30", empty=None, says="its last day; empty: not known"),
    ),
    ("name",),
)  # fmt: skip
WARRANTY: Final = Kind(
    "warranty", "Warranty", "device under warranty", "devices under warranty", Warranty,
    (
        Column("serial", "system_serial", _serial, "0C7BE3A", required=True, says="of the device, or of a projector, display or camera"),
        Column("starts on", "starts_on", _day, "2024-07-01", empty=None, says="its first day; empty: long begun"),
        Column("ends on", "ends_on", _day, "2027-06-30", required=True, says="its last day"),
        Column("contract", "contract", _line(100), "Dell ProSupport 2024", says="one of the contracts; empty: none"),
    ),
    ("system_serial",), stamped="imported_at",
)  # fmt: skip

# In an order in which what is referred to comes first.
KINDS: Final = {kind.name: kind for kind in (MAP, DEPOTS, STOCK, CONTRACTS, WARRANTY)}
