"""The small probes that read the kernel: processor, memory, battery, sensors, clock, services, system."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import (
    agent_itself,
    battery,
    clock,
    cpu,
    kernel_files,
    memory,
    operating_system,
    sensors,
    services,
)
from tests.conftest import only_on_linux


def values(taken: Taken) -> dict[tuple[str, str], float]:
    return {(reading.metric, reading.component): reading.last for reading in taken.readings}


def write(root: Path, **files: str) -> Path:
    """`a__b="x"` writes x to a/b below the root."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="\n")  # as the kernel writes, also where Windows runs this
    return root


# processor


def test_waiting_for_a_disk_is_not_work(tmp_path: Path) -> None:
    before = cpu.parse_stat("cpu  100 0 100 700 100 0 0 0 0 0\n")
    after = cpu.parse_stat("cpu  150 0 150 750 150 0 0 0 0 0\n")
    assert cpu.used_ratio(before, after) == 0.5


@pytest.mark.parametrize("text", ["inf 1 1", "nan 1 1", "-1 1 1", "1e400 0 0", "x", ""])
def test_a_queue_no_kernel_could_have_is_unknown(text: str) -> None:
    assert cpu.parse_load(text) is None


def test_a_counter_that_ran_backwards_gives_no_share_below_zero() -> None:
    assert cpu.used_ratio((100, 1000), (90, 1100)) == 0
    assert cpu.used_ratio((100, 1000), (100, 1000)) is None


def test_a_processor_says_how_often_it_slowed_itself(tmp_path: Path) -> None:
    write(tmp_path, proc__stat="cpu  1 1 1 1 1 1 1 1\n", proc__loadavg="0.52 0.4 0.3 1/123 4567\n")
    for core in ("cpu0", "cpu1"):
        path = tmp_path / "sys/devices/system/cpu" / core / "thermal_throttle"
        path.mkdir(parents=True)
        (path / "core_throttle_count").write_text("3\n")
    read = values(cpu.Sampler().read(Place(root=tmp_path)))
    assert read == {("cpu_run_queue_load", ""): 0.52, ("cpu_throttled_total", ""): 6}


def test_the_first_sample_of_a_live_machine_has_a_share_already() -> None:
    assert 0 <= values(cpu.Sampler().read(Place()))["cpu_used_ratio", ""] <= 1


def test_without_proc_stat_the_processor_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        cpu.Sampler().read(Place(root=tmp_path))


# memory


def test_memory_used_is_what_cannot_be_had(tmp_path: Path) -> None:
    write(
        tmp_path,
        proc__meminfo="MemTotal:  1000 kB\nMemFree:   10 kB\nMemAvailable: 250 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
        proc__pressure__memory="some avg10=1.00 avg60=12.50 avg300=0.10 total=9\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    )
    read = values(memory.read(Place(root=tmp_path)))
    assert read["memory_used_ratio", ""] == 0.75
    assert read["memory_size_bytes", ""] == 1_024_000
    assert read["memory_pressure_ratio", ""] == 0.125
    assert ("swap_used_ratio", "") not in read


def test_a_kernel_without_pressure_numbers_has_no_pressure_and_not_zero(tmp_path: Path) -> None:
    write(tmp_path, proc__meminfo="MemTotal: 1000 kB\nMemFree: 10 kB\n")
    assert values(memory.read(Place(root=tmp_path))) == {("memory_size_bytes", ""): 1_024_000}


# battery


def pack(root: Path, name: str, **files: str) -> Place:
    for file, text in {"type": "Battery", **files}.items():
        path = root / "sys/class/power_supply" / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return Place(root=root)


def test_a_worn_battery_counted_in_microwatthours(tmp_path: Path) -> None:
    place = pack(
        tmp_path,
        "BAT0",
        energy_now="20000000",
        energy_full="25000000",
        energy_full_design="50000000",
        cycle_count="612",
        serial_number="4711",
        manufacturer="LGC",
    )
    pack(tmp_path, "AC", type="Mains", online="0")
    taken = battery.read(place)
    assert values(taken) == {
        ("battery_on_mains_state", ""): 0,
        ("battery_charge_ratio", "4711"): 0.8,
        ("battery_health_ratio", "4711"): 0.5,
        ("battery_cycles_count", "4711"): 612,
    }
    facts = dict(taken.sections["batteries"][0].facts)
    assert (facts["design_capacity_wh"], facts["full_capacity_wh"], facts["maker"]) == ("50.0", "25.0", "LGC")


def test_a_new_battery_in_microamperehours_is_at_most_whole(tmp_path: Path) -> None:
    place = pack(
        tmp_path,
        "BAT1",
        charge_now="4100000",
        charge_full="4000000",
        charge_full_design="3900000",
        voltage_min_design="11400000",
        cycle_count="0",
        serial_number=" ",
    )
    taken = battery.read(place)
    assert values(taken) == {("battery_charge_ratio", "BAT1"): 1, ("battery_health_ratio", "BAT1"): 1}
    assert taken.sections["batteries"][0].facts["full_capacity_wh"] == "45.6"


def test_no_battery_is_not_an_empty_one(tmp_path: Path) -> None:
    pack(tmp_path, "AC", type="Mains", online="1")
    pack(tmp_path, "hidpp_battery_0", scope="Device", capacity="5")
    pack(tmp_path, "BAT1", present="0", energy_full="0")
    with pytest.raises(Unavailable, match="no battery"):
        battery.read(Place(root=tmp_path))


# sensors


def chip(root: Path, number: int, name: str, **files: str) -> None:
    for file, text in {"name": name, **files}.items():
        path = root / "sys/class/hwmon" / f"hwmon{number}" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def test_temperatures_and_fans_are_named_by_chip_and_label(tmp_path: Path) -> None:
    chip(tmp_path, 0, "coretemp", temp1_input="61000", temp1_label="Package id 0", temp1_crit="100000")
    chip(tmp_path, 1, "nct6775", fan1_input="0", fan2_input="1180", temp3_input="-128000")
    assert values(sensors.Fans().read(Place(root=tmp_path))) == {
        ("sensor_temperature_celsius", "coretemp Package id 0"): 61,
        ("sensor_temperature_limit_celsius", "coretemp Package id 0"): 100,
        ("sensor_fan_rpm", "nct6775 fan1"): 0,
        ("sensor_fan_rpm", "nct6775 fan2"): 1180,
    }


def test_two_chips_of_one_kind_keep_their_readings_apart(tmp_path: Path) -> None:
    chip(tmp_path, 0, "jc42", temp1_input="40000")
    chip(tmp_path, 1, "jc42", temp1_input="50000")
    assert len(values(sensors.Fans().read(Place(root=tmp_path)))) == 2


def test_no_sensor_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no temperature sensors"):
        sensors.Fans().read(Place(root=tmp_path))


# clock


def test_a_clock_nobody_keeps_has_no_offset() -> None:
    assert values(clock.taken(5, 0x0040, 123, 16_000_000)) == {("clock_synchronised_state", ""): 0}


def test_a_kept_clock_says_how_far_it_is_off() -> None:
    read = values(clock.taken(0, 0x2001, -250_000, 1000))
    assert read == {
        ("clock_synchronised_state", ""): 1,
        ("clock_offset_seconds", ""): pytest.approx(-0.00025),
    }
    assert values(clock.taken(0, 0x2000, 0, 1500))["clock_offset_seconds", ""] == pytest.approx(0.0015)


@only_on_linux("Windows has w32time")
def test_the_kernel_of_this_machine_is_asked_and_not_that_of_a_captured_one(tmp_path: Path) -> None:
    assert values(clock.read(Place()))["clock_synchronised_state", ""] in (0, 1)
    with pytest.raises(Unavailable):
        clock.read(Place(root=tmp_path))


# services


def test_failed_units_are_named_and_said_to_be_well_again_afterwards() -> None:
    text = "cups.service loaded failed failed CUPS Scheduler\n● old.mount loaded failed failed Old\nfine.service loaded active running Fine\n"
    assert services.parse(text) == ["cups.service", "old.mount"]
    watch = services.Watch()
    watch.taken(["cups.service", "old.mount"])
    assert values(watch.taken(["old.mount"])) == {
        ("services_failed_count", ""): 1,
        ("service_failed_state", "cups.service"): 0,
        ("service_failed_state", "old.mount"): 1,
    }


def test_without_systemd_no_service_is_called_healthy(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="systemd does not run"):
        services.PROBE.read(Place(root=tmp_path))


# operating system

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def left(**release: str) -> float | None:
    taken = operating_system.taken(release, "6.1.0-40-amd64", "x86_64", NOW)
    return taken.readings[0].last if taken.readings else None


def test_the_end_of_support_comes_from_the_dated_table() -> None:
    end = datetime(2028, 7, 1, tzinfo=UTC)
    assert left(ID="debian", VERSION_ID="12") == (end - NOW).total_seconds()
    assert (left(ID="ubuntu", VERSION_ID="20.04") or 0) < 0
    assert left(ID="rhel", VERSION_ID="9.4") == left(ID="rhel", VERSION_ID="9")


def test_dates_of_an_old_table_say_so() -> None:
    def remark(now: datetime) -> str:
        return operating_system.taken({"ID": "debian", "VERSION_ID": "12"}, None, None, now).reason

    as_of = operating_system.end_of_day(operating_system.table()["families"]["debian"]["as_of"])
    assert remark(as_of + timedelta(days=120)) == ""
    assert "table of support dates" in remark(as_of + timedelta(days=121))


def test_a_release_the_table_does_not_know_is_not_called_ended() -> None:
    assert left(ID="debian", VERSION_ID="99") is None
    assert left(ID="debian") is None
    assert left(ID="arch") is None


def test_every_date_of_the_table_can_be_read_and_says_since_when_it_is_known() -> None:
    for family in operating_system.table()["families"].values():
        assert operating_system.end_of_day(family["as_of"]).tzinfo is UTC
        for row in family["releases"].values():
            assert operating_system.end_of_day(row["until"]) > datetime(2017, 1, 1, tzinfo=UTC)


def test_the_system_names_itself(tmp_path: Path) -> None:
    write(tmp_path, etc__placeholder="")
    (tmp_path / "etc/os-release").write_text(
        '# comment\nID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nBROKEN="\n'
    )
    facts = dict(operating_system.read(Place(root=tmp_path)).sections["operating_system"][0].facts)
    assert facts["name"] == "Debian GNU/Linux 12 (bookworm)"
    assert facts["as_of"] >= "2025"
    assert "architecture" not in facts


def test_without_os_release_the_system_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        operating_system.read(Place(root=tmp_path))


# the agent


def test_the_agent_counts_itself() -> None:
    read = values(agent_itself.PROBE.read(Place()))
    assert read["agent_memory_bytes", ""] > 1_000_000
    assert read.get(("agent_open_files_count", ""), 1) >= 1, "wine says 0: then it is left out"


# all


def test_a_kernel_file_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert kernel_files.text(tmp_path) is None
    assert kernel_files.number(write(tmp_path, a="twelve\n") / "a") is None


@settings(max_examples=200, deadline=None)
@given(some.text() | some.text(alphabet="cpu some avg60=.0123456789 kB:\n", max_size=200))
def test_strange_kernel_files_break_nothing(text: str) -> None:
    for parse in (
        cpu.parse_stat,
        cpu.parse_load,
        memory.parse_meminfo,
        memory.parse_pressure,
        services.parse,
        operating_system.parse_os_release,
    ):
        try:
            parse(text)  # type: ignore[operator]
        except ValueError:
            continue
    battery.parse(
        "BAT0", dict.fromkeys(("energy_now", "energy_full", "cycle_count", "voltage_min_design"), text)
    )
