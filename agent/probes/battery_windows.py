"""Obtains what battery.py tells on Windows: the battery class drivers' own tables in root\\wmi, in mWh."""

from agent.probe import Place, Unavailable
from agent.probes.battery_facts import Battery, measured
from agent.windows import WMI, Row, rows
from agent.windows.live import sources

_UNKNOWN = 0xFFFFFFFF  # BATTERY_UNKNOWN_CAPACITY
_RELATIVE = 0x40000000  # BATTERY_CAPACITY_RELATIVE: in units of nobody knows what
_SHORT_TERM = 0x20000000  # BATTERY_IS_SHORT_TERM: an uninterruptible power supply beside the device


def batteries(place: Place) -> tuple[list[Battery], bool | None, str]:
    """All batteries, whether the device is on mains, and what could not be read."""
    source = sources(place)
    told: dict[str, dict[str, Row]] = {}
    lost: list[str] = []
    tables = ("BatteryStaticData", "BatteryFullChargedCapacity", "BatteryStatus", "BatteryCycleCount")
    for table in tables:
        try:
            for row in source.rows(WMI, table):
                if name := rows.text(row, "instancename"):
                    told.setdefault(name, {})[table] = row
        except (Unavailable, OSError) as error:  # firmware without cycles fails here with an error of its own
            lost.append(f"{table}: {error}")
    if len(lost) == len(tables):
        raise Unavailable(lost[0])
    if not told:
        raise Unavailable("no battery")
    found = [made for name, parts in sorted(told.items()) if (made := battery(name, *map(parts.get, tables)))]
    mains = [
        online
        for parts in told.values()
        if (online := rows.truth(parts.get("BatteryStatus", {}), "poweronline")) is not None
    ]
    return found, any(mains) if mains else None, "; ".join(lost)


def battery(
    name: str, static: Row | None, full: Row | None, status: Row | None, cycles: Row | None
) -> Battery | None:
    static, status = static or {}, status or {}
    kind = rows.whole(static, "capabilities") or 0
    if kind & _SHORT_TERM:
        return None
    return measured(
        name=name,
        now=_capacity(status, "remainingcapacity"),
        full=_capacity(full or {}, "fullchargedcapacity"),
        design=_capacity(static, "designedcapacity"),
        watt_hours=None if kind & _RELATIVE else 1e-3,
        cycles=rows.whole(cycles or {}, "cyclecount"),
        serial=rows.text(static, "serialnumber"),
        maker=rows.text(static, "manufacturename"),
        model=rows.text(static, "devicename"),
        chemistry=_chemistry(rows.whole(static, "chemistry")),
        status=_status(status),
    )


def _capacity(row: Row, name: str) -> int | None:
    value = rows.whole(row, name)
    return value if value is not None and value < _UNKNOWN else None


def _chemistry(number: int | None) -> str | None:
    """Four letters in a number: `LION`."""
    if not number or number > _UNKNOWN:
        return None
    text = number.to_bytes(4, "little").decode("ascii", "replace").strip("\0 ")
    return text if text.isalnum() else None


def _status(row: Row) -> str | None:
    """In Linux's words."""
    if rows.truth(row, "charging"):
        return "Charging"
    if rows.truth(row, "discharging"):
        return "Discharging"
    return "Not charging" if row else None
