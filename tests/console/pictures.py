"""Pictures of every page, as every role and in every look, for people to leaf through: python -m tests.console.pictures FOLDER"""

import argparse
import html
import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

from collector.roles import ROLES
from console import access
from tests.console import walk
from tests.console.conftest import database, make_app, signed_in
from tests.console.test_browser import QUIET, keep_picture

_PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": _PHONE | {"color_scheme": "light"},
    "phone-dark": _PHONE | {"color_scheme": "dark"},
    "print": {"viewport": {"width": 720, "height": 1000}, "color_scheme": "light"},  # A4 less its margins
}
_INDEX = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Pictures of Tocsin</title>
<style>body {{ font: 14px/20px system-ui, sans-serif; margin: 24px; color-scheme: light dark }}
section {{ display: flex; gap: 16px; overflow-x: auto; align-items: start; border-bottom: 1px solid #8888; padding: 8px 0 16px }}
figure {{ margin: 0; flex: none }} img {{ width: 320px; border: 1px solid #8888 }}</style>
<h1>Every page, {at}</h1>{pages}</html>"""


@contextmanager
def served(folder: Path, now: datetime) -> Iterator[tuple[Flask, str]]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = make_app(folder)
    with database(app).writer() as session, session.begin():
        walk.build(session, now)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield app, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    database(app).engine.dispose()


def wanted(app: Flask, names: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """(role, look, name, path). What the other roles see differs in its buttons: once in light is enough."""
    pages = {name: path for name, path in walk.PAGES.items() if not names or name in names}
    yield from (("", "light", name, path) for name, path in pages.items() if name == "sign-in")
    for role in reversed(ROLES):
        for look in LOOKS if role == ROLES[-1] else ("light",):
            for name, path in pages.items():
                if name != "sign-in" and access.allows(role, walk.endpoint(app, path)):
                    yield role, look, name, path


def take(
    app: Flask, address: str, browser: Browser, folder: Path, names: list[str]
) -> list[tuple[str, Path]]:
    """One context for each role and look. (page, picture) of each."""
    taken, context, page, now_in = [], None, None, None
    every = list(wanted(app, names))
    for number, (role, look, name, path) in enumerate(every, start=1):
        if (role, look) != now_in or context is None or page is None:
            if context is not None:
                context.close()
            context, now_in = browser.new_context(**LOOKS[look]), (role, look)
            cookie = signed_in(app, role).get_cookie("tocsin") if role else None
            if cookie is not None:
                context.add_cookies([{"name": "tocsin", "value": cookie.value, "url": address}])
            page = context.new_page()
            page.emulate_media(media="print" if look == "print" else "screen")
        page.goto(f"{address}{path}")
        file = folder / f"{name}-{role or 'nobody'}-{look}.png"
        keep_picture(page, file, whole=True)
        taken.append((name, file))
        if sys.stderr.isatty() or number == len(every):
            print(
                f"\r\x1b[K{number} of {len(every)} pictures: {file.name}", end="", file=sys.stderr, flush=True
            )
    print(file=sys.stderr)
    return taken


def leaves(taken: list[tuple[str, Path]], now: datetime) -> str:
    pages = ""
    for page in dict.fromkeys(name for name, _ in taken):
        figures = "".join(
            f'<figure><figcaption>{html.escape(file.stem.removeprefix(page + "-"))}</figcaption><a href="{file.name}"><img src="{file.name}" alt="" loading="lazy"></a></figure>'
            for name, file in taken
            if name == page
        )
        pages += f"<h2>{html.escape(page)}</h2><section>{figures}</section>"
    return _INDEX.format(at=f"{now:%Y-%m-%d %H:%M} UTC", pages=pages)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path, nargs="?", default=Path("var/pictures"))
    asked.add_argument("names", nargs="*", help=f"only these pages: {', '.join(walk.PAGES)}")
    given = asked.parse_args()
    folder, now = given.folder, datetime.now(UTC).replace(microsecond=0)
    folder.mkdir(parents=True, exist_ok=True)
    path = os.environ.get("TOCSIN_CHROMIUM") or shutil.which("chromium")
    with (
        tempfile.TemporaryDirectory() as state,
        served(Path(state), now) as (app, address),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=list(QUIET))
        taken = take(app, address, browser, folder, given.names)
        browser.close()
    (folder / "index.html").write_text(leaves(taken, now), encoding="utf-8")
    print(f"{len(taken)} pictures; leaf through them: {folder / 'index.html'}")


if __name__ == "__main__":
    main()
