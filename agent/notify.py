"""A word to systemd: READY, WATCHDOG, STATUS, STOPPING. Without systemd, nothing happens."""

import contextlib
import os
import socket


def tell(*lines: str) -> None:
    """Send `lines` ("READY=1", "STATUS=…") to the service manager, if there is one."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address or not hasattr(socket, "AF_UNIX"):
        return
    if address.startswith("@"):  # Linux's abstract namespace
        address = "\0" + address[1:]
    # systemd may be away for a moment while it re-executes itself: the next word arrives.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as word:
        word.connect(address)
        word.sendall("\n".join(lines).encode())


def watchdog_seconds() -> float | None:
    """How often WATCHDOG=1 is due: half of what the unit allows; None when nobody watches."""
    allowed = os.environ.get("WATCHDOG_USEC", "")
    watched = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not allowed.isdigit() or watched != str(os.getpid()):
        return None
    return int(allowed) / 2_000_000
