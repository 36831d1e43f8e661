"""The kernel's one-value files under /proc and /sys: read, or None when they are not there."""

from pathlib import Path


def text(path: Path) -> str | None:
    """The stripped content; None when it cannot be read or is empty.

    Some of these files exist and still answer with an error (PSI switched off, a sensor asleep, a serial
    for root only): for a reader that is the same as not being there.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content.decode("utf-8", "replace").strip() or None


def number(path: Path) -> int | None:
    """The content as a whole number."""
    content = text(path)
    try:
        return int(content) if content is not None else None
    except ValueError:
        return None
