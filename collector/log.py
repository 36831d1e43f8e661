"""Log lines on standard error: one event a line, whatever stands in the texts of devices and people."""

import json
import logging
import sys
from typing import Any


def start(level: int | str) -> None:
    """Send everything from `level` up to standard error, where journald or a terminal reads it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)  # a dozen lines at every start


class OneLine(logging.Formatter):
    """No message can end its line and begin another, colour a terminal or turn a line around. The lines of a
    traceback are indented: none passes for an event."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return escaped(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        return _indented(super().formatStack(stack_info))


def _indented(text: str) -> str:
    return "\n".join(f"    {escaped(line)}" for line in text.split("\n"))


def escaped(text: str) -> str:
    """Control and direction characters as JSON writes them."""
    return (
        text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    )
