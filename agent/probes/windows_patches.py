"""The readings, sections and state of `patches` on Windows, from what patches_windows.py obtained."""

from collections import Counter
from datetime import datetime
from typing import Final

from agent.probe import Taken, item, reading
from agent.probes import office
from agent.probes import windows_updates as updates
from agent.probes.patches_windows import Client, Defender, Found
from agent.windows import Installation, Row, Update, rows, update_codes
from protos.report_pb2 import COMPLIANT, MISSING, PATCH_STATE_UNKNOWN, Item, PatchStatus

_HEARTBEAT: Final = "{00000000-0000-0000-0000-000000000003}"
_HARDWARE_INVENTORY: Final = "{00000000-0000-0000-0000-000000000001}"
_NEVER_DAYS: Final = (65535, 4294967295)

Offers = list[tuple[str, Update]]  # kind and update


def taken(found: Found) -> Taken:
    result = Taken(reason="; ".join(found.remarks))
    offers = [(updates.kind(update), update) for update in found.searched.updates] if found.searched else []
    is_missing = any(kind not in updates.NOT_MISSING for kind, _ in offers)
    status = PatchStatus(method="wua", state=PATCH_STATE_UNKNOWN, reason=_doubt(found, offers, is_missing))
    result.patches = status
    if not status.reason:
        status.state = MISSING if is_missing else COMPLIANT
        _count(result, offers)
    result.sections["update_sources"] = [
        _windows_update(result, found),
        _defender(result, found.defender, found.now),
        _client(result, found.client, found.now),
    ]
    result.sections["office"] = office.items(found.office)
    return result


def _doubt(found: Found, offers: Offers, is_missing: bool) -> str:
    """Why the search says nothing; empty: its counts are the truth."""
    source = found.source
    if found.searched is None:
        return source.doubt if source and source.service_disabled else found.refusal
    reason = updates.search_doubt(found.searched)
    if not reason and not is_missing and source is not None:
        reason = source.doubt
    if not reason and not offers:  # definitions and drivers on offer show a source that is alive
        reason = updates.empty_doubt(
            searched_at=_searched_at(found),
            installed_at=updates.last_success(found.history or []),
            is_managed=source is not None and source.is_managed,
            now=found.now,
        )
    return reason


def _searched_at(found: Found) -> datetime | None:
    written = found.source.searched_at if found.source else None
    return max(filter(None, (found.last_search, written)), default=None)


def _count(result: Taken, offers: Offers) -> None:
    listed = [(kind, update) for kind, update in offers if kind != "definition"]
    names = updates.names([update for _, update in listed])
    result.sections["updates"] = [
        item(
            name,
            title=update.title,
            kind=kind,
            security=kind == "security",
            severity=update.severity,
            downloaded=update.is_downloaded,
            published_at=_day(update.published_at),
        )
        for name, (kind, update) in zip(names, listed, strict=True)
    ]
    counts = Counter(kind for kind, _ in listed)
    missing = sum(count for kind, count in counts.items() if kind not in updates.NOT_MISSING)
    result.readings += [
        reading("updates_security_count", counts["security"]),
        reading("updates_other_count", missing - counts["security"]),
        reading("updates_driver_count", counts["driver"]),
        reading("updates_optional_count", counts["optional"]),
    ]


def _windows_update(result: Taken, found: Found) -> Item:
    cumulative = found.cumulative
    last = None
    if found.history is not None:
        _failures(result, found.history, found.now)
        cumulative = max(filter(None, (cumulative, updates.last_cumulative(found.history))), default=None)
        last = updates.last_result(found.history)
    _read(result, "updates_last_cumulative_age_seconds", updates.age(cumulative, found.now))
    source = found.source
    policy: dict[str, object] = {}
    if source is not None:
        policy = {
            "source": source.name,
            "server": source.host,
            "service_disabled": source.service_disabled,
            "paused_until": _day(source.paused_until),
            "quality_deferred_days": source.quality_deferred_days,
            "feature_deferred_days": source.feature_deferred_days,
            "target_release": source.target_release,
        }
    return item(
        "windows_update",
        last_search_at=_day(_searched_at(found)),
        last_cumulative_at=_day(cumulative) or "none seen",
        last_result=updates.RESULTS.get(last.result) if last else None,
        last_result_at=_day(last.at) if last else None,
        last_result_code=update_codes.explained(last.code) if last and last.code else None,
        **policy,
    )


def _failures(result: Taken, history: list[Installation], now: datetime) -> None:
    failed = updates.failures(history, now)
    result.readings.append(reading("updates_failed_count", updates.failed_count(history, now)))
    result.readings += [reading("updates_failing_count", each.count, each.name, each.name) for each in failed]
    result.sections["update_failures"] = [
        item(
            each.name,
            title=each.last.title or None,
            failures=each.count,
            code=update_codes.explained(each.last.code) if each.last.code else None,
            last_at=_day(each.last.at),
        )
        for each in failed
    ]


def _defender(result: Taken, defender: Defender, now: datetime) -> Item:
    """The signatures' age is a reading only while Defender is what protects this device."""
    row = defender.status
    if not row:
        return item("defender", installed=defender.installed)
    mode = rows.text(row, "amrunningmode")
    active = rows.truth(row, "antivirusenabled") is True and (mode is None or mode.lower() == "normal")
    seconds = _signature_age(row, now)
    if active:
        _read(result, "defender_signature_age_seconds", seconds)
    return item(
        "defender",
        installed=defender.installed,
        active=active,
        mode=mode,
        signatures=rows.text(row, "antivirussignatureversion"),
        signatures_at=_day(_after_2000(rows.moment(row, "antivirussignaturelastupdated"))),
        never_updated=True if rows.whole(row, "antivirussignatureage") in _NEVER_DAYS else None,
    )


def _signature_age(row: Row, now: datetime) -> float | None:
    """By the date where there is one: the age is whole days, and a number of its own stands for never."""
    days = rows.whole(row, "antivirussignatureage")
    if days in _NEVER_DAYS:
        return None
    exact = updates.age(_after_2000(rows.moment(row, "antivirussignaturelastupdated")), now)
    if exact is not None:
        return exact
    return None if days is None else days * 86400.0


def _client(result: Taken, client: Client, now: datetime) -> Item:
    if not client.installed:
        return item("configuration_manager", installed=client.installed)
    # One that never reported says 1970.
    reported = {
        (rows.text(row, "inventoryactionid") or "").lower(): _after_2000(rows.moment(row, "lastreportdate"))
        for row in client.reports
    }
    heartbeat, hardware = reported.get(_HEARTBEAT), reported.get(_HARDWARE_INVENTORY)
    service = rows.text(client.service, "state")
    if service is not None:
        result.readings.append(reading("sccm_service_running_state", service.lower() == "running"))
    _read(result, "sccm_heartbeat_age_seconds", updates.age(heartbeat, now))
    _read(result, "sccm_hardware_inventory_age_seconds", updates.age(hardware, now))
    return item(
        "configuration_manager",
        installed=True,
        version=rows.text(client.client, "clientversion"),
        site=rows.text(client.site, "ssitecode"),
        service=service,
        heartbeat_at=_day(heartbeat) or "none seen",
        hardware_inventory_at=_day(hardware) or "none seen",
    )


def _read(result: Taken, metric: str, value: float | None) -> None:
    if value is not None:
        result.readings.append(reading(metric, value))


def _after_2000(at: datetime | None) -> datetime | None:
    return at if at is not None and at.year > 2000 else None


def _day(at: datetime | None) -> str | None:
    """Facts change only when the day does."""
    return None if at is None else f"{at:%Y-%m-%d}"
