"""The live sources where there is no Windows: they say so, and load nothing. On Windows: tests/windows."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.probe import Place, Unavailable
from agent.windows import CIMV2, com, update_codes, wmi
from agent.windows.live import Live, sources

elsewhere = pytest.mark.skipif(sys.platform == "win32", reason="about systems that are not Windows")


@elsewhere
@pytest.mark.parametrize(
    "ask",
    [
        lambda live: live.rows(CIMV2, "Win32_BIOS"),
        lambda live: live.call(CIMV2, "Win32_Process", "GetOwner"),
        lambda live: live.values(r"HKLM\SOFTWARE"),
        lambda live: live.subkeys(r"HKLM\SOFTWARE"),
        lambda live: list(live.events("System", {"disk": [7]}, datetime.now(UTC))),
        lambda live: live.devices("USB"),
        lambda live: live.sound(),
        lambda live: live.search_updates("IsInstalled=0"),
        lambda live: live.update_history(10),
        lambda live: live.update_last_search(),
        lambda live: live.update_needs_restart(),
    ],
)
def test_another_system_has_none_of_it(ask: Callable[[Live], object]) -> None:
    with pytest.raises(Unavailable):
        ask(Live())


def test_a_place_without_answers_of_its_own_is_this_machine() -> None:
    assert isinstance(sources(Place()), Live)


def test_unsigned_numbers_come_out_of_com_as_signed_ones() -> None:
    uint32, sint32, array, text = 19, 3, 0x2000, 8
    assert wmi.plain(-1, uint32) == 4294967295
    assert wmi.plain(-1, sint32) == -1
    assert wmi.plain((-1, 2), array | uint32) == (4294967295, 2)
    assert wmi.plain(True, uint32) is True
    assert wmi.plain("18446744073709551615", text) == "18446744073709551615"


@given(some.integers(-(2**31), 2**32 - 1))
def test_every_code_has_words_or_itself(code: int) -> None:
    told = update_codes.explained(code)
    assert told.endswith((com.named(code), f"({com.named(code)})"))


def test_a_source_that_is_not_there_and_one_that_failed_are_told_apart() -> None:
    assert isinstance(com.failure("the thing", 0x80040154), Unavailable)
    assert isinstance(com.failure("the thing", -2147024891), Unavailable)
    other = com.failure("the thing", 0x8000FFFF)
    assert isinstance(other, OSError)
    assert "0x8000FFFF" in str(other)
