"""Installed programs of a Windows device. All answers here are documented: made after reference pages."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import software, software_windows
from agent.windows import Value
from tests.agent.windows.captured import Captured, Values

MACHINE = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall"
PERSON = r"HKU\S-1-5-21-1-2-3-1001\Software\Microsoft\Windows\CurrentVersion\Uninstall"
FIREFOX: Values = {"DisplayName": "Mozilla Firefox (x64 en-US)", "DisplayVersion": "128.0", "Publisher": "Mozilla",
                   "EstimatedSize": 220000, "InstallDate": "20240131",
                   "InstallLocation": r"C:\Users\somebody\AppData"}  # fmt: skip


def device(registry: dict[str, Values], registry32: dict[str, Values] | None = None) -> Place:
    return Place(windows=Captured(registry={MACHINE: {}, **registry}, registry32=registry32 or {}))


def rows(taken: Taken) -> dict[str, dict[str, str]]:
    return {item.key: dict(item.facts) for item in taken.sections["software"]}


def test_a_program_is_told_with_its_version_and_size_and_without_its_folder() -> None:
    taken = software.read(device({MACHINE + r"\Firefox": FIREFOX}))
    assert rows(taken) == {
        "Mozilla Firefox (x64 en-US)": {
            "name": "Mozilla Firefox (x64 en-US)",
            "version": "128.0",
            "architecture": "64-bit",
            "scope": "machine",
            "maker": "Mozilla",
            "installed_bytes": str(220000 * 1024),
            "installed_on": "2024-01-31",
        }
    }


@pytest.mark.parametrize(
    "mark",
    [{"SystemComponent": 1}, {"ParentKeyName": "Office"}, {"ReleaseType": "Security Update"},
     {"ParentDisplayName": "Microsoft Office"}, {"DisplayName": ""}, {"DisplayName": 7}],
)  # fmt: skip
def test_parts_and_updates_of_other_entries_are_no_programs(mark: Values) -> None:
    assert rows(software.read(device({MACHINE + r"\X": {**FIREFOX, **mark}}))) == {}


def test_one_product_in_both_views_is_one() -> None:
    key = MACHINE + r"\Runtime"
    entry: Values = {"DisplayName": "Runtime", "DisplayVersion": "6.0"}
    taken = software.read(
        device({key: entry}, {MACHINE: {}, key: entry, MACHINE + r"\Old": {"DisplayName": "Old"}})
    )
    assert {name: row["architecture"] for name, row in rows(taken).items()} == {
        "Old": "32-bit",
        "Runtime": "64-bit and 32-bit",
    }


def test_a_32_bit_system_has_one_view_only() -> None:
    key = MACHINE + r"\Runtime"
    entry: Values = {"DisplayName": "Runtime"}
    environment = {software_windows._ENVIRONMENT: {"PROCESSOR_ARCHITECTURE": "x86"}}
    taken = software.read(device({key: entry, **environment}, {key: entry}))
    assert rows(taken)["Runtime"]["architecture"] == "32-bit"


def test_two_versions_are_two() -> None:
    taken = software.read(
        device(
            {
                MACHINE + r"\A": {"DisplayName": "Java", "DisplayVersion": "8"},
                MACHINE + r"\B": {"DisplayName": "Java", "DisplayVersion": "17"},
            }
        )
    )
    assert sorted(rows(taken)) == ["Java", "Java#8"]


def test_what_people_installed_for_themselves_names_nobody() -> None:
    taken = software.read(
        device(
            {
                PERSON + r"\Code": {"DisplayName": "Editor", "DisplayVersion": "1.9"},
                PERSON.replace("1001", "1002") + r"\Code": {"DisplayName": "Editor", "DisplayVersion": "1.9"},
                PERSON.replace("1001", "1001_Classes") + r"\No": {"DisplayName": "No person's"},
                PERSON.replace("S-1-5-21-1-2-3-1001", "S-1-5-18") + r"\No": {"DisplayName": "A service's"},
                PERSON.replace("S-1-5-21", "S-1-12-1") + r"\Cloud": {"DisplayName": "Of the cloud"},
            }
        )
    )
    assert {name: row["scope"] for name, row in rows(taken).items()} == {
        "Editor": "user",
        "Of the cloud": "user",
    }
    assert "1001" not in str(taken)


def test_appx_packages_are_only_counted() -> None:
    apps = software_windows._APPX
    taken = software.read(device({apps + r"\Microsoft.Photos_1_x64__8we": {}, apps + r"\Store_2": {}}))
    assert dict(taken.sections["appx"][0].facts) == {"packages": "2"}
    assert "appx" not in software.read(device({})).sections, "absent is not none"


def test_no_keys_at_all_are_not_an_empty_list() -> None:
    with pytest.raises(Unavailable):
        software.read(Place(windows=Captured()))


@pytest.mark.parametrize("written", ["31/01/2024", "20240231", "2024-01-31", "Wed Jan"])
def test_a_day_written_another_way_is_left_out(written: str) -> None:
    (row,) = rows(software.read(device({MACHINE + r"\F": {**FIREFOX, "InstallDate": written}}))).values()
    assert "installed_on" not in row


def test_half_a_letter_in_a_name_breaks_nothing() -> None:
    taken = software.read(device({MACHINE + r"\F": {"DisplayName": "Bad \ud83d name\0"}}))
    assert list(rows(taken)) == ["Bad ? name"]


class Closed(Captured):
    """Two keys of three may not be read."""

    def values(self, path: str, view: int = 64) -> Values | None:
        if path.endswith("Closed"):
            raise Unavailable(f"the registry key {path} may not be read")
        return super().values(path, view)


def test_a_key_that_may_not_be_read_loses_only_itself_and_its_words_name_nobody() -> None:
    registry = {MACHINE + r"\Closed": {}, MACHINE + r"\Firefox": FIREFOX, PERSON + r"\Closed": {}}
    taken = software.read(Place(windows=Closed(registry=registry)))
    assert len(rows(taken)) == 1
    assert "64-bit view that may not be read: 1" in taken.reason
    assert "somebody who is signed in" in taken.reason
    assert "1001" not in taken.reason


class Many(Captured):
    """A registry with as many programs as nobody has."""

    def subkeys(self, path: str, view: int = 64) -> list[str] | None:
        return [f"K{n}" for n in range(50_000)] if view == 64 and path.startswith("HKLM") else []

    def values(self, path: str, view: int = 64) -> Values | None:
        return {"DisplayName": f"Program {path.rpartition('K')[2]}", "DisplayVersion": "1.0"}


def test_fifty_thousand_programs_pass() -> None:

    assert len(software.read(Place(windows=Many())).sections["software"]) == 50_000


_VALUE: some.SearchStrategy[Value] = some.one_of(
    some.none(), some.text(max_size=9), some.integers(), some.binary(max_size=4), some.just(["a"])
)
_NAMES: Sequence[str] = (
    "DisplayName",
    "DisplayVersion",
    "EstimatedSize",
    "InstallDate",
    "SystemComponent",
    "ReleaseType",
)


@settings(max_examples=100, deadline=None)
@given(some.lists(some.dictionaries(some.sampled_from(_NAMES), _VALUE), max_size=6))
def test_strange_values_break_nothing_and_lose_no_product(entries: list[Values]) -> None:
    programs = [made for entry in entries if (made := software_windows.program(entry, "machine", 64))]
    items = software_windows.rows(programs)
    assert len({item.key for item in items}) == len(items)
    assert len(items) == len({(each.name, each.version) for each in programs})
