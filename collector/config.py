"""Settings of the collector: defaults, then a TOML file, then TOCSIN_* of the environment, then flags."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from collector.rules import runbook

DEFAULT_FILE = Path("/etc/tocsin/collector.toml")


def default_state_dir() -> Path:
    """/var/lib/tocsin for a service (root, or a user who may write there), else below the home."""
    system = Path("/var/lib/tocsin")
    if os.access(system, os.W_OK) or (hasattr(os, "geteuid") and os.geteuid() == 0):
        return system
    return Path(os.environ.get("XDG_STATE_HOME", "") or Path.home() / ".local/state") / "tocsin"


class ConfigError(Exception):
    """A wrong value; the text names file, line and key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    state_dir: Path = field(default_factory=default_state_dir)
    database: str = ""  # a URL; empty: SQLite in the state directory
    listen: str = "0.0.0.0"  # noqa: S104 - devices come from everywhere; mTLS decides who is heard
    intake_port: int = 7443
    enrolment_port: int = 7444
    names: tuple[str, ...] = ()  # further names and addresses of this collector, for its certificate
    sample_seconds: int = 60
    report_seconds: int = 300
    heartbeat_seconds: int = 60
    slow_seconds: int = 14_400
    inventory_seconds: int = 3_600
    silent_after_seconds: int = 300
    storm_tickets_per_hour: int = 10  # new ones of one site or one rule; the others wait. 0: no brake
    keep_reports_days: int = 30
    rules: tuple[str, ...] = ()  # rule files instead of the shipped ones
    runbook_url: str = ""  # https://wiki.example/runbooks/{rule}: a page of one's own for each rule
    mail_to: tuple[str, ...] = ()  # who is told of tickets by mail; empty: nobody
    mail_rooms_to: tuple[str, ...] = ()  # who gets each morning's text of the rooms of a site
    mail_from: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: str = "starttls"  # starttls tls none
    smtp_user: str = ""
    smtp_password_file: str = ""  # a file that holds nothing else: no password in settings or environment
    smtp_ca_file: str = ""  # of a mail server with a certificate of the house's own authority
    reflection: bool = False  # for development only
    log_level: str = "info"
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)  # key → where its value came from

    @property
    def url(self) -> str:
        return self.database or f"sqlite:///{self.state_dir / 'collector.db'}"

    @property
    def pki(self) -> Path:
        return self.state_dir / "pki"


_BOUNDS = {
    "intake_port": (0, 65535), "enrolment_port": (0, 65535), "sample_seconds": (1, 3600),
    "report_seconds": (1, 86400), "heartbeat_seconds": (1, 3600), "slow_seconds": (5, 604800),
    "inventory_seconds": (5, 604800), "silent_after_seconds": (2, 604800), "keep_reports_days": (1, 3650),
    "storm_tickets_per_hour": (0, 100_000), "smtp_port": (1, 65535),
}  # fmt: skip
_LEVELS = ("debug", "info", "warning", "error")
_CHOICES = {"log_level": _LEVELS, "smtp_security": ("starttls", "tls", "none")}
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?"
)
_HOST = re.compile(r"[A-Za-z0-9_.:-]{1,253}")


def load(file: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Config:
    """Merge the sources. Raises ConfigError."""
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    if file is None and DEFAULT_FILE.exists():
        file = DEFAULT_FILE
    if file is not None:
        for key, value in _read(file).items():
            values[key] = _checked(key, value, f"{file}, line {_line(file, key)}, {key}")
            sources[key] = str(file)
    for key in _keys():
        name = f"TOCSIN_{key.upper()}"
        if name in environment:
            values[key] = _checked(key, _from_text(key, environment[name], name), name)
            sources[key] = f"environment {name}"
    for key, value in flags.items():
        if value is not None and key in _keys():
            values[key] = _checked(key, value, f"--{key.replace('_', '-')}")
            sources[key] = "flag"
    return _whole(Config(**values, sources=sources))


def _keys() -> dict[str, Any]:
    """Setting → its default, whose type says what is wanted."""
    plain = {f.name: f.default for f in fields(Config) if f.name != "sources"}
    return plain | {"state_dir": default_state_dir()}


def _read(file: Path) -> dict[str, Any]:
    try:
        read = tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: {error}") from None
    for key in read:
        if key not in _keys():
            raise ConfigError(f"{file}, line {_line(file, key)}: there is no setting {key!r}")
    return read


def _line(file: Path, key: str) -> int:
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if re.match(rf"\s*{re.escape(key)}\s*=", line):
            return number
    return 1


def _from_text(key: str, text: str, place: str) -> Any:
    default = _keys()[key]
    if isinstance(default, bool):
        if text.lower() not in ("true", "false", "1", "0"):
            raise ConfigError(f"{place}: {text!r} is neither true nor false")
        return text.lower() in ("true", "1")
    if isinstance(default, int):
        try:
            return int(text)
        except ValueError:
            raise ConfigError(f"{place}: {text!r} is not a whole number") from None
    if isinstance(default, tuple):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _checked(key: str, value: Any, place: str) -> Any:
    default = _keys()[key]
    if isinstance(default, Path):
        if not isinstance(value, (str, Path)) or not str(value):
            raise ConfigError(f"{place}: a path is wanted, not {value!r}")
        return Path(value)
    if isinstance(default, tuple):
        if not isinstance(value, (list, tuple)) or not all(isinstance(part, str) for part in value):
            raise ConfigError(f"{place}: a list of texts is wanted, not {value!r}")
        for part in value if key in ("mail_to", "mail_rooms_to") else ():
            if not _ADDRESS.fullmatch(part):
                raise ConfigError(f"{place}: addresses such as help@example.org are wanted, not {part!r}")
        return tuple(value)
    if type(value) is not type(default):
        raise ConfigError(f"{place}: {type(default).__name__} is wanted, not {value!r}")
    low, high = _BOUNDS.get(key, (None, None))
    if low is not None and high is not None and not low <= value <= high:
        raise ConfigError(f"{place}: {value} is not between {low} and {high}")
    if key in _CHOICES and value not in _CHOICES[key]:
        raise ConfigError(f"{place}: one of {', '.join(_CHOICES[key])} is wanted, not {value!r}")
    if key == "mail_from" and value and not _ADDRESS.fullmatch(value):
        raise ConfigError(f"{place}: an address such as tocsin@example.org is wanted, not {value!r}")
    if key == "smtp_host" and value and not _HOST.fullmatch(value):
        raise ConfigError(f"{place}: a name or an address is wanted, not {value!r}")
    if key == "runbook_url" and value and (fault := runbook.template_problem(value)):
        raise ConfigError(f"{place}: {fault}")
    return value


def _whole(config: Config) -> Config:
    """Settings that need each other. Raises ConfigError."""
    sources = config.sources
    if config.mail_to:
        for key in ("mail_from", "smtp_host"):
            if not getattr(config, key):
                raise ConfigError(f"{sources['mail_to']}: mail_to needs {key} beside it")
    if config.mail_rooms_to and not config.mail_to:
        raise ConfigError(f"{sources['mail_rooms_to']}: mail_rooms_to needs mail_to beside it")
    if bool(config.smtp_user) != bool(config.smtp_password_file):
        given = "smtp_user" if config.smtp_user else "smtp_password_file"
        raise ConfigError(f"{sources[given]}: smtp_user and smtp_password_file need each other")
    if config.smtp_user and config.smtp_security == "none":
        raise ConfigError(f"{sources['smtp_user']}: no password over an open line; set smtp_security")
    return config
