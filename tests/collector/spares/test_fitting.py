"""Which part numbers fit: what is not known never matches what is asked for."""

import re
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.spares import fitting
from collector.spares.fitting import Wanted, fits

GB, GIB = 10**9, 2**30


@dataclass(frozen=True)
class Row:
    part_number: str
    part: str = "drive"
    form_factor: str = ""
    interface: str = ""
    at_least_bytes: int | None = None
    model: str = ""


DRIVE = Wanted(
    part="drive", form_factor="2.5 inches", interface="SATA 3.3, 6.0 Gb/s", capacity_bytes=512_110_190_592,
    models=("OptiPlex 7090", "Dell Inc. OptiPlex 7090"),
)  # fmt: skip


def test_a_drive_needs_form_interface_and_at_least_the_old_capacity() -> None:
    rows = [
        Row("small", form_factor="2.5 inch", interface="SATA", at_least_bytes=256 * GB),
        Row("same", form_factor='2.5"', interface="sata", at_least_bytes=512 * GB),
        Row("large", form_factor="2.5-inch", interface="SATA", at_least_bytes=1000 * GB),
        Row("long", form_factor="M.2 2280", interface="SATA", at_least_bytes=512 * GB),
        Row("nvme", interface="NVMe"), Row("any"), Row("module", part="memory"),
    ]  # fmt: skip
    assert fits(rows, DRIVE).numbers == ("same", "large", "any"), "512 GB on the box is a little more inside"


def test_the_most_specific_row_stands_first() -> None:
    rows = [
        Row("all"), Row("of the house", model="OptiPlex*"), Row("of the model", model="OptiPlex 7090"),
        Row("exact", model="OptiPlex 70*", form_factor="2.5 inch"),
    ]  # fmt: skip
    assert fits(rows, DRIVE).numbers == ("exact", "of the model", "of the house", "all")


@pytest.mark.parametrize(
    ("row", "without", "fact"),
    [
        (Row("x", form_factor="2.5 inch"), {"form_factor": ""}, "form factor"),
        (Row("x", form_factor="M.2 2280"), {"form_factor": "M.2"}, "form factor"),
        (Row("x", interface="SATA"), {"interface": ""}, "interface"),
        (Row("x", at_least_bytes=GB), {"capacity_bytes": None}, "capacity"),
        (Row("x", model="*"), {"models": ()}, "model"),
    ],
)
def test_what_is_not_known_does_not_match_and_is_named(
    row: Row, without: dict[str, object], fact: str
) -> None:
    told = fits([row], replace(DRIVE, **without))  # type: ignore[arg-type]
    assert told.numbers == () and told.unknown == (fact,)


def test_what_is_known_to_be_otherwise_leaves_no_question() -> None:
    told = fits([Row("x", interface="SAS", model="*")], replace(DRIVE, models=()))
    assert told == fitting.Fits((), ())


def test_memory_is_matched_by_type_speed_form_and_size() -> None:
    module = Wanted(
        part="memory", form_factor="SODIMM", interface="DDR4", speed=2666, capacity_bytes=16 * GIB
    )
    rows = [
        Row(number, part="memory", form_factor="SO-DIMM", interface=kind, at_least_bytes=size)
        for number, kind, size in (
            ("slow", "DDR4-2400", 16 * GIB), ("fast", "DDR4-3200", 16 * GIB), ("new", "DDR5", 16 * GIB),
            ("small", "DDR4", 8 * GIB), ("plain", "DDR4", 16 * GIB),
        )
    ]  # fmt: skip
    assert fits(rows, module).numbers == ("fast", "plain")
    assert fits(rows[1:2], replace(module, speed=None)).unknown == ("speed",)


_TEXT = st.text(alphabet="ab* .[?", max_size=8)


@given(_TEXT, st.text(alphabet="ab .[?AB", max_size=12))
def test_only_the_star_stands_for_other_letters(pattern: str, text: str) -> None:
    def folded(words: str) -> str:
        return " ".join(words.split()).casefold()

    reference = ".*".join(re.escape(piece) for piece in folded(pattern).split("*"))
    assert fitting.matches(pattern, text) == bool(re.fullmatch(reference, folded(text), re.DOTALL))


def test_a_pattern_of_stars_takes_no_time() -> None:
    assert not fitting.matches("a*" * 5000 + "b", "a" * 100_000)


_FACT = st.sampled_from(["", "M.2", "M.2 2280", "2.5 inch", "SATA", "NVMe"])
_ROW = st.builds(
    Row, part_number=st.sampled_from("abc"), form_factor=_FACT, interface=_FACT,
    at_least_bytes=st.sampled_from([None, 128 * GB, 512 * GB]), model=st.sampled_from(["", "*", "x*", "xy"]),
)  # fmt: skip
_WANTED = st.builds(
    Wanted, part=st.just("drive"), form_factor=_FACT, interface=_FACT,
    capacity_bytes=st.sampled_from([None, 128 * GB, 512 * GB]), models=st.sampled_from([(), ("xy",), ("z",)]),
)  # fmt: skip


@given(st.lists(_ROW, max_size=6), _WANTED)
def test_each_number_comes_from_a_row_whose_every_demand_is_met_by_a_known_fact(
    rows: list[Row], wanted: Wanted
) -> None:
    told = fits(rows, wanted)
    for number in told.numbers:
        assert any(
            row.part_number == number
            and (not row.form_factor or wanted.form_factor.startswith(row.form_factor))
            and (not row.interface or wanted.interface.startswith(row.interface))
            and (row.at_least_bytes is None or (wanted.capacity_bytes or 10**18) <= row.at_least_bytes)
            and (not row.model or bool(wanted.models))
            for row in rows
        )
    assert not (told.numbers and told.unknown)
    # To know less never finds more.
    less = fits(rows, replace(wanted, form_factor="", models=()))
    assert set(less.numbers) <= set(told.numbers)
