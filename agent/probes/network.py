"""The way out of this network, and whether what the room's programs talk to can be reached.

Source: room.toml for the targets: a connection is opened and closed, nothing is sent. The default route: Linux /proc/net/route and ipv6_route with the state of the interface below /sys/class/net, Windows Win32_NetworkAdapterConfiguration.
Rights: none.
Cost: as long as the slowest target takes to answer, for all of them together at most 4.5 s; 1 ms of work, on Windows 0.2 s of WMI.
Unavailable: no table of routes can be read and no target is listed.

A target that is not reached says why in one of a few words, never with what the system said. The time is with the name
looked up, as a program would wait. A route over an interface without a cable is none.
"""

import errno
import queue
import re
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from agent.probe import Place, Taken, Unavailable, item, reading
from agent.probes import kernel_files
from agent.room import Target

LIMIT_SECONDS: Final = 4.0
REACHED: Final = ""
NO_NAME, NO_NAME_SERVER, REFUSED, TIMED_OUT, NO_ROUTE, FAILED = (
    "name not found",
    "name server does not answer",
    "refused",
    "timed out",
    "no route",
    "failed",
)
_WORDS: Final = {
    errno.ECONNREFUSED: REFUSED,
    errno.ETIMEDOUT: TIMED_OUT,
    errno.ENETUNREACH: NO_ROUTE,
    errno.EHOSTUNREACH: NO_ROUTE,
    errno.ENETDOWN: NO_ROUTE,
    errno.EADDRNOTAVAIL: NO_ROUTE,  # no address of this kind here
    errno.EAFNOSUPPORT: NO_ROUTE,
    10060: TIMED_OUT, 10061: REFUSED, 10051: NO_ROUTE, 10065: NO_ROUTE, 10049: NO_ROUTE,  # Windows' own numbers
}  # fmt: skip
_UP, _REJECT = 0x1, 0x200  # flags of a route
_DOWN: Final = ("down", "lowerlayerdown", "notpresent")


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    error: str  # empty: it was reached
    seconds: float
    own_address: str | None = None  # from which of this device's addresses


def read(place: Place) -> Taken:
    targets = place.room.targets if place.room is not None else ()
    remarks = [place.room.problem] if place.room is not None and place.room.problem else []
    result = Taken()
    try:
        ways = _ways_on_windows(place) if place.is_windows else _ways(place)
        result.readings.append(reading("default_gateway_state", bool(ways), label=" ".join(ways)))
    except Unavailable as reason:
        if not targets:
            raise
        remarks.append(f"default route: {reason}")
    if targets and not place.is_live:
        remarks.append("a captured tree is read: this machine's connections would tell of another")
    elif targets:
        _take(targets, result)
    result.reason = "; ".join(remarks)
    return result


def _take(targets: Iterable[Target], result: Taken) -> None:
    rows = result.sections.setdefault("network_targets", [])
    interfaces = _interfaces()
    for target, attempt in attempts(targets):
        reached = attempt.error == REACHED
        result.readings.append(reading("network_target_reachable_state", reached, target.name))
        if reached:
            result.readings.append(reading("network_target_connect_seconds", attempt.seconds, target.name))
        rows.append(
            item(
                target.name,
                host=target.host,
                port=target.port,
                interface=interfaces.get(attempt.own_address or ""),
                last_error=attempt.error or None,
            )
        )


def attempts(targets: Iterable[Target], limit_seconds: float = LIMIT_SECONDS) -> list[tuple[Target, Attempt]]:
    """All at once. A look-up cannot be broken off, so none is waited for longer than the limit."""
    wanted = list(targets)
    done: queue.SimpleQueue[tuple[int, Attempt]] = queue.SimpleQueue()
    deadline = time.monotonic() + limit_seconds
    for number, target in enumerate(wanted):
        threading.Thread(
            target=lambda number=number, target=target: done.put((number, attempt(target, deadline))),
            daemon=True,
        ).start()
    found: dict[int, Attempt] = {}
    while len(found) < len(wanted):
        try:
            number, one = done.get(timeout=max(0.0, deadline - time.monotonic()) + 0.5)
        except queue.Empty:
            break
        found[number] = one
    late = Attempt(error=TIMED_OUT, seconds=limit_seconds)
    return [(target, found.get(number, late)) for number, target in enumerate(wanted)]


def attempt(target: Target, deadline: float) -> Attempt:
    """Open a connection and close it. Of several addresses each has its share of the time."""
    began = time.monotonic()
    error, own = FAILED, None
    try:
        addresses = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        again = isinstance(problem, socket.gaierror) and problem.errno == socket.EAI_AGAIN
        return Attempt(error=NO_NAME_SERVER if again else NO_NAME, seconds=time.monotonic() - began)
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        left = deadline - time.monotonic()
        if left <= 0:
            return Attempt(error=TIMED_OUT, seconds=time.monotonic() - began, own_address=own)
        try:
            with socket.socket(family, kind, protocol) as tried:
                tried.settimeout(left / (len(addresses) - number))
                tried.connect(address)
                own = str(tried.getsockname()[0])
                return Attempt(error=REACHED, seconds=time.monotonic() - began, own_address=own)
        except OSError as problem:
            told = word(problem)
            # Most networks have no way for IPv6: that is not why the other address failed.
            error = error if told == NO_ROUTE and error != FAILED else told
    return Attempt(error=error, seconds=time.monotonic() - began, own_address=own)


def word(problem: OSError) -> str:
    if isinstance(problem, TimeoutError):
        return TIMED_OUT
    return _WORDS.get(problem.errno or 0, FAILED)


def _interfaces() -> dict[str, str]:
    """This device's interfaces by their addresses."""
    import psutil

    try:
        found = psutil.net_if_addrs()
    except OSError:
        return {}
    return {each.address.partition("%")[0]: name for name, all_of in found.items() for each in all_of}


def _ways(place: Place) -> list[str]:
    """The interfaces of default routes that are not down."""
    tables = [(parse_routes, "/proc/net/route"), (parse_routes6, "/proc/net/ipv6_route")]
    names: list[str] = []
    read_any = False
    for parse, path in tables:
        try:
            content = place.path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        read_any = True
        names += parse(content)
    if not read_any:
        raise Unavailable("/proc/net/route cannot be read")
    state = {name: kernel_files.text(place.path("/sys/class/net") / name / "operstate") for name in names}
    return [name for name in dict.fromkeys(names) if state[name] not in _DOWN]


def parse_routes(text: str) -> list[str]:
    """Interfaces of default routes in /proc/net/route: `eth0 00000000 0102A8C0 0003 0 0 100 00000000 0 0 0`."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[1] != "00000000" or fields[7] != "00000000":
            continue
        if _leads_out(fields[0], fields[3]):
            found.append(fields[0])
    return found


def parse_routes6(text: str) -> list[str]:
    """The same in /proc/net/ipv6_route, where the interface comes last. The one that refuses all lies on `lo`."""
    found = []
    for line in text.splitlines():
        fields = line.split()
        if (
            len(fields) == 10
            and fields[0] == "0" * 32
            and fields[1] == "00"
            and _leads_out(fields[9], fields[8])
        ):
            found.append(fields[9])
    return found


def _leads_out(interface: str, flags: str) -> bool:
    if interface == "lo" or not re.fullmatch(r"[^/\s\0]{1,15}", interface) or interface in (".", ".."):
        return False
    if not re.fullmatch(r"[0-9A-Fa-f]{1,8}", flags, re.ASCII):
        return False
    return bool(int(flags, 16) & _UP) and not int(flags, 16) & _REJECT


def _ways_on_windows(place: Place) -> list[str]:
    from agent.windows import CIMV2, rows
    from agent.windows.live import sources

    found = []
    for row in sources(place).rows(CIMV2, "Win32_NetworkAdapterConfiguration"):
        gateways = row.get("defaultipgateway")
        if rows.truth(row, "ipenabled") and isinstance(gateways, (list, tuple)) and any(gateways):
            found.append(rows.text(row, "description") or "network card")
    return found
