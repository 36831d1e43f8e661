"""Briefs as PDF: on so many pages, with nothing in them that acts, made by a child process that can be counted on to end."""

import fcntl
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from flask import Flask

from console import brief_pdf
from console.brief_pdf import Busy, Failed, Missing, Press
from tests.console import rows, world
from tests.console.conftest import database, make_app, signed_in
from tests.console.hostile import STRINGS
from tests.console.pdf_text import Pdf

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PDF is made on Linux only"),
]
SITE, DEVICE = f"/sites/{quote(world.COURT)}/brief", "/devices/0c7be3a9d4f15862/brief"
HERE = Path(brief_pdf.__file__).with_name("typeset.py")
# What a PDF could do beside being read.
ACTS = {
    "JavaScript", "JS", "Launch", "URI", "EmbeddedFile", "EmbeddedFiles", "SubmitForm", "ImportData", "GoToR", "GoToE",
    "OpenAction", "AA", "Annots", "AcroForm", "RichMedia", "Movie", "Sound", "Rendition",
}  # fmt: skip


def press(app: Flask) -> Press:
    found: Press = app.extensions["press"]
    return found


def other(tmp_path: Path, *program: str, **limits: float) -> Press:
    """With another program in place of the typesetter."""
    return Press(state_dir=tmp_path, program=program, **limits)  # type: ignore[arg-type]


class Made(NamedTuple):
    app: Flask
    pdf: Pdf
    complaints: list[str]  # of the typesetter, as they stand in the log


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> Iterator[Made]:
    """Thirty devices with something open; each text of hostile.py stands in a name, and all of them in findings."""
    app = make_app(tmp_path_factory.mktemp("pdf"))
    with database(app).writer() as session, session.begin():
        world.build(session, now)
        session.flush()
        texts = [" ".join(text.split()) for text in STRINGS if text.strip()]
        for number in range(27):
            id = f"{0xB0 + number:016x}"
            one, two, three = (texts[(number + step) % len(texts)] for step in (0, 27, 54))
            rows.device(session, id, one[:38], now, room=two[:38], model=three[:30], maker="", asset_tag=f"TC-{number:04}", system_serial=f"SN{number:05}", worst_severity="critical", open_findings=2)  # fmt: skip
            rows.section(session, id, "disks", {one: {"model": one, "serial": two, "location": three}}, now)
            rows.probe(session, id, one[:60], now, [], "failed", two)
            for each, said in enumerate((two, three)):
                rows.finding(session, id, f"m{each}", f"rule_{each}", now, component=one, label=one, severity="critical", summary=said, texts={"meaning": said, "advice": said, "bring": said})  # fmt: skip
            rows.ticket(session, id, f"{number:032x}", 2000 + number, three, now)
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    brief_pdf.logger.addHandler(handler)
    answer = signed_in(app).get(f"{SITE}?pdf=1&paper=letter")
    brief_pdf.logger.removeHandler(handler)
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="brief.pdf"'
    yield Made(app, Pdf(answer.data), heard)
    database(app).engine.dispose()


# what is in it


def test_a_site_of_thirty_devices_is_at_most_three_pages(site: Made) -> None:
    assert 1 <= site.pdf.pages <= 3


def test_it_holds_tickets_and_serials(site: Made) -> None:
    text = site.pdf.text
    for number in range(27):
        assert str(2000 + number) in text and f"SN{number:05}" in text
    assert "somebodymustgo" in text and "1041" in text and f"1of{site.pdf.pages}" in text


def test_nothing_in_it_acts(site: Made) -> None:
    assert site.pdf.names & ACTS == set()
    assert {"Page", "Catalog", "Font"} <= site.pdf.names, "the names were read"


def test_what_devices_said_stands_there_as_they_said_it(site: Made) -> None:
    shown = _bare(site.pdf.text)
    missing = [text for text in STRINGS if _bare(text)[:24] not in shown]
    assert missing == []


def _bare(text: str) -> str:
    """Without space, and without what no glyph is drawn for."""
    return "".join(c for c in text if c.isprintable() and not c.isspace() and c not in "\u00ad\U0001f512")


def test_the_reader_would_see_a_link_and_a_file(tmp_path: Path) -> None:
    """The check above is worth something only if it can fail."""
    made = Pdf(Press(state_dir=tmp_path).pdf('<a href="https://evil.example/">click</a><p>plain</p>'))
    assert {"URI", "Annots"} <= made.names
    assert "plain" in made.text


@pytest.mark.parametrize("path", [DEVICE, SITE])
def test_the_paper_can_be_chosen(site: Made, path: str) -> None:
    text = signed_in(site.app).get(path).text
    assert "pdf=1&amp;paper=letter" in text and "pdf=1&amp;paper=a4" in text


# what the child may do


def test_it_fetches_nothing_opens_no_file_and_asks_no_port(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "secret.css").write_text("p::before { content: 'SECRET' }")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.2)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        page = f'<link rel="stylesheet" href="{(tmp_path / "secret.css").as_uri()}"><img src="{address}/x.png"><style>@import "{address}/y.css"; p {{ background: url({address}/z) }}</style><p>here</p>'
        made = Pdf(Press(state_dir=tmp_path).pdf(page))
        with pytest.raises(TimeoutError):
            listener.accept()
    assert made.text == "here"
    assert "refused to fetch 4" in caplog.text


def test_a_page_of_ours_makes_it_fetch_nothing(site: Made) -> None:
    assert site.complaints == []


def test_it_knows_nothing_of_the_consoles_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_DATABASE", "postgresql://secret")
    told = "import os, sys; sys.stdin.read(); print('%PDF-', dict(os.environ), os.getcwd())"
    said = other(tmp_path, sys.executable, "-I", "-c", told).pdf("x").decode()
    assert "secret" not in said and said.endswith("/\n")


def test_it_ends_when_its_memory_is_used_up(tmp_path: Path) -> None:
    code = f"import runpy, sys; sys.modules['weasyprint'] = 0; m = runpy.run_path({str(HERE)!r}); m['main'](); b = bytearray(2**31)"
    with pytest.raises(Failed, match="MemoryError"):
        other(tmp_path, sys.executable, "-I", "-c", code).pdf("x")


# when it goes wrong


def test_one_that_hangs_is_stopped_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = f"import os, subprocess; c = subprocess.Popen(['sleep', '600']); open({str(file)!r}, 'w').write(str(c.pid)); c.wait()"
    with pytest.raises(Failed, match="longer than"):
        other(tmp_path, sys.executable, "-I", "-c", code, seconds=2).pdf("x")
    assert not _runs(int(file.read_text()))


def _runs(pid: int) -> bool:
    """A child of a child that was killed may wait for somebody to ask after it: then it runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    "program",
    [("false",), ("echo", "no PDF"), (sys.executable, "-I", "-c", "import os; os.abort()"), ("true",)],
)
def test_one_that_crashes_or_says_something_else_has_failed(tmp_path: Path, program: Sequence[str]) -> None:
    with pytest.raises(Failed):
        other(tmp_path, *program).pdf("x" * 200_000)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[tuple[Path, Sequence[str]]]:
    """A program that says it runs, and makes its PDF once the file is there; at the end it is there in any case."""
    file = tmp_path / "gate"
    code = (
        f"import os, time\nopen({str(tmp_path)!r} + f'/runs-{{os.getpid()}}', 'w').close()\n"
        f"while not os.path.exists({str(file)!r}): time.sleep(0.02)\nprint('%PDF-')"
    )
    yield file, (sys.executable, "-I", "-c", code)
    file.touch()


def test_two_at_once_are_made_and_a_third_is_told_to_come_again(
    tmp_path: Path, gate: tuple[Path, Sequence[str]]
) -> None:
    busy = other(tmp_path, *gate[1], wait_seconds=0.1)
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(busy.pdf, "x") for _ in range(2)]
        _until_running(tmp_path, 2)
        # Another worker of the console is another process: it shares the places.
        for third in (busy, Press(state_dir=tmp_path, wait_seconds=0)):
            with pytest.raises(Busy):
                third.pdf("x")
        waiting = pool.submit(other(tmp_path, *gate[1], wait_seconds=30).pdf, "x")
        gate[0].touch()
        assert all(one.result() == b"%PDF-\n" for one in (*both, waiting)), (
            "one that waits gets the next place"
        )
    assert not _held(tmp_path, 0) and not _held(tmp_path, 1)


def _until_running(directory: Path, programs: int) -> None:
    """Not by asking for their places: that takes one for a moment, and they would take another."""
    while len(list(directory.glob("runs-*"))) < programs:
        time.sleep(0.02)


def _held(directory: Path, number: int) -> bool:
    file = os.open(directory / f"pdf-{number}.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


# what people see of it


def test_without_the_package_the_route_names_it_and_the_button_is_gone(app: Flask) -> None:
    client = signed_in(app)
    assert "pdf=1" in client.get(DEVICE).text
    # A Python that sees no packages: as far as could be seen without trying, all was there.
    app.extensions["press"] = Press(state_dir=press(app).state_dir, program=(sys.executable, "-I", "-S", str(HERE)))  # fmt: skip
    answer = client.get(f"{DEVICE}?pdf=1")
    assert answer.status_code == 501
    assert "install tocsin[pdf]" in answer.text and f'href="{DEVICE}"' in answer.text
    assert "pdf=1" not in client.get(DEVICE).text
    with pytest.raises(Missing):
        press(app).pdf("x")


def test_without_pango_the_library_is_named(tmp_path: Path) -> None:
    code = f"import sys; sys.stderr.write('OSError: cannot load library'); sys.exit({brief_pdf._MISSING})"
    lacking = other(tmp_path, sys.executable, "-I", "-c", code)
    with pytest.raises(Missing, match="libpangoft2"):
        lacking.pdf("x")


@pytest.mark.parametrize(
    ("program", "words", "again"),
    [(("false",), "The PDF could not be made", None), ((), "Other PDFs are being made", "5")],
)
def test_what_went_wrong_is_said_in_words_and_the_page_can_still_be_printed(
    app: Flask, program: Sequence[str], words: str, again: str | None
) -> None:
    at = press(app).state_dir
    app.extensions["press"] = Press(state_dir=at, program=program, most=1 if program else 0, wait_seconds=0)
    answer = signed_in(app, "viewer").get(f"{DEVICE}?pdf=1")
    assert answer.status_code == 503
    assert words in answer.text and "can be printed, or saved as one file" in answer.text
    assert answer.headers.get("Retry-After") == again


def test_no_connection_to_the_database_is_held_while_it_is_made(
    app: Flask, gate: tuple[Path, Sequence[str]], tmp_path: Path
) -> None:
    at = press(app).state_dir
    app.extensions["press"] = other(at, *gate[1])
    client, pool = signed_in(app), database(app).engine.pool
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(client.get, f"{DEVICE}?pdf=1")
        _until_running(tmp_path, 1)
        held = pool.checkedout()  # type: ignore[attr-defined]
        gate[0].touch()
        assert asked.result().status_code == 200
    assert held == 0
