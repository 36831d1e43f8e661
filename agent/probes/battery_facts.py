"""One battery, and the sums made of its numbers. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Battery:
    name: str
    charge_ratio: float | None = None
    health_ratio: float | None = None
    cycles: int | None = None
    design_wh: float | None = None
    full_wh: float | None = None
    serial: str | None = None
    maker: str | None = None
    model: str | None = None
    chemistry: str | None = None
    status: str | None = None


def measured(
    *,
    name: str,
    now: int | None,
    full: int | None,
    design: int | None,
    watt_hours: float | None,
    percent: int | None = None,
    cycles: int | None = None,
    serial: str | None = None,
    maker: str | None = None,
    model: str | None = None,
    chemistry: str | None = None,
    status: str | None = None,
) -> Battery:
    """`now`, `full` and `design` in one unit, of which `watt_hours` makes Wh; None where it cannot be said."""
    charge = now / full if now is not None and full else None if percent is None else percent / 100
    return Battery(
        name=name,
        charge_ratio=_clamped(charge),
        # A new pack holds more than it promises; firmware that knows no design gives 0.
        health_ratio=_clamped(full / design) if full and design else None,
        cycles=cycles or None,  # packs that do not count say 0 or -1
        design_wh=round(design * watt_hours, 2) if design and watt_hours else None,
        full_wh=round(full * watt_hours, 2) if full and watt_hours else None,
        serial=serial,
        maker=maker,
        model=model,
        chemistry=chemistry,
        status=status,
    )


def _clamped(ratio: float | None) -> float | None:
    return None if ratio is None else min(1.0, max(0.0, ratio))
