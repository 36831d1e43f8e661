"""A real chromium signs in through a provider on another host: cookies, policy and redirects as browsers take them."""

import threading
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from werkzeug.serving import make_server

from console import create_app
from console.config import Config
from tests.console.conftest import database
from tests.console.identity_provider import CLIENT, SECRET, served
from tests.console.test_browser import SHOTS, Watched, browser, keep_picture, reports

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
__all__ = ["browser"]  # a fixture


def test_a_browser_signs_in_by_the_provider_and_out_again(
    tmp_path: Path, files: dict[str, Path], browser: Browser
) -> None:
    (tmp_path / "t.db").write_bytes(files["world"].read_bytes())
    (tmp_path / "secret").write_text(SECRET)
    with served() as idp:
        idp.asks = True
        app = create_app(
            Config(
                state_dir=tmp_path, database=f"sqlite:///{tmp_path}/t.db", oidc_issuer=idp.issuer, oidc_client_id=CLIENT,
                oidc_client_secret_file=str(tmp_path / "secret"), oidc_groups={"Tocsin.Technician": "technician"}, oidc_title="Tulsa County",
            )
        )  # fmt: skip
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        address = f"http://localhost:{server.server_port}"  # another site than 127.0.0.1
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        watched = Watched(context)
        page = watched.page
        try:
            page.goto(f"{address}/tickets?state=any")
            SHOTS.mkdir(exist_ok=True)
            keep_picture(page, SHOTS / "light-sign-in-provider.png", whole=False)
            page.click("text=Sign in with Tulsa County")
            page.wait_for_url(f"{idp.issuer}/authorize?*")
            page.click("#go")
            page.wait_for_url(f"{address}/tickets?state=any")
            expect(page.locator(".who a")).to_have_text("ada@court.example")
            page.click("text=Sign out")
            page.click("text=sign out of Tulsa County")
            page.wait_for_url(f"{idp.issuer}/leave?*")
            page.goto(f"{address}/tickets")
            expect(page.locator("input[name=password]")).to_have_count(1)
            assert watched.complaints == []
            assert reports(app) == 0
        finally:
            context.close()
            server.shutdown()
            thread.join()
            server.server_close()
            database(app).engine.dispose()
