"""Is a device under warranty, and who is asked: by its serial, as somebody's list says."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from collector.spares.kinds import serial
from collector.store.devices import Device
from collector.store.spares import Contract, Warranty

IN_FORCE: Final = "in_force"
ENDED: Final = "ended"
NOT_BEGUN: Final = "not_begun"
CONTRACT_ENDED: Final = "contract_ended"  # before the warranty does: one of the two lists is wrong


@dataclass(frozen=True, kw_only=True, slots=True)
class Cover:
    ends_on: date  # its last day
    starts_on: date | None = None  # None: long begun
    contract: str = ""
    vendor: str = ""
    contact: str = ""
    terms: str = ""
    contract_ends_on: date | None = None
    imported_at: datetime

    def state(self, today: date) -> str:
        if self.ends_on < today:
            return ENDED
        if self.starts_on is not None and self.starts_on > today:
            return NOT_BEGUN
        if self.contract_ends_on is not None and self.contract_ends_on < today:
            return CONTRACT_ENDED
        return IN_FORCE


Covers = Mapping[str, Cover]  # by serial, in capitals and without blanks


def of_devices(session: Session, chosen: Select[Any], serials: Collection[str] = ()) -> dict[str, Cover]:
    """Of the devices whose ids `chosen` selects, and of parts with these serials: in one statement."""
    told = func.upper(func.replace(Device.system_serial, " ", ""))
    mine = select(told).where(Device.id.in_(chosen), Device.system_serial != "")
    where: list[ColumnElement[bool]] = [Warranty.system_serial.in_(mine)]
    where.append(Warranty.system_serial.in_(sorted({serial(text) for text in serials})))
    rows = session.execute(
        select(Warranty, Contract).outerjoin(Contract, Contract.name == Warranty.contract).where(or_(*where))
    )
    return {warranty.system_serial: _cover(warranty, contract) for warranty, contract in rows}


def _cover(warranty: Warranty, contract: Contract | None) -> Cover:
    return Cover(
        ends_on=warranty.ends_on,
        starts_on=warranty.starts_on,
        contract=warranty.contract,
        vendor=contract.vendor if contract is not None else "",
        contact=contract.contact if contract is not None else "",
        terms=contract.terms if contract is not None else "",
        contract_ends_on=contract.ends_on if contract is not None else None,
        imported_at=warranty.imported_at,
    )


def find(covers: Covers, text: str) -> Cover | None:
    return covers.get(serial(text)) if text else None
