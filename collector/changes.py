"""Rows that a group of calls will write, gathered so that each table is written once per commit."""

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, update

from collector.store.devices import Device, DeviceState
from collector.store.inventory import InventoryPart, InventorySection, PartSerial
from collector.store.reports import GapSeen, ProbeResult, Spool, StoredReport
from collector.store.upsert import upsert

Row = dict[str, Any]


def table_of(model: type) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


class Conflict(Exception):
    """Another collector judged the device in between: what is remembered of it is out of date."""


class Changes:
    """Pending writes. `flush` may be called in the middle, by work that must read what it wrote."""

    def __init__(self) -> None:
        self.reports: list[Row] = []
        self.gaps: list[Row] = []
        self.parts: list[Row] = []
        self.spools: dict[tuple[str, str], Row] = {}
        self.results: dict[tuple[str, str], Row] = {}
        self.results_failed: dict[tuple[str, str], Row] = {}  # keep the readings of the last good run
        self.sections: dict[tuple[str, str], Row] = {}
        self.serials: dict[tuple[str, str], list[Row]] = {}  # of the parts in a section: all there are now
        self.states: dict[str, Row] = {}
        self.devices: dict[str, Row] = {}  # column values, with `version` = the one remembered

    def device(self, device_id: str, **values: Any) -> None:
        """Set columns of a device row; the last value of a group wins."""
        self.devices.setdefault(device_id, {}).update(values)

    def flush(self, connection: Connection) -> None:
        """Write everything and forget it. Raises Conflict, and IntegrityError for a report stored twice."""
        if self.reports:
            connection.execute(insert(table_of(StoredReport)), self.reports)
        if self.gaps:
            connection.execute(insert(table_of(GapSeen)), self.gaps)
        for model, rows in (
            (Spool, self.spools),
            (ProbeResult, self.results),
            (ProbeResult, self.results_failed),
            (InventorySection, self.sections),
            (DeviceState, self.states),
        ):
            upsert(connection, table_of(model), list(rows.values()))
        upsert(connection, table_of(InventoryPart), self.parts)
        self._flush_serials(connection)
        self._flush_devices(connection)
        self.__init__()  # type: ignore[misc]

    def _flush_serials(self, connection: Connection) -> None:
        if not self.serials:
            return
        table = table_of(PartSerial)
        former = delete(table).where(
            table.c.device_id == bindparam("of"), table.c.section == bindparam("within")
        )
        connection.execute(former, [{"of": device, "within": section} for device, section in self.serials])
        upsert(connection, table, [row for rows in self.serials.values() for row in rows])

    def _flush_devices(self, connection: Connection) -> None:
        # One UPDATE shape per set of columns: devices that only reported share one, and that is nearly all.
        shapes: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
        for device_id, values in self.devices.items():
            shapes[tuple(sorted(values))].append(
                {f"v_{k}": v for k, v in values.items()} | {"v_id": device_id}
            )
        table = table_of(Device)
        for columns, rows in shapes.items():
            statement = update(table).where(table.c.id == bindparam("v_id"))
            settings: Row = {name: bindparam(f"v_{name}") for name in columns if name != "version"}
            if "version" in columns:
                statement = statement.where(table.c.version == bindparam("v_version"))
                settings["version"] = table.c.version + 1
            changed = connection.execute(statement.values(settings), rows).rowcount
            if "version" in columns and changed != len(rows):
                raise Conflict(f"{len(rows) - changed} of {len(rows)} devices were judged elsewhere")
