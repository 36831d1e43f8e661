"""A Windows device out of captured answers: `Place(windows=Captured(...))`.

Each test says where its answers come from: `captured` (a dump of a real PC), `documented` (made by us after the
maker's documentation) or `wine` (what wine answered).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agent.probe import Unavailable
from agent.windows import Event, Installation, Row, Searched, Sound, Value

Values = dict[str, Value]

_IS_NOT_NULL = re.compile(r"\s*(\w+) IS NOT NULL\s*", re.ASCII)
_EQUALS = re.compile(r"\s*(\w+)\s*=\s*'?([^']*?)'?\s*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Captured:
    """What is not given is not there: an unknown class or namespace is Unavailable, a key None.
    An exception in the place of an answer is raised."""

    wmi: Mapping[tuple[str, str], Sequence[Row] | Exception] = field(
        default_factory=dict
    )  # (namespace, class)
    methods: Mapping[tuple[str, str, str], Row | Exception] = field(default_factory=dict)
    registry: Mapping[str, Values] = field(default_factory=dict)  # what 64-bit programs see
    registry32: Mapping[str, Values] = field(default_factory=dict)
    written: Mapping[str, datetime] = field(default_factory=dict)  # last write of a key
    tree: Mapping[str, Sequence[Row] | Exception] = field(default_factory=dict)  # devices by bus
    core_audio: Sound | Exception | None = None
    firmware: bytes | None = None
    log: Sequence[Event] | Exception = ()
    searched: Mapping[str, Searched] | Exception = field(default_factory=dict)  # by criteria
    history: Sequence[Installation] | Exception = ()
    last_search: datetime | Exception | None = None
    needs_restart: bool | Exception = False

    def rows(self, namespace: str, class_name: str, where: str = "") -> list[Row]:
        known = {(space.lower(), name.lower()): answer for (space, name), answer in self.wmi.items()}
        answer = known.get((namespace.lower(), class_name.lower()))
        if answer is None:
            raise Unavailable(f"no {class_name} in {namespace}")
        if isinstance(answer, Exception):
            raise answer
        rows = [{name.lower(): value for name, value in row.items()} for row in answer]
        for part in where.split(" AND ") if where else ():
            if told := _IS_NOT_NULL.fullmatch(part):
                rows = [row for row in rows if row.get(told[1].lower()) is not None]
                continue
            found = _EQUALS.fullmatch(part)
            assert found, f"these captured rows cannot be asked {where!r}"
            rows = [row for row in rows if str(row.get(found[1].lower())) == found[2]]
        return rows

    def call(self, namespace: str, path: str, method: str) -> Row:
        known = {tuple(map(str.lower, key)): answer for key, answer in self.methods.items()}
        answer = known.get((namespace.lower(), path.lower(), method.lower()))
        if answer is None:
            raise Unavailable(f"no {method} of {path} in {namespace}")
        if isinstance(answer, Exception):
            raise answer
        return {name.lower(): value for name, value in answer.items()}

    def values(self, path: str, view: int = 64) -> Values | None:
        for key, values in self._view(view).items():
            if key.lower() == path.lower():
                return dict(values)
        # A key with keys below it is there, even if nobody wrote down its own values.
        return {} if self._below(path, view) else None

    def subkeys(self, path: str, view: int = 64) -> list[str] | None:
        below = self._below(path, view)
        return below if below or self.values(path, view) is not None else None

    def written_at(self, path: str, view: int = 64) -> datetime | None:
        return {key.lower(): at for key, at in self.written.items()}.get(path.lower())

    def _view(self, view: int) -> Mapping[str, Values]:
        return self.registry if view == 64 else self.registry32

    def _below(self, path: str, view: int) -> list[str]:
        start = path.lower() + "\\"
        names = {
            key[len(start) :].split("\\")[0] for key in self._view(view) if key.lower().startswith(start)
        }
        return sorted(names)

    def volumes(self) -> list[Row]:
        return self.rows(r"root\cimv2", "Win32_Volume")

    def devices(self, bus: str) -> list[Row]:
        answer = self.tree.get(bus, Unavailable(f"no devices of {bus} were captured"))
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    def sound(self) -> Sound:
        if self.core_audio is None:
            raise Unavailable("the Core Audio API was not captured")
        if isinstance(self.core_audio, Exception):
            raise self.core_audio
        return self.core_audio

    def firmware_table(self) -> bytes:
        if self.firmware is None:
            raise Unavailable("no table of the firmware was captured")
        return self.firmware

    def events(
        self, log: str, wanted: Mapping[str, Sequence[int]], since: datetime, names: Sequence[str] = ()
    ) -> Iterable[Event]:
        if isinstance(self.log, Exception):
            raise self.log
        return [
            event for event in self.log if event.at >= since and event.id in wanted.get(event.provider, ())
        ]

    def search_updates(self, criteria: str) -> Searched:
        if isinstance(self.searched, Exception):
            raise self.searched
        return self.searched[criteria]

    def update_history(self, most: int) -> list[Installation]:
        if isinstance(self.history, Exception):
            raise self.history
        return list(self.history[:most])

    def update_last_search(self) -> datetime | None:
        if isinstance(self.last_search, Exception):
            raise self.last_search
        return self.last_search

    def update_needs_restart(self) -> bool:
        if isinstance(self.needs_restart, Exception):
            raise self.needs_restart
        return self.needs_restart


def read_wmi(path: Path) -> list[Row]:
    """The records of a `wmic … /format:list` dump: UTF-16 with or without its mark, or UTF-8."""
    records: list[dict[str, object]] = []
    open_record: dict[str, object] = {}
    for line in _text(path).splitlines():
        name, equals, value = line.partition("=")
        if not equals:
            if open_record and not line.strip():
                records.append(open_record)
                open_record = {}
            continue
        if name.lower() in open_record:  # wmic puts no empty line between the records of two classes
            records.append(open_record)
            open_record = {}
        open_record[name.strip().lower()] = value.replace("&amp;", "&").strip()
    return [*records, *([open_record] if open_record else [])]


def read_reg(path: Path) -> dict[str, Values]:
    """The keys of a `reg export`: text, dwords and bytes; HKEY_LOCAL_MACHINE is written HKLM."""
    text = re.sub(r"\\\r?\n\s*", "", _text(path))
    keys: dict[str, Values] = {}
    values: Values = {}
    for line in text.splitlines():
        if head := re.fullmatch(r"\[(.+)\]", line.strip()):
            name = head[1].replace("HKEY_LOCAL_MACHINE", "HKLM", 1).replace("HKEY_USERS", "HKU", 1)
            values = keys.setdefault(name, {})
        elif found := re.fullmatch(r'(?:"((?:[^"\\]|\\.)*)"|@)=(.*)', line.strip()):
            values[_unescaped(found[1] or "")] = _value(found[2])
    return keys


def _value(written: str) -> Value:
    if written.startswith('"'):
        return _unescaped(written.strip('"'))
    kind, _, rest = written.partition(":")
    if kind == "dword":
        return int(rest, 16)
    data = bytes(int(byte, 16) for byte in rest.split(",") if byte.strip())
    if kind == "hex(2)":  # REG_EXPAND_SZ
        return data.decode("utf-16-le").rstrip("\0")
    if kind == "hex(7)":  # REG_MULTI_SZ
        return [part for part in data.decode("utf-16-le").split("\0") if part]
    return data


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _text(path: Path) -> str:
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    return data.decode("utf-16-le") if b"\0" in data[:64] else data.decode("utf-8")
