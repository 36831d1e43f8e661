"""What a newcomer types: `make run` with a small fleet, the first sign-in, and Ctrl-C."""

import http.cookiejar
import re
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.conftest import REPOSITORY, free_port
from tests.end_to_end.running import eventually

pytestmark = pytest.mark.xdist_group("heavy")


class Browser:
    """Enough of one to sign in and read."""

    def __init__(self, base: str) -> None:
        self._base = base
        jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    def get(self, path: str) -> str:
        with self._opener.open(self._base + path, timeout=10) as answer:
            return str(answer.read().decode())

    def post(self, path: str, **form: str) -> str:
        body = urllib.parse.urlencode(form).encode()
        with self._opener.open(self._base + path, data=body, timeout=10) as answer:
            return str(answer.read().decode())


def test_one_command_shows_this_machine_and_a_fleet_and_stops_without_a_trace(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("wb") as out:
        run = subprocess.Popen(
            [sys.executable, "-m", "deploy.run", "--directory", str(tmp_path / "var"), "--fleet", "6",
             "--console-port", str(free_port())],
            cwd=REPOSITORY, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        eventually(lambda: "Ctrl-C" in output.read_text() or run.poll() is not None, 60, "ready")
        words = output.read_text()
        assert run.poll() is None, words
        url = re.search(r"Console +(\S+)", words)
        sign_in = re.search(r"Sign in +(\S+) +(\S+)", words)
        assert url and sign_in, words

        browser = Browser(url[1])
        form = browser.get("/sign-in")
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
        assert token
        browser.post("/sign-in", csrf_token=token[1], name=sign_in[1], password=sign_in[2])

        # This machine and six more; each has said what it is running.
        eventually(lambda: browser.get("/devices.csv").count("\n") >= 8, 90, "seven devices")
        name = Path("/proc/sys/kernel/hostname").read_text().strip()
        assert name in browser.get("/devices")
        parts = psutil.Process(run.pid).children(recursive=True)
        assert len(parts) >= 4
    finally:
        run.send_signal(signal.SIGINT)
        run.wait(60)
    assert run.returncode == 0
    assert [part for part in parts if part.is_running() and part.status() != psutil.STATUS_ZOMBIE] == []
