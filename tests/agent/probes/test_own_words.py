"""Names that parts give themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.probes.own_words import LONGEST, own_words


@pytest.mark.parametrize(
    "told, shown",
    [(" Room camera \n", "Room camera"), ("A\x00B\x1b[31mC", "AB[31mC"), ("\x00\x01", None), ("", None), (None, None)],
)  # fmt: skip
def test_a_name_is_shown_without_what_is_no_letter(told: str | None, shown: str | None) -> None:
    assert own_words(told) == shown


@given(told=some.text(max_size=400))
def test_whatever_a_part_says_is_short_and_can_be_printed(told: str) -> None:
    shown = own_words(told)
    assert shown is None or (0 < len(shown) <= LONGEST and shown.isprintable() and shown == shown.strip())
