"""Obtains what sensors.py reads on Windows: the thermal zones of the firmware.

Windows shows neither fans nor the board's chips. Many boards have no zone either, and some have one that always
says the same: it is told as it is.
"""

from agent.probe import Place, Taken, reading
from agent.windows import WMI, Row, rows
from agent.windows.live import sources
from protos.report_pb2 import Reading

_ZERO_CELSIUS = 273.15
_POSSIBLE_CELSIUS = (-40, 150)


def read(place: Place) -> Taken:
    taken = Taken()
    for row in sources(place).rows(WMI, "MSAcpi_ThermalZoneTemperature"):
        taken.readings += zone(row)
    return taken


def zone(row: Row) -> list[Reading]:
    """Temperatures are in tenths of a kelvin."""
    # `ACPI\\ThermalZone\\TZ00_0`
    name = (rows.text(row, "instancename") or "zone").rpartition("\\")[2]
    celsius = _celsius(row, "currenttemperature")
    if celsius is None:
        return []
    limit = _celsius(row, "criticaltrippoint")
    result = [reading("sensor_temperature_celsius", celsius, f"acpi {name}")]
    if limit is not None and limit > 0:
        result.append(reading("sensor_temperature_limit_celsius", limit, f"acpi {name}"))
    return result


def _celsius(row: Row, name: str) -> float | None:
    tenths = rows.whole(row, name)
    if not tenths:
        return None
    celsius = round(tenths / 10 - _ZERO_CELSIUS, 1)
    return celsius if _POSSIBLE_CELSIUS[0] < celsius < _POSSIBLE_CELSIUS[1] else None
