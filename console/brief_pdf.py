"""Briefs as PDF: the saved page, handed to a child process with limits (typeset.py). Needs the extra [pdf] and Pango."""

import contextlib
import ctypes.util
import importlib.util
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

PACKAGE: Final = (
    "PDF needs the extra [pdf]: install tocsin[pdf] where the console runs, and start the console again."
)
LIBRARY: Final = (
    "PDF needs the library Pango: install it where the console runs (Debian and Ubuntu: libpangoft2-1.0-0), and start "
    "the console again."
)
ELSEWHERE: Final = (
    "PDF is made on Linux only: elsewhere the process that makes it cannot be held within limits."
)
_MISSING: Final = 3  # how typeset.py ends where something is not installed
_PACKAGE_NAME: Final = "weasyprint"
_LOOK_SECONDS: Final = 0.1


class Missing(Exception):
    """Something is not installed; the text says what."""


class Busy(Exception):
    """As many as may be made at once are being made."""


class Failed(Exception):
    """It crashed, hung, or went beyond its limits. Nothing of it is left running."""


@dataclass(kw_only=True)
class Press:
    """Makes PDF, at most `most` at once on this state directory, by whichever worker of the console."""

    state_dir: Path
    program: Sequence[str] = (sys.executable, "-I", str(Path(__file__).with_name("typeset.py")))
    seconds: float = 20
    wait_seconds: float = 3  # for a place
    most: int = 2
    _missing: str | None = field(default=None, init=False)

    @property
    def missing(self) -> str:
        """What must be installed first, in a sentence; empty: PDF can be had, as far as can be seen without trying."""
        if self._missing is None:
            if not sys.platform.startswith("linux"):
                self._missing = ELSEWHERE
            elif importlib.util.find_spec(_PACKAGE_NAME) is None:
                self._missing = PACKAGE
            else:
                self._missing = "" if ctypes.util.find_library("pangoft2-1.0") else LIBRARY
        return self._missing

    def pdf(self, page: str) -> bytes:
        """Of one HTML page that needs nothing else. Raises Missing, Busy, Failed."""
        if self.missing:
            raise Missing(self.missing)
        with self._place() as place:
            return self._made(page.encode(), place)

    @contextlib.contextmanager
    def _place(self) -> Iterator[int]:
        """One of `most` locks. The child holds it too: a worker that is killed leaves no place taken for nothing."""
        import fcntl  # not there on Windows, where this file is imported too

        until = time.monotonic() + self.wait_seconds
        while True:
            for number in range(self.most):
                place = os.open(
                    self.state_dir / f"pdf-{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
                )
                try:
                    fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    os.close(place)
                    continue
                try:
                    yield place
                finally:
                    os.close(place)
                return
            if time.monotonic() >= until:
                raise Busy
            time.sleep(_LOOK_SECONDS)

    def _made(self, page: bytes, place: int) -> bytes:
        child = subprocess.Popen(
            self.program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            # None of ours: where the database is, and with what word, is no business of it.
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"}, cwd="/", start_new_session=True, pass_fds=(place,),
        )  # fmt: skip
        try:
            made, said = child.communicate(page, timeout=self.seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"took longer than {self.seconds:g} s") from None
        finally:
            if child.returncode is None:
                os.killpg(child.pid, signal.SIGKILL)  # it, and whatever it may have started
                child.communicate()
        words = said.decode(errors="replace").strip()[-200:]
        if child.returncode == _MISSING:
            self._missing = PACKAGE if "ModuleNotFoundError" in words else LIBRARY
            logger.error("pdf: %r", words)
            raise Missing(self._missing)
        if child.returncode != 0 or not made.startswith(b"%PDF-"):
            raise Failed(f"ended with {child.returncode}: {words!r}")
        if words:
            logger.warning("pdf: %r", words)
        return made
