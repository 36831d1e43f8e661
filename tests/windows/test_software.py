"""Uninstall keys of both views and of a person, written into the prefix and found by the probe (wine)."""

import sys
from collections.abc import Iterator

import pytest

from agent.probe import Place
from agent.probes import software
from tests.windows.prefix import Kinds, written

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="runs under the Windows Python")

KEY = r"Software\Microsoft\Windows\CurrentVersion\Uninstall"
MACHINE = rf"HKLM\{KEY}"
SHARED: dict[str, Kinds] = {MACHINE + r"\Runtime": {"DisplayName": "Tocsin runtime", "DisplayVersion": "6.0"}}


@pytest.fixture
def of_a_person() -> Iterator[None]:
    import winreg

    path = rf"{KEY}\Tocsin editor"
    with winreg.CreateKeyEx(winreg.HKEY_CURRENT_USER, path, 0, winreg.KEY_ALL_ACCESS) as key:
        winreg.SetValueEx(key, "DisplayName", 0, winreg.REG_SZ, "Tocsin editor")
    yield
    winreg.DeleteKey(winreg.HKEY_CURRENT_USER, path)
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, KEY) as key:
        is_empty = winreg.QueryInfoKey(key)[:2] == (0, 0)
    if is_empty:
        winreg.DeleteKey(winreg.HKEY_CURRENT_USER, KEY)


def names() -> dict[str, dict[str, str]]:
    items = software.read(Place()).sections["software"]
    return {item.key: dict(item.facts) for item in items if item.key.startswith("Tocsin")}


def test_both_views_are_read_and_one_product_in_both_is_one() -> None:
    narrow: dict[str, Kinds] = {
        **SHARED,
        MACHINE + r"\Old": {"DisplayName": "Tocsin old", "EstimatedSize": 10, "InstallDate": "20240131"},
        MACHINE + r"\Part": {"DisplayName": "Tocsin part", "SystemComponent": 1},
        MACHINE + r"\Update": {"DisplayName": "Tocsin update", "ParentKeyName": "Old"},
    }
    with written(SHARED), written(narrow, view=32):
        found = names()
    assert found == {
        "Tocsin old": {
            "name": "Tocsin old", "architecture": "32-bit", "scope": "machine",
            "installed_bytes": "10240", "installed_on": "2024-01-31",
        },
        "Tocsin runtime": {
            "name": "Tocsin runtime", "version": "6.0", "architecture": "64-bit and 32-bit", "scope": "machine",
        },
    }  # fmt: skip
    assert names() == {}


def test_what_a_person_installed_names_nobody(of_a_person: None) -> None:
    assert names() == {"Tocsin editor": {"name": "Tocsin editor", "scope": "user"}}
