"""Settings: defaults, then the file, then TOCSIN_* of the environment, then flags. The later one wins."""

# ruff: noqa: RUF009 (`_row` only builds a dataclass field)
import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from agent import log

_WINDOWS_DIR: Final = Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "Tocsin"
DEFAULT_FILE: Final = Path("/etc/tocsin/agent.toml") if os.name == "posix" else _WINDOWS_DIR / "agent.toml"


class ConfigError(Exception):
    """A setting that cannot be used; the text names the file, the line and the key."""


def _default_state_dir() -> Path:
    if os.name == "nt":
        return _WINDOWS_DIR
    if os.geteuid() == 0:
        return Path("/var/lib/tocsin-agent")
    return Path.home() / ".local/state/tocsin-agent"


def _row(
    meaning: str,
    default: Any = None,
    *,
    low: float | None = None,
    high: float | None = None,
    among: tuple[str, ...] = (),
) -> Any:
    return field(default=default, metadata={"meaning": meaning, "low": low, "high": high, "among": among})


def _seconds(meaning: str, low: int, high: int) -> Any:
    return _row(f"{meaning}; unset: as the collector says.", low=low, high=high)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """One row a setting; the annotation is the type that `load` insists on."""

    collector: str = _row("HOST:PORT of the collector's enrolment port.", "")
    state_dir: Path = field(
        default_factory=_default_state_dir,
        metadata={"meaning": "Where the credential and the spool are kept."},
    )
    root: Path = _row("Read /proc, /sys, /etc, /var and /run below this directory.", Path("/"))
    room_file: Path = field(
        default=DEFAULT_FILE.with_name("room.toml"),
        metadata={"meaning": "What this device looks after in its room; without that file it serves none."},
    )
    extra_filesystems: tuple[str, ...] = _row("Mount points to read although their type is left out.", ())
    sample_seconds: int | None = _seconds("Time between samples", 1, 3600)
    report_seconds: int | None = _seconds("Time between reports", 1, 86400)
    heartbeat_seconds: int | None = _seconds("Time between heartbeats", 1, 3600)
    slow_seconds: int | None = _seconds("Time between looks at SMART and patches", 5, 604800)
    inventory_seconds: int | None = _seconds("Time between inventories", 5, 604800)
    # 288 reports a day of 2 to 5 KB: months. Below 1 MB not even one full inventory fits.
    spool_max_bytes: int = _row("Most the spool may take on disk.", 200_000_000, low=1_000_000)
    # Two nights: a collector restored from last night's backup is filled again from here.
    keep_acked_hours: float = _row("How long acknowledged reports are kept.", 48.0, low=0, high=8760)
    retry_base_seconds: float = _row("First limit of the random wait after a failure.", 2.0, low=0.01)
    retry_cap_seconds: float = _row("Last limit of the random wait after failures.", 300.0, low=0.01)
    backfill_pause_seconds: float = _row("Wait between two batches of history.", 1.0, low=0)
    # Open, the stream costs about 0.1 % of a core: Python's gRPC polls it. Without it a "refresh now" takes
    # up to a heartbeat longer.
    listen: bool = _row("Keep a stream open on which the collector can ask for a refresh.", True)
    log_level: str = _row("What is worth a log line.", "info", among=log.LEVELS)
    log_format: str = _row("How a log line looks.", "logfmt", among=log.FORMATS)


_FIELDS: Final = {row.name: row for row in fields(Settings)}


@dataclass(frozen=True, slots=True)
class Loaded:
    settings: Settings
    sources: dict[str, str]  # setting -> where its value came from
    file: Path | None  # the file that was read


def load(
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, str | None] | None = None,
) -> Loaded:
    """Raises ConfigError. A `file` that was asked for must exist; the default one need not."""
    values: dict[str, Any] = {}
    sources = dict.fromkeys(_FIELDS, "default")
    path = file or _default_file(environment)
    if path is not None:
        for name, value, source in _from_file(path):
            values[name], sources[name] = _checked(name, value, source), source
    for name in _FIELDS:
        variable = f"TOCSIN_{name.upper()}"
        if environment.get(variable):
            values[name] = _checked(name, _from_text(name, environment[variable], variable), variable)
            sources[name] = variable
    for name, text in (flags or {}).items():
        if text is not None:
            flag = "--" + name.replace("_", "-")
            values[name], sources[name] = _checked(name, _from_text(name, text, flag), flag), flag
    return Loaded(Settings(**values), sources, path)


def meanings() -> dict[str, str]:
    """Each setting and what it is for (documentation is made from it)."""
    return {name: row.metadata["meaning"] for name, row in _FIELDS.items()}


def _default_file(environment: Mapping[str, str]) -> Path | None:
    named = environment.get("TOCSIN_CONFIG")
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def _from_file(path: Path) -> list[tuple[str, Any, str]]:
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except ValueError as error:  # TOMLDecodeError is one, and so is a number of 5,000 digits
        raise ConfigError(f"{path}: is not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deeply") from None
    rows = []
    for name, value in table.items():
        source = f"{path}:{_line(text, name)}"
        if name not in _FIELDS:
            near = difflib.get_close_matches(name, _FIELDS, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(_FIELDS)}"
            raise ConfigError(f"{source}: there is no setting {name}{hint}")
        rows.append((name, value, source))
    return rows


def _line(text: str, key: str) -> int:
    # tomllib does not tell lines; a key stands once, at the start of its line or in a table's head.
    pattern = re.compile(rf"""^\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 1)


def _from_text(name: str, text: str, source: str) -> Any:
    """A flag or variable is text; make of it what a TOML file would have held."""
    kind = _kind(name)
    try:
        if kind is int:
            return int(text)
        if kind is float:
            return float(text)
    except ValueError:
        raise ConfigError(f"{source}: {name} must be {_NOUNS[kind]}, not {text!r}") from None
    if kind is bool and text in ("true", "false"):
        return text == "true"
    if kind is tuple:
        return [part for part in text.split(",") if part]
    return text


_NOUNS: Final = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    Path: "a path",
    tuple: "a list of text",
}


def _kind(name: str) -> type:
    written = str(_FIELDS[name].type)
    for kind, word in ((tuple, "tuple"), (Path, "Path"), (bool, "bool"), (float, "float"), (int, "int")):
        if word in written:
            return kind
    return str


def _checked(name: str, value: Any, source: str) -> Any:
    kind = _kind(name)
    if kind is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        value = float(value)
    if kind is tuple:
        right = isinstance(value, list) and all(isinstance(part, str) for part in value)
    elif kind is Path:
        right = isinstance(value, str) and bool(value) and "\0" not in value
    else:
        right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not right:
        raise ConfigError(f"{source}: {name} must be {_NOUNS[kind]}, not {value!r}")
    _check_range(name, value, source)
    if kind is tuple:
        return tuple(value)
    if kind is Path:
        try:
            return Path(value).expanduser().absolute()
        except RuntimeError:
            raise ConfigError(f"{source}: {name}: there is no home directory for {value!r}") from None
    return value


def _check_range(name: str, value: Any, source: str) -> None:
    told = _FIELDS[name].metadata
    low, high, among = told.get("low"), told.get("high"), told.get("among")
    if low is not None and not value >= low:
        raise ConfigError(f"{source}: {name} must be at least {low}, not {value}")
    if high is not None and not value <= high:
        raise ConfigError(f"{source}: {name} must be at most {high}, not {value}")
    if among and value not in among:
        raise ConfigError(f"{source}: {name} must be one of {', '.join(among)}, not {value!r}")
    if (
        name == "collector"
        and value
        and not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):\d{1,5}", value)
    ):
        raise ConfigError(f"{source}: {name} must be HOST:PORT, not {value!r}")
