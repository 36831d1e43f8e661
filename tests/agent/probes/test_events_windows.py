"""Events of Windows. All events and disks here are made by us after the maker's documentation (origin: documented)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import events, events_windows
from agent.windows import CIMV2, STORAGE, Event, Row
from tests.agent.windows.captured import Captured

NOW = datetime.now(UTC)
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
POWER, STOP = "Microsoft-Windows-Kernel-Power", "Microsoft-Windows-WER-SystemErrorReporting"
WHEA = "Microsoft-Windows-WHEA-Logger"
STARTED = Event(provider="EventLog", id=6005, at=NOW - 20 * DAY)
DISKS: list[Row] = [
    {"DeviceId": "0", "SerialNumber": " S1 ", "Model": "SSD A", "BusType": 11},
    {"DeviceId": "1", "SerialNumber": "S2", "Model": "Stick", "BusType": 7},
]


def event(provider: str, number: int, ago: timedelta = HOUR, **data: str) -> Event:
    return Event(
        provider=provider,
        id=number,
        at=NOW - ago,
        data={name.strip("_"): text for name, text in data.items()},
    )


def on_disk(number: int, disk: int, ago: timedelta = HOUR) -> Event:
    return event("disk", number, ago, _1=rf"\Device\Harddisk{disk}\DR{disk}")


def read(*log: Event, disks: list[Row] | None = None) -> Taken:
    wmi = {(STORAGE, "MSFT_PhysicalDisk"): DISKS if disks is None else disks}
    return events.read(Place(windows=Captured(log=[STARTED, *log], wmi=wmi)))


def values(taken: Taken) -> dict[tuple[str, str], float]:
    return {(row.metric, row.component): row.last for row in taken.readings}


def rows(taken: Taken) -> list[dict[str, str]]:
    return [dict(item.facts) for item in taken.sections["events"]]


def test_a_quiet_log_is_zero_for_each_fixed_disk_and_says_how_far_it_reaches() -> None:
    read_values = values(read())
    assert read_values["events_disk_bad_blocks_week_count", "S1"] == 0
    assert read_values["events_stop_errors_month_count", ""] == 0
    assert read_values["events_log_reach_seconds", ""] == pytest.approx(20 * 86400, abs=3600)
    assert not any(component == "S2" for _, component in read_values), "the stick is no part of the device"
    assert ("events_usb_over_current_week_count", "") not in read_values, "Windows does not tell it this way"


def test_a_log_without_even_a_start_is_unknown_and_not_quiet() -> None:
    with pytest.raises(Unavailable, match="not even a start"):
        events.read(Place(windows=Captured()))


def test_a_log_that_cannot_be_asked_says_why() -> None:
    place = Place(windows=Captured(log=Unavailable("event log System: access is denied")))
    with pytest.raises(Unavailable, match="denied"):
        events.read(place)


def test_a_bad_block_is_counted_under_the_disk_s_serial() -> None:
    taken = read(
        on_disk(7, 0), on_disk(7, 0, 2 * DAY), on_disk(154, 0, 9 * DAY), on_disk(153, 0), on_disk(52, 0)
    )
    read_values = values(taken)
    assert read_values["events_disk_bad_blocks_week_count", "S1"] == 2
    assert read_values["events_disk_timeouts_week_count", "S1"] == 1
    assert read_values["events_disk_failures_predicted_week_count", "S1"] == 1
    assert {row["source"]: row["count"] for row in rows(taken)} == {
        "disk 7": "2", "disk 154": "1", "disk 153": "1", "disk 52": "1",
    }  # fmt: skip


def test_an_error_while_paging_counts_for_fixed_disks_only() -> None:
    taken = read(on_disk(51, 0), on_disk(51, 1), on_disk(51, 5))
    assert values(taken)["events_disk_errors_week_count", "S1"] == 1
    assert {row["device"]: row.get("not_counted") for row in rows(taken)} == {
        "Harddisk0": None, "Harddisk1": "removable", "Harddisk5": "no longer in this device",
    }  # fmt: skip


def test_where_nobody_knows_the_disks_a_paging_error_is_not_counted_and_a_bad_block_is() -> None:
    taken = events.read(Place(windows=Captured(log=[STARTED, on_disk(51, 0), on_disk(7, 0)])))
    read_values = values(taken)
    assert read_values["events_disk_bad_blocks_week_count", "Harddisk0"] == 1
    assert not any(metric == "events_disk_errors_week_count" for metric, _ in read_values)
    assert "cannot be told" in taken.reason


def test_the_older_class_of_disks_serves_as_well() -> None:
    drives: list[Row] = [
        {"Index": "0", "SerialNumber": "S1", "Model": "SSD", "InterfaceType": "SCSI", "MediaType": "Fixed hard disk media"},
        {"Index": "1", "SerialNumber": "X", "Model": "Card", "InterfaceType": "USB", "MediaType": "Removable Media"},
    ]  # fmt: skip
    place = Place(
        windows=Captured(
            log=[STARTED, on_disk(11, 0), on_disk(11, 1)], wmi={(CIMV2, "Win32_DiskDrive"): drives}
        )
    )
    counts = {
        key: n for key, n in values(events.read(place)).items() if key[0] == "events_disk_errors_week_count"
    }
    assert counts == {("events_disk_errors_week_count", "S1"): 1}


def test_an_adapter_s_reset_belongs_to_the_only_disk_and_else_to_the_adapter() -> None:
    reset = event("stornvme", 129, _1=r"\Device\RaidPort1")
    assert values(read(reset))["events_disk_timeouts_week_count", "S1"] == 1
    two = [*DISKS, {"DeviceId": "2", "SerialNumber": "S3", "Model": "SSD B", "BusType": 17}]
    read_values = values(read(reset, disks=two))
    assert read_values["events_disk_timeouts_week_count", "stornvme RaidPort1"] == 1
    assert read_values["events_disk_timeouts_week_count", "S1"] == 0


def test_one_crash_told_by_three_events_is_one_stop_error() -> None:
    taken = read(
        event(POWER, 41, HOUR, BugcheckCode="159", PowerButtonTimestamp="0"),
        event("EventLog", 6008, HOUR - MINUTE),
        event(STOP, 1001, HOUR - 2 * MINUTE, param1="0x0000009f (0x0000000000000003, 0xffff)"),
    )
    read_values = values(taken)
    assert read_values["events_stop_errors_month_count", ""] == 1
    assert read_values["events_unclean_shutdowns_month_count", ""] == 0
    assert {row.get("detail") for row in rows(taken)} == {"stop code 0x0000009F", None}
    assert sorted(row["source"] for row in rows(taken)) == ["EventLog 6008", f"{POWER} 41", f"{STOP} 1001"]


def test_a_power_cut_and_a_held_button_are_no_stop_errors() -> None:
    taken = read(
        event(POWER, 41, 3 * DAY, BugcheckCode="0", PowerButtonTimestamp="0"),
        event("EventLog", 6008, 3 * DAY - MINUTE),
        event(POWER, 41, HOUR, BugcheckCode="0", PowerButtonTimestamp="133489132000000000"),
    )
    assert values(taken)["events_stop_errors_month_count", ""] == 0
    assert values(taken)["events_unclean_shutdowns_month_count", ""] == 2
    assert "switched off by its button" in {row.get("detail") for row in rows(taken)}


def test_a_loop_of_crashes_is_counted_crash_by_crash() -> None:
    log = [event(POWER, 41, HOUR - n * 5 * MINUTE, BugcheckCode="292") for n in range(4)]
    log += [event(STOP, 1001, HOUR - n * 5 * MINUTE - MINUTE, param1="0x00000124 (0x0)") for n in range(3)]
    assert values(read(*log))["events_stop_errors_month_count", ""] == 4


def test_the_same_number_of_another_provider_means_nothing() -> None:
    names = events_windows._KINDS_BY_EVENT
    assert 1001 not in {number for ids in names.values() for number in ids}
    taken = read(event("Windows Error Reporting", 1001), event("Netwtw08", 7), event("Ntfs", 11))
    assert rows(taken) == []


def test_corrected_and_fatal_hardware_errors_are_kept_apart() -> None:
    read_values = values(read(event(WHEA, 17), event(WHEA, 19), event(WHEA, 18), event(WHEA, 47)))
    assert read_values["events_machine_checks_week_count", ""] == 1
    assert read_values["events_hardware_errors_corrected_week_count", ""] == 2


def test_a_damaged_volume_is_known_by_its_letter_unless_it_is_removable() -> None:
    letters: list[Row] = [{"DeviceID": "C:", "DriveType": "3"}, {"DeviceID": "E:", "DriveType": "2"}]
    log = [STARTED, *(event("Ntfs", 55, DriveName=name) for name in ("C:", "E:", "F:"))]
    wmi = {(CIMV2, "Win32_LogicalDisk"): letters, (STORAGE, "MSFT_PhysicalDisk"): DISKS}
    taken = events.read(Place(windows=Captured(log=log, wmi=wmi)))
    counts = {key for key in values(taken) if key[0] == "events_filesystem_errors_week_count"}
    assert counts == {("events_filesystem_errors_week_count", "C:")}
    assert len(rows(taken)) == 3


def test_a_fast_startup_is_told_from_a_full_one() -> None:
    boot = "Microsoft-Windows-Kernel-Boot"
    taken = read(event(boot, 27, DAY, BootType="0"), event(boot, 27, HOUR, BootType="1"))
    (row,) = rows(taken)
    assert (row["kind"], row["start_type"]) == ("start", "fast startup")


@settings(max_examples=150, deadline=None)
@given(
    some.lists(
        some.builds(
            Event,
            provider=some.sampled_from([*events_windows._KINDS_BY_EVENT, POWER, STOP, "EventLog"]),
            id=some.sampled_from([7, 11, 18, 41, 47, 51, 55, 129, 1001, 2004, 6005, 6008]),
            at=some.timedeltas(min_value=timedelta(0), max_value=29 * DAY).map(lambda ago: NOW - ago),
            data=some.dictionaries(
                some.sampled_from(["1", "BugcheckCode", "PowerButtonTimestamp", "param1", "DriveName"]),
                some.text(),
            ),
        ),
        max_size=12,
    )
)
def test_strange_events_break_nothing_and_no_going_off_is_counted_twice(log: list[Event]) -> None:
    taken = read(*log)
    outages = [one for one in log if one.id in (41, 1001, 6008)]
    told = sum(n for (name, _), n in values(taken).items() if name.endswith("_month_count"))
    assert told <= len(outages)
    assert len({item.key for item in taken.sections["events"]}) == len(taken.sections["events"])
