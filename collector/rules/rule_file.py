"""Reading a rule file: every value typed, every mistake with its file, line and key.

All mistakes of all files are gathered first, so that whoever writes rules sees them at once and not one by one.
"""

import math
import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

_HEADER: Final = re.compile(r"^\s*\[\[\s*rule\s*\]\]")
_KEY: Final = re.compile(r"^\s*([A-Za-z0-9_-]+)\s*=")
_SPAN: Final = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|m|h|d)$")
_SPAN_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SYNTAX_LINE: Final = re.compile(r"at line (\d+)")


class RuleError(Exception):
    """A mistake in a rule file. `others` holds the further ones; the text names them all."""

    def __init__(self, file: str, line: int, key: str, problem: str) -> None:
        super().__init__(file, line, key, problem)
        self.file, self.line, self.key, self.problem = file, line, key, problem
        self.others: tuple[RuleError, ...] = ()

    def __str__(self) -> str:
        own = f"{self.file}, line {self.line}, {self.key}: {self.problem}"
        return "\n".join([own, *map(str, self.others)])


def together(errors: list[RuleError]) -> RuleError:
    """One exception for all of them, in the order of the file."""
    first, *others = sorted(errors, key=lambda error: (error.file, error.line))
    first.others = tuple(others)
    return first


def span(text: str) -> timedelta | None:
    """`10m`, `9h`, `14d` as a span; None when it is not one."""
    match = _SPAN.match(text)
    return timedelta(**{_SPAN_UNITS[match[2]]: float(match[1])}) if match else None


class Row:
    """One [[rule]] of a file. What is taken out of it is checked; what nobody took is an unknown key."""

    def __init__(
        self, data: dict[str, Any], file: str, line: int, lines: dict[str, int], errors: list[RuleError]
    ) -> None:
        self.data, self.file, self.line = data, file, line
        self._lines, self._errors = lines, errors
        self._taken: set[str] = set()

    def problem(self, key: str, text: str) -> None:
        self._errors.append(RuleError(self.file, self._lines.get(key, self.line), key, text))

    def has(self, key: str) -> bool:
        return key in self.data

    def take(self, key: str) -> Any:
        self._taken.add(key)
        return self.data.get(key)

    def text(self, key: str, *, required: bool = False) -> str:
        value = self.take(key)
        if value is None:
            if required:
                self.problem(key, "is missing")
            return ""
        if not isinstance(value, str) or not value.strip():
            self.problem(key, f"must be text, not {value!r}")
            return ""
        return value

    def choice(self, key: str, options: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key, required=default is None)
        if value and value not in options:
            self.problem(key, f"must be one of {', '.join(options)}, not {value!r}")
            return default or options[0]
        return value or default or options[0]

    def number(self, key: str, unit: str) -> float | None:
        """A finite number; for seconds also a span such as `7d`."""
        value = self.take(key)
        return None if value is None else self.as_number(key, value, unit)

    def as_number(self, key: str, value: object, unit: str) -> float | None:
        if unit == "seconds" and isinstance(value, str):
            length = span(value)
            if length is not None:
                return length.total_seconds()
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            wanted = "a number or a span such as 7d" if unit == "seconds" else "a number"
            self.problem(key, f"must be {wanted}, not {value!r}")
            return None
        if unit == "ratio" and not -1 <= value <= 2:
            self.problem(key, f"is a ratio, 0 to 1, not {value!r}")
            return None
        return float(value)

    def span(self, key: str, default: timedelta | None = None) -> timedelta | None:
        value = self.take(key)
        if value is None:
            return default
        length = span(value) if isinstance(value, str) else None
        if length is None:
            self.problem(key, f"must be a span such as 90s, 10m, 9h or 14d, not {value!r}")
            return default
        return length

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.problem(key, f"must be true or false, not {value!r}")
            return default
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self.problem(key, f"must be a list of texts, not {value!r}")
            return ()
        return tuple(value)

    def tables(self, key: str) -> tuple[dict[str, Any], ...]:
        value = self.take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not value or not all(isinstance(table, dict) for table in value):
            self.problem(key, f"must be a list of tables, not {value!r}")
            return ()
        return tuple(value)

    def finish(self) -> None:
        """After everything was taken: the rest is unknown."""
        for key in self.data.keys() - self._taken:
            self.problem(key, "is not a key of this kind of rule")


def read(path: Path, errors: list[RuleError]) -> list[Row]:
    """The [[rule]] tables of one file, in order."""
    text = path.read_text(encoding="utf-8")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _SYNTAX_LINE.search(str(error))
        errors.append(RuleError(path.name, int(match[1]) if match else 0, "TOML", str(error)))
        return []
    tables = data.pop("rule", [])
    errors += [
        RuleError(
            path.name, _line_of(text, key), key, "is not a key of a rule file; rules begin with [[rule]]"
        )
        for key in data
    ]
    if not isinstance(tables, list):
        errors.append(RuleError(path.name, _line_of(text, "rule"), "rule", "must be written as [[rule]]"))
        return []
    places = _places(text)
    return [
        Row(table, path.name, *(places[n] if n < len(places) else (0, {})), errors)
        for n, table in enumerate(tables)
    ]


def _places(text: str) -> list[tuple[int, dict[str, int]]]:
    """For each [[rule]]: the line of its header, and of each key below it."""
    places: list[tuple[int, dict[str, int]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if _HEADER.match(line):
            places.append((number, {}))
        elif places and (match := _KEY.match(line)):
            places[-1][1].setdefault(match[1], number)
    return places


def _line_of(text: str, key: str) -> int:
    wanted = re.compile(rf"^\s*\[*\s*{re.escape(key)}\b")
    return next((n for n, line in enumerate(text.splitlines(), 1) if wanted.match(line)), 0)
