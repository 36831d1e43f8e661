"""Log lines on standard error: logfmt or JSON, one event a line, never a secret."""

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("logfmt", "json")


_FILE_BYTES = 1_000_000


def start(level: str, style: str, file: Path | None = None) -> None:
    """Send everything from `level` up to standard error, where journald or a terminal reads it.

    To `file` where there is neither: a Windows service. It and one that went before are kept.
    """
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if file is not None:
        from logging.handlers import RotatingFileHandler

        handler = RotatingFileHandler(file, maxBytes=_FILE_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(_Json() if style == "json" else _Logfmt())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _fields(record: logging.LogRecord) -> dict[str, str]:
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    fields = {"at": at, "level": record.levelname.lower(), "from": record.name, "text": record.getMessage()}
    if record.exc_info:
        fields["traceback"] = logging.Formatter().formatException(record.exc_info)
    return fields


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_fields(record), ensure_ascii=True)


class _Logfmt(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{name}={_quoted(value)}" for name, value in _fields(record).items())


def _quoted(value: str) -> str:
    # JSON's escapes keep a line one line and a terminal unharmed, whatever a device's text holds.
    plain = value.isascii() and value.isprintable() and not set(value) & set(' "=')
    return value if plain and value else json.dumps(value)
