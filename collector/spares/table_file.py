"""A table out of a CSV file as spreadsheets write them: UTF-8 or UTF-16, `,` `;` or tab, columns by name in any order.

Nothing is guessed: what cannot be read is a mistake with file, line and column, and one mistake refuses the file.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from collector.problem import Problem

MOST_ROWS: Final = 50_000
_NAMED: Final = 20  # mistakes told one by one
_SHOWN: Final = 60  # letters of a cell in a sentence
_DELIMITERS: Final = ",;\t"
_LINE_END: Final = re.compile(r"\r\n?|\n")
# What our own CSV (console/lists.py) puts an apostrophe before.
_FORMULA: Final = ("=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠")


class Mistakes(Problem):
    """What is wrong with a file, a sentence each; nothing of it was taken."""

    def __init__(self, sentences: Sequence[str]) -> None:
        told = list(sentences[:_NAMED])
        if len(sentences) > _NAMED:
            told.append(f"and {len(sentences) - _NAMED} more mistakes")
        self.sentences = told
        super().__init__("\n".join(told))


@dataclass(frozen=True, slots=True)
class Line:
    number: int  # of the file, where the row begins
    cells: dict[str, str]  # by column; each column is there, an empty cell is ""


def read(body: bytes, name: str, columns: Sequence[str], required: Sequence[str]) -> list[Line]:
    """The rows with something in them. `name` is what sentences call the file. Raises Mistakes."""
    text = _text(body, name)
    if text.casefold().startswith("sep="):  # Excel's own hint
        text = "\n" + _LINE_END.split(text, 1)[-1]
    rows = _rows(text, name, columns)
    heading = next(rows, None)
    if heading is None:
        raise Mistakes([f"{name}: it is empty; its first line should be: {', '.join(columns)}"])
    places = _places(heading, name, columns, required)
    found: list[Line] = []
    wrong = []
    for number, cells in rows:
        more = [cell for cell in cells[len(heading[1]) :] if cell.strip()]
        if more:
            wrong.append(f"{name}, line {number}: {said(more[0])} stands behind the last column")
            continue
        line = Line(number, dict.fromkeys(columns, ""))
        for column, place in places.items():
            line.cells[column] = _clean(cells[place]) if place < len(cells) else ""
        if len(found) == MOST_ROWS:
            raise Mistakes([f"{name}: it has more than {MOST_ROWS:,} rows"])
        found.append(line)
    if wrong:
        raise Mistakes(wrong)
    if not found:
        raise Mistakes([f"{name}: it has no row below its heading, and would empty the whole list"])
    return found


def said(text: str) -> str:
    """A cell in a sentence."""
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")


def _text(body: bytes, name: str) -> str:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\x00" in body[:2]:  # UTF-16 without its mark: a heading begins with a letter of ASCII
        encoding = "utf-16-be" if body[:1] == b"\x00" else "utf-16-le"
    else:
        encoding = "utf-8-sig"
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise Mistakes(
            [
                f"{name}, line {line}: its letters are not UTF-8; in Excel save it as “CSV UTF-8 (comma delimited)”"
            ]
        ) from None


def _rows(text: str, name: str, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    first = next((line for line in _LINE_END.split(text) if line.strip()), "")
    known = {_plain(column) for column in columns}

    def hits(delimiter: str) -> int:
        return sum(_plain(cell.strip('" ')) in known for cell in first.split(delimiter))

    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=hits), strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise Mistakes([f"{name}, line {begins}: {error}"]) from None
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield begins, cells


def _places(
    heading: tuple[int, list[str]], name: str, columns: Sequence[str], required: Sequence[str]
) -> dict[str, int]:
    """Where each column stands."""
    called = {_plain(column): column for column in columns}
    number, cells = heading
    places: dict[str, int] = {}
    wrong = []
    for place, cell in enumerate(cells):
        column = called.get(_plain(cell))
        if column is None and cell.strip():
            wrong.append(f"{name}, line {number}: there is no column {said(cell.strip())}")
        elif column in places:
            wrong.append(f"{name}, line {number}: the column {column} stands there twice")
        elif column is not None:
            places[column] = place
    wrong += [
        f"{name}, line {number}: the column {column} is missing"
        for column in required
        if column not in places
    ]
    if wrong:
        raise Mistakes([*wrong, f"The columns are: {', '.join(columns)}"])
    return places


def _plain(heading: str) -> str:
    return re.sub(r"[\s_-]+", " ", heading).strip().casefold()


def _clean(cell: str) -> str:
    text = _LINE_END.sub("\n", cell).strip()
    # The apostrophe that keeps a spreadsheet from running a cell is none of its text.
    if text.startswith("'") and text[1:].lstrip(" \ufeff\u200b").startswith(_FORMULA):
        return text[1:].strip()
    return text
