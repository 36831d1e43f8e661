"""Renews the certificate at half its life, in a process of its own: only that one loads cryptography."""

import contextlib
import logging
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent import identity
from agent.clock import Clock
from agent.runner import NO_WINDOW
from agent.status import Board

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 60.0
_AGAIN_SECONDS: Final = 3600.0
_LIMIT_SECONDS: Final = 120.0


class Renewal:
    """`turn` is called often and never waits."""

    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        on_renewed: Callable[[], None],
        board: Board,
        command: list[str] | None = None,
    ) -> None:
        self._state_dir, self._clock, self._on_renewed, self._board = state_dir, clock, on_renewed, board
        self._command = command or identity.own_command("--state-dir", str(state_dir), "renew")
        self._process: subprocess.Popen[bytes] | None = None
        self._began_at = 0.0
        self._look_at = float("-inf")

    def hurry(self) -> None:
        """The collector asks for a renewal now."""
        if self._process is None:
            self._start()

    def turn(self) -> None:
        tick = self._clock.tick()
        if self._process is not None:
            self._attend(tick)
        elif tick >= self._look_at:
            self._look_at = tick + _LOOK_SECONDS
            with contextlib.suppress(identity.NoCredential):
                # An expired certificate too: the collector takes it for 90 days. A clock that is wrong
                # costs a useless renewal an hour, never the credential.
                if self._clock.now() >= identity.load(self._state_dir).renew_at:
                    self._start()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start(self) -> None:
        log.info("renewing the certificate")
        self._began_at = self._clock.tick()
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
                creationflags=NO_WINDOW,
            )  # fmt: skip
        except OSError as error:
            self._failed(f"renewal: {error}")

    def _attend(self, tick: float) -> None:
        process = self._process
        if process is None:
            return
        status = process.poll()
        if status is None and tick - self._began_at > _LIMIT_SECONDS:
            process.kill()
            status = process.wait()
        if status is None:
            return
        self._process = None
        if status == 0:
            log.info("the certificate was renewed")
            self._on_renewed()
        else:
            self._failed(f"the certificate could not be renewed (exit status {status}), next try in an hour")

    def _failed(self, text: str) -> None:
        log.warning("%s", text)
        self._board.error(text, self._clock.now())
        self._look_at = self._clock.tick() + _AGAIN_SECONDS
