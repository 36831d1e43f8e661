"""Spoils captured input in the ways that real input is spoiled, and some that only malice would think of.

The same random generator gives the same inputs, so a failure can be had again.
"""

import json
import random
import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

LARGEST: Final = 256 * 1024

# Numbers that overflow, that are no numbers, and digits that int() takes and a regular expression may not.
_NUMBERS: Final = (
    b"0", b"-1", b"1", b"255", b"65536", b"4294967295", b"4294967296", b"9223372036854775808",
    b"18446744073709551616", b"-9223372036854775809", b"1e999", b"-1e999", b"1e-999", b"NaN", b"Infinity", b"-Infinity",
    b"0x10", b"1_000", b"0.1.2", b"9" * 30, b"9" * 5000, "٣".encode(), "²".encode(), "１".encode(), b"00", b"+7", b" 7 ",
)  # fmt: skip
_BAD_UTF8: Final = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\xef\xbb\xbf")
_SIGNS: Final = (
    b"\0", b"\r\n", b"\n", b"\t", b" ", b"\x1b[31m", b"\x0c", b"\x1c", b"\x85", "\u2028".encode(),
    "\u202e".encode(), "\u00a0".encode(), b"\"", b"'", b"\\", b":", b"=", b"[", b"]", b"(", b")", b"{", b"}", b"<", b">",
    b"%s", b"-", b"/", b",", b"&", b"<!--", b"]]>",
)  # fmt: skip
_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 2**31, 2**63, 2**64, 10**30, 1e308, -0.5, float("nan"), float("inf"), "", " ", "x", "7",
    "-7", "nan", "\0", "\ud800", "9" * 5000, [], [[]], [None], {}, {"": ""}, {"value": 1}, ["x", {}], [[[[[[[[]]]]]]]],
)  # fmt: skip

Mutation = Callable[[random.Random, bytes, list[bytes]], bytes]


def mutated(chance: random.Random, seeds: list[bytes]) -> bytes:
    """A seed after one to five mutations."""
    data = chance.choice(seeds)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        data = chance.choice(_MUTATIONS)(chance, data, seeds)
    return data[:LARGEST]


def _span(chance: random.Random, data: bytes) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.choice((1, 1, 2, 4, 8, 18, 64, 128, 1000)))


def _truncate(chance: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _flip(chance: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    if not data:
        return b"\0"
    spoiled = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        spoiled[chance.randrange(len(spoiled))] ^= 1 << chance.randrange(8)
    return bytes(spoiled)


def _set_bytes(chance: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    start, end = _span(chance, data)
    return data[:start] + bytes([chance.choice((0, 0xFF, 0x80, 0x7F, 0x20))]) * (end - start) + data[end:]


def _splice(chance: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    other = chance.choice(seeds)
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]


def _remove(chance: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    start, end = _span(chance, data)
    return data[:start] + data[end:]


def _repeat(chance: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    start, end = _span(chance, data)
    times = chance.choice((2, 2, 3, 10, 100, 2000))
    return data[:start] + (data[start:end] * times)[:20_000] + data[end:]


def _swap_lines(chance: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    lines = data.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    if chance.random() < 0.3:
        del lines[one]
    return b"\n".join(lines)


def _number(chance: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    found = list(re.finditer(rb"\d+", data[:LARGEST]))
    if not found:
        return _insert(chance, data, seeds)
    one = chance.choice(found)
    return data[: one.start()] + chance.choice(_NUMBERS) + data[one.end() :]


def _insert(chance: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice((*_SIGNS, *_BAD_UTF8, *_NUMBERS)) + data[at:]


def _line_ends(chance: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    return data.replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\n", b"\0", b"")))


@cache
def _tree_of(data: bytes) -> str | None:
    """The text again where it is JSON: parsed anew for each mutation, which spoils it."""
    try:
        text = data.decode()
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    return text


def _retype(chance: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    """A value of JSON becomes one of another type, a key goes, a branch is put where it does not belong."""
    text = _tree_of(data) if data in seeds else None
    if text is None:
        return _number(chance, data, seeds)
    tree = json.loads(text)
    places: list[tuple[Any, Any]] = []
    _walk(tree, places)
    if not places:
        return json.dumps(chance.choice(_VALUES)).encode()
    for _ in range(chance.choice((1, 1, 2, 5))):
        holder, key = chance.choice(places)
        if chance.random() < 0.15 and isinstance(holder, dict):
            holder.pop(key, None)
        elif chance.random() < 0.15:
            other, other_key = chance.choice(places)
            if key in holder if isinstance(holder, dict) else True:
                holder[key] = json.loads(json.dumps(other.get(other_key) if isinstance(other, dict) else key))
        else:
            holder[key] = chance.choice(_VALUES)
    return json.dumps(tree).encode("utf-8", "replace")


def _walk(tree: Any, places: list[tuple[Any, Any]]) -> None:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        places.append((tree, key))
        _walk(value, places)


def _deepen(chance: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    opening = chance.choice((b"[", b'{"a":', b"(", b"<a>", b"[[a]]\n", b"a.", b"  "))
    return opening * chance.choice((50, 2000, 20_000)) + data[: chance.choice((0, 200))]


_MUTATIONS: Final[tuple[Mutation, ...]] = (
    _truncate, _flip, _flip, _set_bytes, _splice, _remove, _repeat, _swap_lines, _number, _number, _insert, _insert,
    _line_ends, _retype, _retype, _retype,
)  # fmt: skip
DEEPEN: Final[Mutation] = _deepen  # one in some hundred: it is slow
