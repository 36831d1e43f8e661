"""What counts as "we cannot see it". A part that a device of its class does not have is not unseen: it is not there."""

from sqlalchemy import ColumnElement, and_, not_, or_

from collector.store.devices import Device
from collector.store.reports import ProbeResult


def condition() -> ColumnElement[bool]:
    """For statements that join Device and ProbeResult."""
    no_battery = and_(
        ProbeResult.probe == "battery",
        ProbeResult.reason.like("no battery%"),
        Device.device_class != "laptop",
    )
    no_sensors = and_(ProbeResult.probe == "sensors", Device.device_class == "virtual")
    not_there = and_(ProbeResult.outcome == "unavailable", or_(no_battery, no_sensors))
    return and_(ProbeResult.outcome != "ok", not_(not_there))


def is_absent(device: Device, result: ProbeResult) -> bool:
    """The same, of rows at hand."""
    return result.outcome == "unavailable" and (
        (
            result.probe == "battery"
            and result.reason.startswith("no battery")
            and device.device_class != "laptop"
        )
        or (result.probe == "sensors" and device.device_class == "virtual")
    )
