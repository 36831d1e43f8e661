"""Registry keys written into the prefix for one test, and taken out again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

Kinds = Mapping[str, str | int | list[str]]


@contextmanager
def written(keys: Mapping[str, Kinds], view: int = 64) -> Iterator[None]:
    r"""`{r"HKLM\…": {name: value}}`. Values that were there under these names come back afterwards."""
    import winreg

    flag = winreg.KEY_WOW64_64KEY if view == 64 else winreg.KEY_WOW64_32KEY
    access = winreg.KEY_ALL_ACCESS | flag
    kinds = {str: winreg.REG_SZ, int: winreg.REG_DWORD, list: winreg.REG_MULTI_SZ}
    before: list[tuple[str, str, tuple[object, int] | None]] = []
    made: list[str] = []
    for path, values in keys.items():
        below = path.removeprefix("HKLM\\")
        made += _missing(below, flag)
        with winreg.CreateKeyEx(winreg.HKEY_LOCAL_MACHINE, below, 0, access) as key:
            for name, value in values.items():
                try:
                    before.append((below, name, winreg.QueryValueEx(key, name)))
                except FileNotFoundError:
                    before.append((below, name, None))
                winreg.SetValueEx(key, name, 0, kinds[type(value)], value)
    try:
        yield
    finally:
        for below, name, value in before:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, below, 0, access) as key:
                if value is None:
                    winreg.DeleteValue(key, name)
                else:
                    winreg.SetValueEx(key, name, 0, value[1], value[0])
        for below in reversed(made):
            winreg.DeleteKeyEx(winreg.HKEY_LOCAL_MACHINE, below, flag)


def _missing(below: str, flag: int) -> list[str]:
    """The keys on the way that are not there yet, outermost first."""
    import winreg

    names = below.split("\\")
    missing = []
    for count in range(1, len(names) + 1):
        path = "\\".join(names[:count])
        try:
            winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path, 0, winreg.KEY_READ | flag).Close()
        except FileNotFoundError:
            missing.append(path)
    return missing
