"""Settings of the console: TOML file, then TOCSIN_* environment, then flags; the later wins.

A wrong value names file, line and key.
"""

import importlib.util
import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from collector.config import default_state_dir
from collector.roles import ROLES

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
    # Sign-in by an identity provider (docs/sign-in.md); empty: by name and password only.
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret_file: str = ""  # a file that holds nothing else; read anew at each use
    oidc_groups: Mapping[str, str] = field(default_factory=dict)  # value of the claim → role
    oidc_group_claim: str = "roles"  # Entra: roles (app roles) or groups (GUIDs)
    oidc_name_claim: str = "preferred_username"
    oidc_title: str = ""  # what people call the provider; empty: the host of the issuer

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.state_dir / 'collector.db'}"

    @property
    def zone(self) -> tzinfo:
        # Windows has no zones of its own; UTC needs none.
        return UTC if self.time_zone == "UTC" else ZoneInfo(self.time_zone)

    @property
    def provider_title(self) -> str:
        """What the button says; empty: there is no provider."""
        return self.oidc_title or urlsplit(self.oidc_issuer).hostname or ""


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
    "oidc_issuer": "TOCSIN_CONSOLE_OIDC_ISSUER",
    "oidc_client_id": "TOCSIN_CONSOLE_OIDC_CLIENT_ID",
    "oidc_client_secret_file": "TOCSIN_CONSOLE_OIDC_CLIENT_SECRET_FILE",
    "oidc_groups": "TOCSIN_CONSOLE_OIDC_GROUPS",  # VALUE=ROLE,VALUE=ROLE
    "oidc_group_claim": "TOCSIN_CONSOLE_OIDC_GROUP_CLAIM",
    "oidc_name_claim": "TOCSIN_CONSOLE_OIDC_NAME_CLAIM",
    "oidc_title": "TOCSIN_CONSOLE_OIDC_TITLE",
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
    places: dict[str, str] = {}
    if file is not None or DEFAULT_FILE.exists():
        read, places = _from_file(file or DEFAULT_FILE)
        values |= read
    for key, variable in _ENVIRONMENT.items():
        text = (os.environ if environment is None else environment).get(variable)
        if text:
            places[key] = f"environment variable {variable}"
            values[key] = _checked(key, text, places[key])
    for key, value in (flags or {}).items():
        if value is not None:
            values[key] = _checked(key, value, f"flag --{key.replace('_', '-')}")
    return _whole(Config(**values), places)


def check_installed(config: Config) -> None:
    """Before the pages are served; the commands for users work without. Raises WrongSetting."""
    if config.oidc_issuer and not all(map(importlib.util.find_spec, ("authlib", "joserfc", "requests"))):
        raise WrongSetting(
            "oidc_issuer is set, and sign-in by an identity provider needs a package that is not here: pip install 'tocsin[oidc]'"
        )


def _whole(config: Config, places: Mapping[str, str]) -> Config:
    """Settings that need each other. Raises WrongSetting."""
    told = sorted(key for key in places if key.startswith("oidc_"))
    if not config.oidc_issuer:
        if told:
            raise WrongSetting(f"{places[told[0]]}: {told[0]}: needs oidc_issuer beside it")
        return config
    for key in ("oidc_client_id", "oidc_client_secret_file", "oidc_groups"):
        if not getattr(config, key):
            raise WrongSetting(f"{places['oidc_issuer']}: oidc_issuer: needs {key} beside it")
    try:
        if not Path(config.oidc_client_secret_file).read_text(encoding="utf-8").strip():
            raise OSError(0, "is empty")
    except (OSError, UnicodeDecodeError) as problem:
        why = getattr(problem, "strerror", None) or "is no text"
        where = places["oidc_client_secret_file"]
        raise WrongSetting(
            f"{where}: oidc_client_secret_file: {config.oidc_client_secret_file}: {why}"
        ) from None
    return config


def is_safe(address: str) -> bool:
    """An address of the provider: https, or http on this machine alone; nobody's name or password in it."""
    try:
        parts = urlsplit(address)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return False
    host = parts.hostname or ""
    plain = address.isascii() and address.isprintable() and not set(address) & set(' \\#"<>')
    if not (plain and host and port_is_fine) or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _from_file(file: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The values, and where each stands."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as problem:
        raise WrongSetting(f"{file}: cannot be read: {problem.strerror}") from None
    try:
        rows = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise WrongSetting(f"{file}: {problem}") from None
    places = {key: f"{file}:{_line(text, key)}" for key in rows}
    for value, role in rows["oidc_groups"].items() if isinstance(rows.get("oidc_groups"), dict) else ():
        _checked(
            "oidc_groups", {value: role}, f"{file}:{_line(text, value, after=_line(text, 'oidc_groups'))}"
        )
    return {key: _checked(key, value, places[key]) for key, value in rows.items()}, places


def _line(text: str, key: str, *, after: int = 0) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if number > after and re.match(rf"\s*(\[\s*)?[\"']?{re.escape(key)}[\"']?\s*[=\].]", line):
            return number
    return after or 1


def _checked(key: str, value: object, where: str) -> Any:
    if key not in _ENVIRONMENT:
        raise WrongSetting(f"{where}: {key}: no such setting; known are {', '.join(sorted(_ENVIRONMENT))}")
    if key == "state_dir":
        return Path(_text(key, value, where)).expanduser()
    if key == "https":
        return _yes_or_no(key, value, where)
    if key in _BOUNDS:
        return _integer(key, value, where)
    if key == "oidc_groups":
        return _groups(key, value, where)
    text = _text(key, value, where)
    if key == "oidc_issuer" and (not is_safe(text) or "?" in text):
        raise WrongSetting(f"{where}: {key}: {text!r} is no address such as https://login.example.org/tenant")
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


def _groups(key: str, value: object, where: str) -> dict[str, str]:
    if isinstance(value, str):
        pairs = [part.strip().rpartition("=") for part in value.split(",") if part.strip()]
        value = {name.strip(): role.strip() for name, _, role in pairs}
    if not isinstance(value, dict) or not value:
        raise WrongSetting(f'{where}: {key}: a table is wanted, of lines such as "Tocsin.Admin" = "admin"')
    for name, role in value.items():
        if not name:
            raise WrongSetting(f"{where}: {key}: VALUE=ROLE is wanted")
        if role not in ROLES:
            raise WrongSetting(f"{where}: {key}: {name}: {role!r} is no role; these are {', '.join(ROLES)}")
    return value


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
