"""Settings of the console: TOML file, then TOCSIN_* environment, then flags; the later wins.

A wrong value names file, line and key.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from collector.config import default_state_dir

DEFAULT_FILE: Final = Path("/etc/tocsin/console.toml")


class WrongSetting(Exception):
    """A setting that cannot be used; the text says where it stands."""


@dataclass(frozen=True, kw_only=True)
class Config:
    listen: str = "127.0.0.1:8080"
    state_dir: Path = field(default_factory=default_state_dir)
    database: str = ""  # empty: collector.db in the state dir
    workers: int = 2
    https: bool = False  # people reach the console by https (a proxy in front, or tls_certificate below)
    tls_certificate: str = ""
    tls_key: str = ""
    trusted_proxies: int = 0  # how many proxies in front add X-Forwarded-*; 0: believe none
    idle_hours: int = 8
    session_hours: int = 24 * 7
    time_zone: str = "UTC"  # of the exact times on pages
    metrics_token: str = ""  # empty: /metrics answers this machine only

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.state_dir / 'collector.db'}"

    @property
    def zone(self) -> tzinfo:
        # Windows has no zones of its own; UTC needs none.
        return UTC if self.time_zone == "UTC" else ZoneInfo(self.time_zone)


# Shared with the collector, hence without CONSOLE in the name.
_ENVIRONMENT: Final = {
    "state_dir": "TOCSIN_STATE_DIR",
    "database": "TOCSIN_DATABASE",
    "listen": "TOCSIN_CONSOLE_LISTEN",
    "workers": "TOCSIN_CONSOLE_WORKERS",
    "https": "TOCSIN_CONSOLE_HTTPS",
    "tls_certificate": "TOCSIN_CONSOLE_TLS_CERTIFICATE",
    "tls_key": "TOCSIN_CONSOLE_TLS_KEY",
    "trusted_proxies": "TOCSIN_CONSOLE_TRUSTED_PROXIES",
    "idle_hours": "TOCSIN_CONSOLE_IDLE_HOURS",
    "session_hours": "TOCSIN_CONSOLE_SESSION_HOURS",
    "time_zone": "TOCSIN_CONSOLE_TIME_ZONE",
    "metrics_token": "TOCSIN_CONSOLE_METRICS_TOKEN",
}
_BOUNDS: Final = {
    "workers": (1, 64),
    "trusted_proxies": (0, 10),
    "idle_hours": (1, 24 * 30),
    "session_hours": (1, 24 * 90),
}


def load(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Config:
    """The settings in force. Raises WrongSetting."""
    values: dict[str, Any] = {}
    if file is not None or DEFAULT_FILE.exists():
        values |= _from_file(file or DEFAULT_FILE)
    for key, variable in _ENVIRONMENT.items():
        text = (os.environ if environment is None else environment).get(variable)
        if text:
            values[key] = _checked(key, text, f"environment variable {variable}")
    for key, value in (flags or {}).items():
        if value is not None:
            values[key] = _checked(key, value, f"flag --{key.replace('_', '-')}")
    return Config(**values)


def _from_file(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as problem:
        raise WrongSetting(f"{file}: cannot be read: {problem.strerror}") from None
    try:
        rows = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise WrongSetting(f"{file}: {problem}") from None
    return {key: _checked(key, value, f"{file}:{_line(text, key)}") for key, value in rows.items()}


def _line(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*(\[\s*)?[\"']?{re.escape(key)}[\"']?\s*[=\].]", line):
            return number
    return 1


def _checked(key: str, value: object, where: str) -> Any:
    if key not in _ENVIRONMENT:
        raise WrongSetting(f"{where}: {key}: no such setting; known are {', '.join(sorted(_ENVIRONMENT))}")
    if key == "state_dir":
        return Path(_text(key, value, where)).expanduser()
    if key == "https":
        return _yes_or_no(key, value, where)
    if key in _BOUNDS:
        return _integer(key, value, where)
    text = _text(key, value, where)
    if key == "listen":
        host, separator, port = text.rpartition(":")
        if not (host and separator and port.isdecimal() and 0 <= int(port) < 65536):
            raise WrongSetting(f"{where}: {key}: {text!r} is not HOST:PORT")
    if key == "time_zone":
        try:
            _ = text == "UTC" or ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise WrongSetting(f"{where}: {key}: {text!r} is no time zone such as America/Chicago") from None
    if key == "database" and "://" not in text:
        raise WrongSetting(f"{where}: {key}: {text!r} is no URL such as sqlite:////path/collector.db")
    return text


def _text(key: str, value: object, where: str) -> str:
    if isinstance(value, str | Path) and str(value):
        return str(value)
    raise WrongSetting(f"{where}: {key}: {value!r} is not a text")


def _integer(key: str, value: object, where: str) -> int:
    low, high = _BOUNDS[key]
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,6}", str(value)):
        raise WrongSetting(f"{where}: {key}: {value!r} is not a whole number")
    number = int(str(value))
    if not low <= number <= high:
        raise WrongSetting(f"{where}: {key}: {number} is not between {low} and {high}")
    return number


def _yes_or_no(key: str, value: object, where: str) -> bool:
    text = str(value).lower()
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("false", "0", "no", "off"):
        return False
    raise WrongSetting(f"{where}: {key}: {value!r} is neither true nor false")
