"""Days, counts and amounts: one spelling is taken, the others are refused with a word."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.spares import cells


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("512 GB", 512 * 10**9), ("1.92 TB", 1_920 * 10**9), ("1,92TB", 1_920 * 10**9), ("16 GiB", 2**34), ("500 gb", 5 * 10**11),
        ("250059350016 B", 250_059_350_016), ("0.5 KiB", 512),
    ],
)  # fmt: skip
def test_an_amount_with_its_unit_is_bytes(text: str, count: int) -> None:
    assert cells.amount(text) == count


def test_a_gigabyte_of_memory_is_a_gibibyte() -> None:
    assert cells.amount("16 GB", binary=True) == cells.amount("16 GiB", binary=True) == 2**34


@pytest.mark.parametrize(
    "text", ["512", "GB", "-1 GB", "0 GB", "512 GBB", "1.5 B", "9999999 PB", "٥ GB", "1e3 GB", "512 Gb/s"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|whole number"):
        cells.amount(text)


@given(st.integers(1, 2**62 - 1), st.booleans())
def test_an_amount_written_is_read_as_the_same(count: int, binary: bool) -> None:
    assert cells.amount(cells.amount_said(count, binary=binary), binary=binary) == count


@pytest.mark.parametrize(
    "text", ["3/1/2027", "01.03.2027", "45352", "20270301", "2027-W09-1", "2027-02-30", "0027-03-01", "March"]
)
def test_a_day_that_could_be_two_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"day|year"):
        cells.day(text)


def test_a_day_and_a_time_with_its_zone_are_taken() -> None:
    assert cells.day("2027-03-01") == date(2027, 3, 1)
    assert cells.moment("2026-11-20") == datetime(2026, 11, 20, tzinfo=UTC)
    assert cells.moment("2026-11-20T08:15:00-06:00") == datetime(2026, 11, 20, 14, 15, tzinfo=UTC)
    with pytest.raises(ValueError, match="time zone"):
        cells.moment("2026-11-20T08:15:00")


@pytest.mark.parametrize("text", ["-1", "1.5", "two", "99999999999", "", "²"])
def test_a_count_is_a_whole_number_of_zero_or_more(text: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        cells.whole(text)


def test_a_number_that_a_spreadsheet_shortened_is_refused() -> None:
    with pytest.raises(ValueError, match="shortened by a spreadsheet"):
        cells.code("1.23457E+11", 100)
    assert cells.code("00E1", 100) == "00E1"
