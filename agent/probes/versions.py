"""Compares versions of Debian packages, as `dpkg --compare-versions` does."""

import re
from typing import TypeAlias

# turns of non-digits, as weights, and a number
Order: TypeAlias = tuple[tuple[tuple[int, ...], int], ...]
_PARTS = re.compile(r"(\D*)(\d*)", re.ASCII)


def key(version: str) -> tuple[int, Order, Order]:
    """A sort key: epoch, upstream version, revision (Debian policy, 5.6.12)."""
    epoch, colon, rest = version.strip().partition(":")
    if not colon or not epoch.isdecimal():
        epoch, rest = "0", version.strip()
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "0")
    return _number(epoch), _order(upstream), _order(revision)


def _order(text: str) -> Order:
    """Turns of non-digits and numbers. An absent number counts 0, and so does a missing turn."""
    turns = [((*map(_weight, letters), 0), _number(digits)) for letters, digits in _PARTS.findall(text)]
    while turns and turns[-1] == ((0,), 0):
        turns.pop()
    return (*turns, ((0,), 0))


def _number(digits: str) -> int:
    return int(digits[:4000] or 0)  # Python refuses more digits than 4,300, and no package has so many


def _weight(sign: str) -> int:
    """`~` sorts before the end (0), letters after it, all else after the letters."""
    if sign == "~":
        return -1
    return ord(sign) if sign.isalpha() else ord(sign) + 256
