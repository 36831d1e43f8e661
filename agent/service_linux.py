"""The same words under systemd. `install` puts the unit that comes with the agent in place; packages bring their own."""

import os
import sys
from pathlib import Path
from typing import Any, Final, Literal

from agent import commands
from agent.commands import Finished
from agent.exits import Exit, Stop
from agent.probe import Unavailable

UNIT: Final = "tocsin-agent.service"
# A distribution's package owns /usr/lib/systemd; /etc is the administrator's.
_OURS: Final = Path("/etc/systemd/system") / UNIT
_PACKAGED: Final = (Path("/usr/lib/systemd/system") / UNIT, Path("/lib/systemd/system") / UNIT)
# systemd's own answer to "are you running?" (sd_booted)
_BOOTED: Final = Path("/run/systemd/system")
_IN_CHECKOUT: Final = Path(__file__).parent.parent / "deploy" / UNIT
_PROGRAM: Final = "/opt/tocsin/bin/tocsin-agent"  # as the unit names it
_SECONDS: Final = 60.0

Start = Literal["auto", "manual"]


def install(arguments: list[str], start: Start) -> str:
    if arguments:
        raise Stop(Exit.USAGE, "under systemd settings come from /etc/tocsin/agent.toml, not from flags")
    _require_systemd()
    _require_root()
    if not any(path.exists() for path in _PACKAGED):
        text = unit(Path(sys.argv[0]))
        if not _OURS.exists() or _OURS.read_text(encoding="utf-8") != text:
            _OURS.write_text(text, encoding="utf-8")
        _systemctl("daemon-reload")
    _systemctl("enable" if start == "auto" else "disable", UNIT)
    return f"{UNIT} is installed, start {start}"


def unit(program: Path) -> str:
    """The unit, starting `program` where that is not where the unit says."""
    carried = Path(__file__).parent / UNIT  # in a wheel; in a checkout it lies in deploy/
    text = (carried if carried.exists() else _IN_CHECKOUT).read_text("utf-8")
    here = program.absolute()
    return text.replace(_PROGRAM, str(here)) if here.name == "tocsin-agent" else text


def start() -> str:
    _require_systemd()
    _require_installed()
    _systemctl("start", UNIT)
    if not status()["running"]:
        # The unit's condition: not enrolled is no failure to systemd, but nothing runs either.
        raise Stop(Exit.PROBLEM, "it was not started: is this device enrolled? 'tocsin-agent doctor'")
    return f"{UNIT} is running"


def stop() -> str:
    _require_systemd()
    _require_installed()
    _systemctl("stop", UNIT)
    return f"{UNIT} is stopped"


def remove() -> str:
    _require_systemd()
    if not status()["installed"]:
        return f"{UNIT} is not installed"
    _require_root()
    _systemctl("disable", "--now", UNIT)
    if _OURS.exists():
        _OURS.unlink()
        _systemctl("daemon-reload")
    return f"{UNIT} is removed; credential and spool are kept"


def status() -> dict[str, Any]:
    _require_systemd()
    shown = _ask("show", "--property=LoadState,ActiveState,UnitFileState,ExecMainStatus", UNIT).output
    told = dict(line.partition("=")[::2] for line in shown.splitlines())
    installed = told.get("LoadState") == "loaded"
    return {
        "installed": installed,
        "running": told.get("ActiveState") == "active",
        "state": told.get("ActiveState", "unknown") if installed else "not installed",
        "exit_status": int(told.get("ExecMainStatus") or 0),
        "start": "auto" if told.get("UnitFileState") == "enabled" else "manual",
    }


def _require_systemd() -> None:
    if not _BOOTED.is_dir():
        raise Stop(
            Exit.PROBLEM, "systemd does not run on this device: start 'tocsin-agent run' with what does"
        )


def _require_root() -> None:
    if os.geteuid() != 0:
        raise Stop(Exit.PROBLEM, "only root may do this")


def _require_installed() -> None:
    if not status()["installed"]:
        raise Stop(Exit.PROBLEM, f"{UNIT} is not installed: tocsin-agent service install")


def _ask(*arguments: str) -> Finished:
    try:
        return commands.run("systemctl", "--no-pager", *arguments, limit_seconds=_SECONDS)
    except (Unavailable, TimeoutError) as error:
        raise Stop(Exit.PROBLEM, str(error)) from None


def _systemctl(*arguments: str) -> None:
    done = _ask(*arguments)
    if done.status != 0:
        words = done.errors.strip().splitlines()[-1:] or [
            f"systemctl {arguments[0]} ended with {done.status}"
        ]
        raise Stop(Exit.PROBLEM, words[0])
