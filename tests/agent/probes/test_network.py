"""The default route and the targets of a room. Tables of routes: our own captures, and constructed ones where it says so.
Targets are on this machine."""

import errno
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import network
from agent.room import Room, Target
from agent.windows import CIMV2, Row
from protos.catalogue import BY_NAME
from protos.sections import BY_NAME as SECTIONS
from tests.agent.windows.captured import Captured
from tests.conftest import free_port

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DEFAULT = "eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
LOCAL = "eth0\t0002A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"
ZERO = "0" * 32
DEFAULT6 = (
    f"{ZERO} 00 {ZERO} 00 fe80000000000000000000000000000a 00000400 00000001 00000000 00450003     eth1\n"
)
REFUSES6 = f"{ZERO} 00 {ZERO} 00 {ZERO} ffffffff 00000001 00000000 00200200       lo\n"


def read(place: Place) -> Taken:
    taken = network.read(place)
    for each in taken.readings:
        assert BY_NAME[each.metric].probe == "network"
    for item in taken.sections.get("network_targets", []):
        assert item.facts.keys() <= SECTIONS["network_targets"].names
    return taken


def tree(root: Path, ipv4: str | None = None, ipv6: str | None = None, **states: str) -> Place:
    (root / "proc/net").mkdir(parents=True)
    for name, content in (("route", ipv4), ("ipv6_route", ipv6)):
        if content is not None:
            (root / "proc/net" / name).write_text(content)
    for interface, state in states.items():
        (root / "sys/class/net" / interface).mkdir(parents=True)
        (root / "sys/class/net" / interface / "operstate").write_text(state + "\n")
    return Place(root=root)


def gateway(taken: Taken) -> tuple[float, str]:
    [found] = [each for each in taken.readings if each.metric == "default_gateway_state"]
    return found.last, found.label


@pytest.mark.parametrize(
    "ipv4, ipv6, expected",
    [
        (HEAD + DEFAULT + LOCAL, REFUSES6, (1, "eth0")),
        (HEAD + LOCAL, REFUSES6, (0, "")),
        (HEAD, None, (0, "")),
        (HEAD + LOCAL, DEFAULT6 + REFUSES6, (1, "eth1")),
        (None, DEFAULT6, (1, "eth1")),
        (HEAD + DEFAULT, DEFAULT6.replace("eth1", "eth0"), (1, "eth0")),
        (HEAD + DEFAULT.replace("\t0003\t", "\t0002\t"), None, (0, "")),  # not up
        (HEAD + DEFAULT.replace("\t0003\t", "\t0201\t"), None, (0, "")),  # a route that refuses
        (HEAD + "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n", None, (1, "ppp0")),
        (
            HEAD + DEFAULT.replace("\t00000000\t0\t0\t0\n", "\t00000080\t0\t0\t0\n"),
            None,
            (0, ""),
        ),  # 0.0.0.0/1
    ],
)
def test_a_default_way_out_is_there_or_not(
    tmp_path: Path, ipv4: str | None, ipv6: str | None, expected: tuple[float, str]
) -> None:
    assert gateway(read(tree(tmp_path, ipv4, ipv6))) == expected


def test_a_way_over_an_interface_without_a_cable_is_none(tmp_path: Path) -> None:
    assert gateway(read(tree(tmp_path, HEAD + DEFAULT, None, eth0="down"))) == (0, "")


def test_an_interface_that_does_not_tell_its_state_counts(tmp_path: Path) -> None:
    assert gateway(read(tree(tmp_path, HEAD + DEFAULT, None, eth0="unknown"))) == (1, "eth0")


def test_without_a_table_of_routes_nothing_is_known(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="/proc/net/route"):
        read(tree(tmp_path))


@pytest.mark.parametrize(
    "rows, expected",
    [
        (
            [{"IPEnabled": True, "Description": "Ethernet", "DefaultIPGateway": ["192.0.2.1"]}],
            (1, "Ethernet"),
        ),
        ([{"IPEnabled": True, "Description": "Ethernet", "DefaultIPGateway": None}], (0, "")),
        ([{"IPEnabled": False, "Description": "Wi-Fi", "DefaultIPGateway": ["192.0.2.1"]}], (0, "")),
        ([], (0, "")),
    ],
)
def test_the_way_out_of_a_windows_device(rows: list[Row], expected: tuple[float, str]) -> None:
    """documented: written by us after the maker's documentation."""
    source = Captured(wmi={(CIMV2, "Win32_NetworkAdapterConfiguration"): rows})
    assert gateway(read(Place(windows=source))) == expected


# Targets


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def target(port: int, host: str = "127.0.0.1", name: str = "recording server") -> Target:
    return Target(name=name, host=host, port=port)


def asked(*targets: Target, limit_seconds: float = network.LIMIT_SECONDS) -> dict[str, network.Attempt]:
    return {one.name: told for one, told in network.attempts(targets, limit_seconds)}


def test_a_target_that_answers_is_reached_and_nothing_is_sent_to_it(listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    taken = read(Place(room=Room(file=Path("room.toml"), targets=(target(port),))))
    found = {each.metric: each.last for each in taken.readings if each.component == "recording server"}
    assert found["network_target_reachable_state"] == 1
    assert 0 <= found["network_target_connect_seconds"] < network.LIMIT_SECONDS
    [item] = taken.sections["network_targets"]
    assert item.facts["host"] == "127.0.0.1"
    assert item.facts["port"] == str(port)
    assert "last_error" not in item.facts
    connection, _ = listening.accept()
    with connection:
        connection.settimeout(5)
        assert connection.recv(1) == b"", "closed, without a byte"


def test_a_target_that_refuses_is_not_reached_and_has_no_time() -> None:
    taken = read(Place(room=Room(file=Path("room.toml"), targets=(target(free_port()),))))
    of_target = {each.metric: each.last for each in taken.readings if each.component}
    assert of_target == {"network_target_reachable_state": 0}
    assert taken.sections["network_targets"][0].facts["last_error"] == "refused"


def test_a_name_nobody_knows_is_told_from_a_silent_target() -> None:
    # .invalid is never given to anybody (RFC 2606); where no name server answers, that is said instead.
    told = asked(target(1, host="no-such-host.invalid"))["recording server"]
    assert told.error in (network.NO_NAME, network.NO_NAME_SERVER, network.TIMED_OUT)
    assert asked(target(1, host="a" * 70 + ".example"))["recording server"].error == network.NO_NAME


def test_a_target_that_is_silent_times_out_and_holds_up_no_other(listening: socket.socket) -> None:
    """A queue that is full lets nobody in and refuses nobody."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        waiting = []
        try:
            for _ in range(8):
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(silent.getsockname())
                waiting.append(one)
            found = asked(
                target(silent.getsockname()[1], name="silent"),
                target(listening.getsockname()[1], name="well"),
                limit_seconds=0.5,
            )
        finally:
            for one in waiting:
                one.close()
    assert found["silent"].error in ("timed out", "refused")  # wine refuses where the queue is full
    assert found["well"].error == network.REACHED


def test_a_look_up_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(120) and [])
    try:
        assert asked(target(1), limit_seconds=0.1)["recording server"].error == network.TIMED_OUT
        assert not over.is_set()
    finally:
        over.set()


@pytest.mark.parametrize(
    "problem, word",
    [
        (TimeoutError(), "timed out"),
        (OSError(errno.ECONNREFUSED, ""), "refused"),
        (OSError(errno.ENETUNREACH, ""), "no route"),
        (OSError(errno.EHOSTUNREACH, ""), "no route"),
        (OSError(10061, ""), "refused"),
        (OSError(errno.EPERM, "a filter"), "failed"),
        (OSError("who knows"), "failed"),
    ],
)
def test_why_a_target_is_not_reached_is_said_in_a_word(problem: OSError, word: str) -> None:
    assert network.word(problem) == word


def test_a_captured_tree_asks_no_target(tmp_path: Path) -> None:
    place = tree(tmp_path, HEAD + DEFAULT)
    taken = read(
        Place(root=place.root, room=Room(file=Path("room.toml"), targets=(target(9, host="192.0.2.9"),)))
    )
    assert [each.metric for each in taken.readings] == ["default_gateway_state"]
    assert "captured tree" in taken.reason
    assert taken.sections == {}


def test_a_mistake_in_room_toml_costs_the_targets_and_not_the_gateway(tmp_path: Path) -> None:
    place = tree(tmp_path, HEAD + DEFAULT)
    taken = read(
        Place(
            root=place.root, room=Room(file=Path("room.toml"), problem="room.toml: target 1: port is missing")
        )
    )
    assert gateway(taken) == (1, "eth0")
    assert taken.reason == "room.toml: target 1: port is missing"


@given(text=some.text(alphabet="eth0lo \t\n0123456789ABCDEFabcdef", max_size=300))
def test_any_table_of_routes_is_read(text: str) -> None:
    for name in (*network.parse_routes(HEAD + text), *network.parse_routes6(text)):
        assert name
        assert "/" not in name
