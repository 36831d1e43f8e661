"""Hostile texts in every free column of the store at once, on every way out of it: pages, files, JSON, commands, logs."""

import csv
import io
import json
import logging
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from collector import log
from collector.__main__ import main
from collector.store.schema import Base
from console.api.problem import PATH
from console.lists import cell
from tests.console import poison, walk
from tests.console.api import keys
from tests.console.conftest import database, make_app, signed_in
from tests.console.courthouse import COURT, RECORDER
from tests.console.hostile import KINDS, STRINGS
from tests.console.test_hostile import Reader

# Speaks to a terminal, ends a line, turns one around.
ACTS = "plain\x1b[31m\x1b]0;title\x07\x9b31m\r\n2026-01-01 00:00:00 ERROR forged\u202e\u2028\x00"
# An element that no text holds can only be ours.
THEIRS = {one for text in STRINGS for one in Reader(text).wrong if one.startswith("<")}
# What the walk has no page of; and the pages that tell what devices and people say.
MORE = (
    f"/devices/{walk.DISK}/inventory/disks", "/situations/1051", "/situations/1031", "/rules/filesystem_nearly_full",
)  # fmt: skip
BRIEFS = (f"/devices/{walk.DISK}/brief", f"/sites/{quote(COURT)}/brief")
CSVS = (
    "/devices.csv",
    "/tickets.csv?state=any",
    "/coverage.csv",
    f"/devices/{walk.DISK}/inventory/disks.csv",
)
SHOW = {
    "/", "/devices", f"/devices/{walk.DISK}", f"/devices/{RECORDER}", "/tickets?state=any", "/tickets/1041", "/situations", "/situations/1050",
    "/planned-work", *MORE, *BRIEFS, *(f"{path}?save=1" for path in BRIEFS),
}  # fmt: skip
COMMANDS = (
    "devices list", "devices missing --days 0", "tickets list", "tickets explain 1041", "why-not 0c7be3a9d4f15862 disk_pending_sectors",
    "rules held", "rules precision", "accepted list", "override list", "maintenance list", "situations list --all", "rooms list",
    "rooms morning", "rooms bookings list", "outbox list", "spares list depots", "spares list stock",
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> Path:
    directory = tmp_path_factory.mktemp("whole")
    app = make_app(directory)
    with database(app).writer() as session, session.begin():
        walk.build(session, now)
    database(app).engine.dispose()
    return directory / "t.db"


def test_there_are_enough_of_them_and_each_is_of_one_kind() -> None:
    assert len(set(STRINGS)) >= 60
    assert sorted(text for kind in KINDS.values() for text in kind) == sorted(STRINGS)


def test_every_column_of_text_is_judged() -> None:
    columns = [column for table in Base.metadata.sorted_tables for column in poison.texts(table)]
    assert [str(column) for column in columns if not poison.judged(column)] == []


def rounds() -> dict[str, list[str]]:
    """What the places hold one after the other, by the name of the round. `make fuzz` lets each place meet each text,
    which takes minutes; the tests one of each kind."""
    if "TOCSIN_EVERY_TEXT" not in os.environ:
        return KINDS
    return {f"from {n} on": STRINGS[n:] + STRINGS[:n] for n in range(len(STRINGS))}


@pytest.mark.timeout(1800)
def test_every_text_is_shown_and_none_is_alive_in_any_answer(whole: Path, tmp_path: Path) -> None:
    """Every address of the walk, by what kind of answer it is. In each round each place holds another text."""
    shutil.copy(whole, tmp_path / "t.db")
    app = make_app(tmp_path)
    client, program, wrong, shown = signed_in(app), keys.Caller(app), [], dict[str, str]()
    for kind, texts in rounds().items():
        poison.poison(app, texts)
        for path in dict.fromkeys(
            (*walk.PAGES.values(), *MORE, *walk.PIECES, *walk.FILES, *walk.for_programs(app).values())
        ):
            answer = program.get(path) if path.startswith(PATH) else client.get(path, buffered=True)
            read = Reader(answer.text if answer.mimetype == "text/html" else "")
            wrong += [(kind, path, one) for one in wrong_in(answer, read, path)]
            told = seen("".join(read.text))
            shown[kind] = shown.get(kind, "") + told
            if path in SHOW and not any(seen(text)[:40] in told for text in texts):
                wrong.append((kind, path, "shows none of the texts"))
    database(app).engine.dispose()
    wrong += [
        (kind, text, "not shown")
        for kind, texts in rounds().items()
        for text in texts
        if seen(text)[:40] not in shown[kind]
    ]
    assert not wrong, "\n".join(map(str, wrong))


def seen(text: str) -> str:
    return " ".join(text.split())


def wrong_in(answer: TestResponse, read: Reader, path: str) -> Iterator[str]:
    if answer.status_code not in (200, 302) and path != "/readyz":
        yield answer.status
    elif answer.mimetype == "text/html":
        yield from (one for one in read.wrong if one in THEIRS or not one.startswith("<"))
        yield from (script for script in read.scripts if script.strip())
        if "/brief" in path and (read.scripts or len(answer.data) > 300_000):
            yield f"a brief with a script, or of {len(answer.data)} bytes"
    elif answer.mimetype == "text/csv":
        rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        if len({len(row) for row in rows}) != 1:
            yield "widths differ"
        if len(rows) < 2 and path in CSVS:
            yield "holds nothing"
        yield from (one for row in rows[1:] for one in row if str(cell(one)) != one and not is_number(one))
    elif answer.mimetype == "application/json":
        json.loads(answer.text)
    elif answer.mimetype == "text/plain":
        yield from (line for line in answer.text.split("\n") if not line.isprintable())
    if answer.headers.get("X-Content-Type-Options") != "nosniff":
        yield "a browser may guess what it is"
    if "hacked" in str(answer.headers) or "evil" in str(answer.headers):
        yield str(answer.headers)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_no_command_lets_a_text_speak_to_the_terminal(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(whole, tmp_path / "t.db")
    app = make_app(tmp_path)
    poison.poison(app, [ACTS])
    database(app).engine.dispose()
    wrong, said_by = [], set()
    for command in COMMANDS:
        for more in ([], ["--json"]):
            words = [
                *command.split(),
                *more,
                "--state-dir",
                str(tmp_path),
                "--database",
                f"sqlite:///{tmp_path}/t.db",
            ]
            status = main(words)
            said = capsys.readouterr()
            text = said.out + said.err
            acting = [c for c in text if not c.isprintable() and c != "\n"]
            if status > 1 or acting:
                wrong.append((command, more, status, acting[:5], said.err[:200]))
            if more:
                json.loads(said.out)
            if "plain" in text:
                said_by.add(command)
    assert not wrong, "\n".join(map(str, wrong))
    assert len(said_by) >= 6, "the texts were there to be shown"


@pytest.mark.parametrize("text", [ACTS, *STRINGS[::10]])
def test_no_text_begins_a_line_of_the_log(text: str) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(log.OneLine("%(levelname)s %(message)s"))
    logger = logging.Logger("hostile")
    logger.addHandler(handler)
    logger.warning("refused: %s", text)
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("failed on %s", text)
    lines = written.getvalue().splitlines()
    assert [line for line in lines if not line.startswith("    ")] == [
        f"WARNING refused: {log.escaped(text)}",
        f"ERROR failed on {log.escaped(text)}",
    ]
    assert all(line.isprintable() for line in lines)
