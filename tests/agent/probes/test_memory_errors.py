"""Memory errors. The trees follow the kernel's documentation of EDAC, the database rasdaemon's own CREATE TABLE, the
events the maker's tidPlatformMemoryError (origin of all: documented)."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import memory_errors, memory_errors_linux
from agent.windows import CIMV2, Event, Row
from tests.agent.windows.captured import Captured

NOW = datetime.now(UTC)
WHEA = memory_errors.WHEA
STARTED = Event(provider="EventLog", id=6005, at=NOW - timedelta(days=3))
ECC: dict[tuple[str, str], list[Row]] = {
    (CIMV2, "Win32_PhysicalMemoryArray"): [{"MemoryErrorCorrection": "6"}]
}
PLAIN: dict[tuple[str, str], list[Row]] = {
    (CIMV2, "Win32_PhysicalMemoryArray"): [{"MemoryErrorCorrection": "3"}]
}


def values(taken: Taken) -> dict[tuple[str, str], float]:
    return {(row.metric, row.component): row.last for row in taken.readings}


def write(root: Path, **files: str) -> Place:
    for name, text in files.items():
        path = root / "sys/devices/system/edac/mc" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return Place(root=root)


def record(root: Path, *rows: tuple[str, int, str, str], table: str = "") -> None:
    path = root / "var/lib/rasdaemon/ras-mc_event.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            table
            or "CREATE TABLE mc_event (id INTEGER PRIMARY KEY, timestamp TEXT, err_count INTEGER, err_type TEXT,"
            " err_msg TEXT, label TEXT, mc INTEGER, top_layer INTEGER, address INTEGER)"
        )
        database.executemany(
            "INSERT INTO mc_event (timestamp, err_count, err_type, label) VALUES (?, ?, ?, ?)", rows
        )


# Linux


def linux(place: Place) -> Taken:
    """As read() does it there: so these run on a Windows Python too."""
    recorded, remark = memory_errors_linux.recorded(place)
    return memory_errors.of_slots(memory_errors_linux.slots(place), recorded, remark)


def test_errors_are_counted_by_slot(tmp_path: Path) -> None:
    place = write(
        tmp_path,
        mc0__dimm0__dimm_label="DIMM_A1",
        mc0__dimm0__dimm_ce_count="7",
        mc0__dimm0__dimm_ue_count="1",
        mc0__dimm0__dimm_mem_type="Unbuffered-DDR4",
        mc0__dimm0__size="16384",
        mc0__dimm1__dimm_ce_count="0",
        mc0__dimm1__dimm_ue_count="0",
        mc0__ce_noinfo_count="0",
    )
    taken = linux(place)
    assert values(taken) == {
        ("memory_errors_corrected_total", "DIMM_A1"): 7,
        ("memory_errors_uncorrected_total", "DIMM_A1"): 1,
        ("memory_errors_corrected_total", "mc0 dimm1"): 0,
        ("memory_errors_uncorrected_total", "mc0 dimm1"): 0,
    }
    facts = dict(taken.sections["memory_errors"][0].facts)
    assert (facts["memory_type"], facts["size_bytes"]) == ("Unbuffered-DDR4", str(16 * 1024**3))


def test_an_older_kernel_counts_by_chip_select_row(tmp_path: Path) -> None:
    place = write(
        tmp_path, mc0__csrow0__ch0_ce_count="2", mc0__csrow0__ch0_dimm_label="A1", mc0__csrow0__ue_count="0"
    )
    assert values(linux(place)) == {
        ("memory_errors_corrected_total", "A1"): 2,
        ("memory_errors_uncorrected_total", "mc0 csrow0"): 0,
    }


def test_errors_without_a_slot_are_not_lost_and_like_labels_not_mixed(tmp_path: Path) -> None:
    place = write(
        tmp_path,
        mc0__dimm0__dimm_label="DIMM",
        mc0__dimm0__dimm_ce_count="1",
        mc1__dimm0__dimm_label="DIMM",
        mc1__dimm0__dimm_ce_count="2",
        mc1__ce_noinfo_count="5",
    )
    assert values(linux(place)) == {
        ("memory_errors_corrected_total", "DIMM"): 1,
        ("memory_errors_corrected_total", "mc1 DIMM"): 2,
        ("memory_errors_corrected_total", "mc1 slot not told"): 5,
    }


def test_memory_that_does_not_report_is_not_called_free_of_errors(tmp_path: Path) -> None:
    (tmp_path / "sys/devices/system/edac/mc").mkdir(parents=True)
    with pytest.raises(Unavailable, match="does not report errors"):
        linux(Place(root=tmp_path))


def test_what_rasdaemon_wrote_down_is_told_beside_the_counters(tmp_path: Path) -> None:
    place = write(tmp_path, mc0__dimm0__dimm_label="A1", mc0__dimm0__dimm_ce_count="1")
    record(
        tmp_path,
        ("2026-01-05 08:00:00 +0100", 3, "Corrected", "A1"),
        ("2026-01-06 08:00:00 +0100", 4, "Corrected", "A1"),
        ("2026-01-06 08:00:00 +0100", 1, "Uncorrected", "B2"),
    )
    taken = linux(place)
    assert values(taken) == {("memory_errors_corrected_total", "A1"): 1}
    facts = {item.key: dict(item.facts) for item in taken.sections["memory_errors"]}
    assert facts["A1"]["recorded_corrected"] == "7"
    assert facts["A1"]["recorded_last_at"] == "2026-01-06T07:00:00+00:00"
    assert facts["B2"]["recorded_uncorrected"] == "1"


def test_without_counters_the_record_speaks_alone_and_an_empty_one_says_nothing(tmp_path: Path) -> None:
    record(tmp_path, ("2026-01-05 08:00:00 +0100", 3, "Corrected", "A1"))
    assert values(linux(Place(root=tmp_path)))["memory_errors_corrected_total", "A1"] == 3
    record(tmp_path / "empty")
    with pytest.raises(Unavailable):
        linux(Place(root=tmp_path / "empty"))


def test_a_record_of_another_make_or_a_broken_one_costs_only_itself(tmp_path: Path) -> None:
    record(tmp_path, table="CREATE TABLE mc_event (timestamp, err_count, err_type, label, more)")
    place = write(tmp_path, mc0__dimm0__dimm_ce_count="1")
    assert linux(place).reason == ""
    (tmp_path / "var/lib/rasdaemon/ras-mc_event.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)
    assert "could not be read" in linux(place).reason


# Windows


def windows(*log: Event, wmi: dict[tuple[str, str], list[Row]] = ECC) -> Taken:
    return memory_errors.read(Place(windows=Captured(log=[STARTED, *log], wmi=wmi)))


def whea(number: int, **data: str) -> Event:
    return Event(provider=WHEA, id=number, at=NOW - timedelta(hours=2), data=data)


def test_windows_names_the_slot_that_errs_most() -> None:
    taken = windows(
        whea(47, FRUText="DIMM_B2"), whea(47, FRUText="DIMM_B2"), whea(47, ValidBits="0x30", Card="0x1", Module="0x0")
    )  # fmt: skip
    assert values(taken) == {
        ("memory_errors_corrected_month_count", ""): 3,
        ("memory_errors_uncorrected_month_count", ""): 0,
    }
    assert taken.readings[0].label == "DIMM_B2"
    assert {item.key: item.facts["corrected"] for item in taken.sections["memory_errors"]} == {
        "DIMM_B2": "2", "card 1 module 0": "1",
    }  # fmt: skip


def test_a_machine_check_counts_only_if_the_memory_controller_told_of_it() -> None:
    taken = windows(
        whea(19, MciStat="0x9c00004000010091"), whea(19, MciStat="0x9000000000000151"), whea(18, MciStat="0xbe00000000000090"), whea(17)
    )  # fmt: skip
    assert values(taken) == {
        ("memory_errors_corrected_month_count", ""): 1,
        ("memory_errors_uncorrected_month_count", ""): 1,
    }


def test_no_error_is_zero_with_error_correction_and_unknown_without() -> None:
    assert set(values(windows()).values()) == {0}
    with pytest.raises(Unavailable, match="does not report errors"):
        windows(wmi=PLAIN)
    assert values(windows(whea(47), wmi=PLAIN))["memory_errors_corrected_month_count", ""] == 1


def test_an_empty_log_of_windows_is_unknown() -> None:
    with pytest.raises(Unavailable, match="not even a start"):
        memory_errors.read(Place(windows=Captured(wmi=ECC)))


# strange


@settings(max_examples=200, deadline=None)
@given(
    some.lists(some.tuples(*[some.none() | some.text() | some.integers() | some.floats()] * 4), max_size=6),
    some.dictionaries(some.sampled_from(["FRUText", "ValidBits", "Card", "Module", "MciStat"]), some.text()),
)
def test_strange_records_break_nothing(
    rows: list[tuple[object, object, object, object]], data: dict[str, str]
) -> None:
    assert all(one.corrected >= 0 for one in memory_errors_linux.summed(rows))
    event = Event(provider=WHEA, id=19, at=NOW, data=data)
    memory_errors.kind_of(event)
    assert memory_errors.slot_of(data)
