"""The registry of the prefix: values of every kind written, and read back through both views (wine)."""

import sys
from collections.abc import Iterator

import pytest

from agent.probe import Unavailable
from agent.windows.live import Live

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="runs under the Windows Python")

KEY = r"SOFTWARE\Tocsin test"
PATH = rf"HKLM\{KEY}"


@pytest.fixture
def keys() -> Iterator[None]:
    import winreg

    views = (winreg.KEY_WOW64_64KEY, winreg.KEY_WOW64_32KEY)
    for view, word in zip(views, ("wide", "narrow"), strict=True):
        with winreg.CreateKeyEx(winreg.HKEY_LOCAL_MACHINE, KEY, 0, winreg.KEY_ALL_ACCESS | view) as key:
            winreg.SetValueEx(key, "seen by", 0, winreg.REG_SZ, word)
            winreg.CreateKeyEx(key, word, 0, winreg.KEY_ALL_ACCESS | view).Close()
    with winreg.CreateKeyEx(winreg.HKEY_LOCAL_MACHINE, KEY, 0, winreg.KEY_ALL_ACCESS | views[0]) as key:
        winreg.SetValueEx(key, "Multi", 0, winreg.REG_MULTI_SZ, [r"\??\C:\a", "", "b"])
        winreg.SetValueEx(key, "Expand", 0, winreg.REG_EXPAND_SZ, r"%SystemRoot%\x")
        winreg.SetValueEx(key, "Word", 0, winreg.REG_DWORD, 0xFFFFFFFF)
        winreg.SetValueEx(key, "Long", 0, winreg.REG_QWORD, 2**63)
        winreg.SetValueEx(key, "Bytes", 0, winreg.REG_BINARY, b"\0\1")
        winreg.SetValueEx(key, "Big", 0, winreg.REG_DWORD_BIG_ENDIAN, b"\0\0\1\0")
        winreg.SetValueEx(key, "Empty", 0, winreg.REG_SZ, "")
        winreg.SetValueEx(key, "Größe", 0, winreg.REG_SZ, "ß")
        winreg.SetValueEx(key, "", 0, winreg.REG_SZ, "default")
    yield
    for view, word in zip(views, ("wide", "narrow"), strict=True):
        winreg.DeleteKeyEx(winreg.HKEY_LOCAL_MACHINE, rf"{KEY}\{word}", view)
        winreg.DeleteKeyEx(winreg.HKEY_LOCAL_MACHINE, KEY, view)


def test_values_of_every_kind_come_back(keys: None) -> None:
    values = Live().values(PATH)
    assert values == {
        "seen by": "wide",
        "Multi": [r"\??\C:\a", "", "b"],
        "Expand": r"%SystemRoot%\x",
        "Word": 0xFFFFFFFF,
        "Long": 2**63,
        "Bytes": b"\0\1",
        "Big": 256,
        "Empty": "",
        "Größe": "ß",
        "": "default",
    }


def test_the_two_views_are_two_keys(keys: None) -> None:
    assert Live().values(PATH, view=32) == {"seen by": "narrow"}
    assert (Live().subkeys(PATH), Live().subkeys(PATH, view=32)) == (["wide"], ["narrow"])


def test_no_such_key_is_none_and_an_empty_one_is_empty(keys: None) -> None:
    assert Live().values(PATH + r"\wide") == {}
    assert Live().subkeys(PATH + r"\wide") == []
    assert Live().values(PATH + r"\nothing") is None
    assert Live().subkeys(r"HKLM\SOFTWARE\nothing") is None


def test_the_users_hives_are_listed() -> None:
    assert ".default" in [name.lower() for name in Live().subkeys("HKU") or ()]
    assert Live().values(r"hklm\software") is not None, "the root's name in any case"


def test_a_key_that_may_not_be_read_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    import winreg

    def refuse(*_: object) -> None:
        raise PermissionError(13, "denied", None, 5)

    # Under wine everybody may read everything: only the refusal itself is ours.
    monkeypatch.setattr(winreg, "OpenKey", refuse)
    with pytest.raises(Unavailable, match="may not be read"):
        Live().values(PATH)
