"""Run a program of the system: found on PATH, no shell, C locale, time limit, its whole family ended.

Names given here are literals of the probes; no text from the network ever becomes an argument.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.probe import Place, Unavailable

# A service's PATH may lack them, and smartctl and dmidecode live there; on Windows its installer sets no PATH.
_SBIN = (
    ("/usr/sbin", "/sbin", "/usr/local/sbin")
    if os.name == "posix"
    else (os.environ.get("PROGRAMFILES", r"C:\Program Files") + r"\smartmontools\bin",)
)
# What lies here is this machine's own, and tells of this machine.
_SYSTEM = frozenset((*_SBIN, "/usr/bin", "/bin", "/usr/local/bin", "/snap/bin", "/run/current-system/sw/bin"))
# Without these a program of Windows may not even start.
_NEEDED = ("SYSTEMROOT", "COMSPEC", "PATHEXT")
_OUTPUT_LIMIT = 64 * 1024 * 1024  # 50,000 packages are 5 MB


@dataclass(frozen=True, slots=True)
class Finished:
    status: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a program is run as: numbers, for nobody's name is looked up."""

    uid: int
    gid: int


def find(program: str) -> str | None:
    """The absolute path of `program`, or None."""
    if os.name == "nt":
        return _find_on_windows(program)
    return shutil.which(program) or shutil.which(program, path=os.pathsep.join(_SBIN))


def _find_on_windows(program: str) -> str | None:
    """shutil.which looks into the current directory first, where anybody may have put a program."""
    endings = os.environ.get("PATHEXT", ".COM;.EXE;.BAT;.CMD").split(";")
    for directory in (*os.environ.get("PATH", "").split(os.pathsep), *_SBIN):
        place = Path(directory.strip('"'))
        if not place.is_absolute():
            continue
        for ending in endings:
            candidate = place / f"{program}{ending.lower()}"
            if candidate.is_file():
                return str(candidate)
    return None


def why_not(place: Place, program: str) -> str | None:
    """Why `program` cannot answer for the device at `place`; None: it can (docs/adr/0009).

    Where a captured tree is read, one that was put on PATH outside the system's directories is that
    device's voice.
    """
    path = find(program)
    if not place.is_live and (path is None or str(Path(path).parent) in _SYSTEM):
        return f"a captured tree is read: {program} would tell of another machine"
    return None if path else f"no {program} on this device"


def run(
    program: str,
    *arguments: str,
    limit_seconds: float,
    ok: tuple[int, ...] | None = None,
    account: Account | None = None,
    variables: Mapping[str, str] | None = None,
) -> Finished:
    """Run to its end; as `account` with that one group alone, and with `variables` beside the few it always has.

    Raises Unavailable when there is no such program, TimeoutError when the limit passed (the process group
    is killed first), RuntimeError when `ok` is given and the exit status is not among it, and PermissionError
    when we may not become that account.
    """
    path = find(program)
    if path is None:
        raise Unavailable(f"no {program} on this device")
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "LANG": "C",
        "HOME": os.environ.get("HOME", "/"),
        **{name: os.environ[name] for name in _NEEDED if os.name == "nt" and name in os.environ},
        **(variables or {}),
    }
    # Who is that account already has nothing to change, and mostly no right to.
    switch = account if account is not None and account.uid != _own_uid() else None
    process = subprocess.Popen(
        [path, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # so that its children can be ended with it
        cwd="/",
        user=switch.uid if switch else None,
        group=switch.gid if switch else None,
        extra_groups=() if switch else None,
    )
    try:
        output, errors = process.communicate(timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        end_family(process)
        raise TimeoutError(f"{program} did not answer within {limit_seconds:g} s") from None
    text = output[:_OUTPUT_LIMIT].decode("utf-8", "replace")
    words = errors[:65536].decode("utf-8", "replace")
    if ok is not None and process.returncode not in ok:
        last = words.strip().splitlines()[-1:] or text.strip().splitlines()[-1:] or [""]
        raise RuntimeError(f"{program} exited with {process.returncode}: {last[0][:200]}")
    return Finished(process.returncode, text, words)


def _own_uid() -> int | None:
    return os.geteuid() if sys.platform != "win32" else None


def end_family(process: subprocess.Popen[bytes]) -> None:
    """Kill a child and everything it started; give up on one that the kernel will not let go."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):  # another account's, and we may not end it
        pass
    try:
        process.communicate(timeout=2)
    except subprocess.TimeoutExpired:
        # In uninterruptible sleep (a dying disk): it cannot be waited for without hanging with it.
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
