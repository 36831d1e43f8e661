"""Spare parts at the command line: replace one of the five lists by a file, and see what is in them."""

import sys
from argparse import Namespace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from collector.commands.deciding import Row, _list, _say, _who
from collector.config import Config
from collector.problem import Problem
from collector.spares import kinds, replacing
from collector.spares.kinds import KINDS, Kind, Values
from collector.spares.replacing import Difference
from collector.store import open_engine, reader_maker, session_maker

_SHOWN = 20  # rows of each part of a difference


def spares_import(config: Config, arguments: Namespace) -> int:
    """Without --dry-run the difference is done as well as shown."""
    now, kind = datetime.now(UTC), KINDS[arguments.kind]
    try:
        body = sys.stdin.buffer.read() if arguments.file == "-" else Path(arguments.file).read_bytes()
    except OSError as error:
        raise Problem(f"{arguments.file}: {error.strerror}") from None
    name = "standard input" if arguments.file == "-" else Path(arguments.file).name
    engine = open_engine(config.url)
    if arguments.dry_run:
        with reader_maker(engine)() as session:
            told = replacing.compare(session, kind, body, name, now)
    else:
        with session_maker(engine)() as session, session.begin():
            told = replacing.replace(session, kind, body, name, who=_who(), now=now)
    done = "would be: " if arguments.dry_run else ""
    words = "\n".join([*_lines(told), f"{kind.title}: {done}{told.words}"])
    return _say(arguments, _as_row(told, arguments.dry_run), words)


def spares_list(config: Config, arguments: Namespace) -> int:
    """Without a kind: how many rows of each, and how old they are."""
    with reader_maker(open_engine(config.url))() as session:
        if not arguments.kind:
            last = replacing.last(session)
            rows: list[Row] = [
                {
                    "kind": name, "rows": session.scalar(select(func.count()).select_from(kind.table)),
                    "changed_at": last[name].at, "who": last[name].who,
                }
                for name, kind in KINDS.items()
            ]  # fmt: skip
            return _list(arguments, rows, ("kind", "rows", "changed_at", "who"), "")
        kind = KINDS[arguments.kind]
        fields = [column.field for column in kind.columns]
        order = [getattr(kind.table, name) for name in kind.keys]
        found = session.execute(
            select(*(getattr(kind.table, name) for name in fields)).order_by(*order)
        ).all()
    told = [_row(kind, dict(zip(fields, each, strict=True))) for each in found]
    hint = f"None. A file to begin with: docs/spares.md, then tocsin-collector spares import {kind.name} FILE"
    return _list(arguments, told, tuple(kind.headings), hint)


def _row(kind: Kind, values: Values) -> Row:
    return {column.heading: kinds.cell(column, values) for column in kind.columns}


def _lines(told: Difference) -> list[str]:
    kind, lines = told.kind, []
    for mark, rows in (("+", told.added), ("-", told.gone)):
        lines += [f"{mark} {_printed(kind.label(values))}" for values in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            lines.append(f"{mark} and {len(rows) - _SHOWN} more")
    for before, after in told.changed[:_SHOWN]:
        said = "; ".join(
            f"{name}: {kinds.written(was) or 'empty'} → {kinds.written(becomes) or 'empty'}"
            for name, was, becomes in told.changes(before, after)
        )
        lines.append(f"~ {_printed(f'{kind.label(after)}: {said}')}")
    if len(told.changed) > _SHOWN:
        lines.append(f"~ and {len(told.changed) - _SHOWN} more")
    return lines


def _printed(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


def _as_row(told: Difference, dry_run: bool) -> Row:
    return {
        "kind": told.kind.name, "done": not dry_run, "as_before": told.same,
        "added": [_plain(values) for values in told.added],
        "changed": [{"before": _plain(before), "after": _plain(after)} for before, after in told.changed],
        "gone": [_plain(values) for values in told.gone],
    }  # fmt: skip


def _plain(values: Values) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value
        for name, value in values.items()
    }
