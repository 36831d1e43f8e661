"""The probe of the room's projectors, whole, against simulated ones over TCP."""

import logging
import math
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent import child
from agent import room as rooms
from agent.clock import SYSTEM
from agent.probe import Place, Taken, Unavailable
from agent.probes import pjlink, projectors
from agent.probes.pjlink import Heard, Manners, Reply
from agent.probes.table import PROBES
from agent.room import Room
from agent.runner import Runner
from protos.catalogue import METRICS
from protos.report_pb2 import OK
from protos.sections import SECTIONS
from tests.agent.projector import CLASS_1, CLASS_2, RECEIVED, Projector, Script, orders
from tests.conftest import free_port

QUICK = Manners(pause_seconds=0, answer_seconds=5, call_seconds=20)
# One worker: what all of them together sent is looked at in its end.
pytestmark = pytest.mark.xdist_group("projectors")
IMPATIENT = Manners(pause_seconds=0, answer_seconds=0.3, call_seconds=5)
PROBE = next(probe for probe in PROBES if probe.name == "projectors")
FAULTS = ("fan", "lamp", "temperature", "cover", "filter", "other")


@pytest.fixture(autouse=True, scope="module")
def _no_order_was_sent() -> Iterator[None]:
    """Over all tests here: the simulated projectors received questions only."""
    yield
    assert RECEIVED
    assert orders(RECEIVED) == []


def looked(
    answers: dict[str, Any] | None = None,
    *,
    manners: Manners = QUICK,
    listed: dict[str, Any] | None = None,
    **script: Any,
) -> Taken:
    """What the probe takes of one projector called `front`, with these answers instead of the usual ones."""
    base = CLASS_1 if (answers or {}).get("%1CLSS ?") == "1" else CLASS_2
    with Projector(Script(answers=base | (answers or {}), **script)) as simulated:
        row = rooms.Projector(name="front", host="127.0.0.1", port=simulated.port, **(listed or {}))
        return projectors.taken([row], projectors.ask_all([row], manners))


def numbers(taken: Taken) -> dict[str, float]:
    return {one.metric.removeprefix("projector_"): one.last for one in taken.readings}


def facts(taken: Taken, row: int = 0) -> dict[str, str]:
    return dict(taken.sections["projectors"][row].facts)


def test_a_projector_that_is_well_tells_all_of_itself() -> None:
    taken = looked(listed={"rated_lamp_hours": 2000.0, "filter_hours": 600.0})
    assert numbers(taken) == {
        "reachable_state": 1,
        "power_state": 1,
        **{f"{part}_fault_state": 0 for part in FAULTS},
        "lamp_seconds_total": 1234 * 3600,
        "lamp_used_ratio": 0.617,
        "filter_seconds_total": 480 * 3600,
        "filter_used_ratio": 0.8,
        "signal_state": 1,
        "blanked_state": 0,
    }
    assert {(one.component, one.label) for one in taken.readings} == {("front", "front (EX-100)")}
    assert facts(taken) == {
        "name": "Room 4 front",
        "host": "127.0.0.1",
        "manufacturer": "Example",
        "model": "EX-100",
        "serial": "X4711",
        "firmware": "2.10",
        "pjlink_class": "2",
        "other": "1.02",
        "lamp_part": "EX-L1",
        "filter_part": "EX-F1",
        "input": "3A",
        "input_name": "HDMI left",
        "resolution": "1920x1080",
        "lamps": "1",
        "lamp_rated_hours": "2000",
        "authentication": "none",
    }
    assert taken.reason == ""


def test_all_it_tells_is_named_in_the_contract() -> None:
    taken = looked(listed={"rated_lamp_hours": 2000.0, "filter_hours": 600.0})
    known = {metric.name for metric in METRICS if metric.probe == "projectors"}
    assert {one.metric for one in taken.readings} == known
    (row,) = [row for row in SECTIONS if row.name == "projectors"]
    assert set(facts(taken)) | {"last_error"} == row.names


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("digit", [1, 2])
def test_a_digit_of_the_error_status_is_the_state_of_its_part(place: int, digit: int) -> None:
    told = "0" * place + str(digit) + "0" * (5 - place)
    state = projectors.parse({pjlink.ERRORS: Reply(told)})
    assert state.faults == tuple(digit if at == place else 0 for at in range(6))


def test_a_temperature_error_is_told_as_such() -> None:
    read = numbers(looked({"%1ERST ?": "002010"}))
    assert {part: read[f"{part}_fault_state"] for part in FAULTS} == {
        "fan": 0, "lamp": 0, "temperature": 2, "cover": 0, "filter": 1, "other": 0,
    }  # fmt: skip


def test_an_error_status_that_was_not_answered_is_not_ok() -> None:
    for answer in ("ERR3", "ERR1", "OK", "00000", "0000000", ""):
        read = numbers(looked({"%1ERST ?": answer}))
        assert not any(name.endswith("_fault_state") for name in read), answer
    assert projectors.parse({pjlink.ERRORS: Reply("0x0902")}).faults == (0, None, 0, None, 0, 2)


def test_the_most_used_lamp_of_two_counts() -> None:
    taken = looked({"%1LAMP ?": "100 0 1900 1"}, listed={"rated_lamp_hours": 2000.0})
    assert numbers(taken)["lamp_seconds_total"] == 1900 * 3600
    assert numbers(taken)["lamp_used_ratio"] == 0.95
    assert facts(taken)["lamps"] == "2"


def test_a_laser_without_a_lamp_has_no_lamp_hours() -> None:
    taken = looked({"%1LAMP ?": "ERR1"}, listed={"rated_lamp_hours": 2000.0})
    assert not any(name.startswith("lamp_seconds") or name.startswith("lamp_used") for name in numbers(taken))
    assert facts(taken)["lamps"] == "0"


@pytest.mark.parametrize(
    ("told", "hours"),
    [
        ("0 0", (0,)),
        ("1 1 2 0 3 1 4 0 5 1 6 0 7 1 8 0", (1, 2, 3, 4, 5, 6, 7, 8)),
        ("1 1 2 0 3 1 4 0 5 1 6 0 7 1 8 0 9 1", None),
        ("1234", None),
        ("1234 1 56", None),
        ("-5 1", None),
        ("1234 2", None),
        ("²34 1", None),
        ("", None),
    ],
)
def test_lamps_are_pairs_of_hours_and_lit(told: str, hours: tuple[int, ...] | None) -> None:
    assert projectors.parse({pjlink.LAMPS: Reply(told)}).lamp_hours == hours


def test_without_a_rated_life_there_is_no_share_of_it() -> None:
    taken = looked()
    assert "lamp_used_ratio" not in numbers(taken)
    assert "filter_used_ratio" not in numbers(taken)
    assert numbers(taken)["lamp_seconds_total"] == 1234 * 3600
    assert "lamp_rated_hours" not in facts(taken)


def test_the_table_of_models_is_asked_where_the_room_file_says_nothing() -> None:
    known = {"%1INF1 ?": "PANASONIC", "%1INF2 ?": "vx400", "%1LAMP ?": "1500 1"}
    assert numbers(looked(known))["lamp_used_ratio"] == 0.5
    assert numbers(looked(known, listed={"rated_lamp_hours": 6000.0}))["lamp_used_ratio"] == 0.25
    assert projectors.rated_hours("Panasonic", "PT-VX400") == 3000
    assert projectors.rated_hours("Example", "VX400") is None
    assert projectors.rated_hours(None, None) is None


def test_in_standby_what_is_not_told_now_is_absent_and_no_fault() -> None:
    answers = dict.fromkeys(CLASS_2, "ERR3") | {"%1CLSS ?": "2", "%1POWR ?": "0"}
    taken = looked(answers)
    assert numbers(taken) == {"reachable_state": 1, "power_state": 0}
    assert taken.reason == ""
    assert "last_error" not in facts(taken)
    assert [one.label for one in taken.readings] == ["front", "front"]


def test_ok_to_a_question_is_not_now() -> None:
    taken = looked({"%1POWR ?": "OK", "%1LAMP ?": "OK"})
    assert not {"power_state", "lamp_seconds_total"} & set(numbers(taken))
    assert numbers(taken)["reachable_state"] == 1


def test_a_projector_that_says_it_has_failed_is_quoted() -> None:
    taken = looked({"%1LAMP ?": "ERR4"})
    assert facts(taken)["last_error"] == "says that it has failed (ERR4)"


@pytest.mark.parametrize(
    ("told", "signal"), [("1920x1080", 1), ("-", 0), ("*", None), ("ERR3", None), ("0x0", None)]
)
def test_a_picture_comes_in_or_not_or_nobody_knows(told: str, signal: int | None) -> None:
    assert numbers(looked({"%2IRES ?": told})).get("signal_state") == signal


def test_a_projector_in_standby_misses_no_picture() -> None:
    assert "signal_state" not in numbers(looked({"%1POWR ?": "0", "%2IRES ?": "-"}))


def test_class_1_tells_nothing_of_a_picture_or_a_filter() -> None:
    taken = looked({"%1CLSS ?": "1"})
    assert not {"signal_state", "filter_seconds_total"} & set(numbers(taken))
    assert numbers(taken)["blanked_state"] == 0
    assert facts(taken)["pjlink_class"] == "1"
    assert facts(taken)["input"] == "31"


@pytest.mark.parametrize(
    ("mute", "freeze", "blanked"),
    [
        ("11", "0", True),
        ("31", "0", True),
        ("30", "1", True),
        (None, "1", True),
        ("21", "0", False),
        ("20", None, False),
        ("10", None, False),
        (None, "0", None),
        ("99", None, None),
    ],
)
def test_blanked_is_picture_off_or_frozen(mute: str | None, freeze: str | None, blanked: bool | None) -> None:
    answers = {pjlink.MUTE: Reply(mute), pjlink.FREEZE: Reply(freeze)}
    assert projectors.parse(answers).blanked is blanked


def test_a_filter_that_was_not_fitted_has_no_hours() -> None:
    assert "filter_seconds_total" not in numbers(looked({"%2FILT ?": "ERR1"}, listed={"filter_hours": 100.0}))


def test_a_wrong_password_leaves_the_projector_reachable_and_unread(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "hall-secret-file"
    file.write_text("Wr0ngSecret\n", encoding="utf-8")
    taken = looked(password="right", listed={"password_file": file})
    assert numbers(taken) == {"reachable_state": 1}
    assert facts(taken) == {
        "host": "127.0.0.1",
        "authentication": "refused",
        "last_error": "refuses the password",
    }
    assert taken.reason == "front: refuses the password"
    for told in (str(taken), caplog.text):
        assert "Wr0ngSecret" not in told
        assert "hall-secret-file" not in told


def test_the_right_password_is_read_from_its_file_and_told_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"R1ghtSecret\r\n")
    taken = looked(password="R1ghtSecret", listed={"password_file": file})
    assert facts(taken)["authentication"] == "md5"
    assert numbers(taken)["power_state"] == 1
    assert "R1ghtSecret" not in str(taken)


def test_a_password_file_that_says_nothing_is_named_as_the_reason(tmp_path: Path) -> None:
    empty, strange = tmp_path / "empty", tmp_path / "strange"
    empty.write_bytes(b"\n")
    strange.write_bytes(b"\xff\xfe")
    for file, words in (
        (empty, "is empty"),
        (strange, "is not UTF-8 text"),
        (tmp_path / "none", "cannot be read (FileNotFoundError)"),
    ):
        taken = looked(password="right", listed={"password_file": file})
        assert numbers(taken) == {"reachable_state": 1}
        assert facts(taken)["last_error"] == f"asks for a password, and its password file {words}"
        # One that asks for none is read all the same.
        assert "last_error" not in facts(looked(listed={"password_file": file}))


def test_sha256_is_said_to_be_unverified(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("right", encoding="utf-8")
    taken = looked(password="right", takes_md5=False, knows_sha256=True, listed={"password_file": file})
    assert facts(taken)["authentication"] == "sha256"
    assert taken.reason == "front: SHA-256 was used, which was never tried on a projector"


def test_a_hang_up_keeps_what_was_told_and_says_so() -> None:
    taken = looked({"%1LAMP ?": "12345 1"}, hang_up_within="%1LAMP ?")
    assert numbers(taken)["power_state"] == 1
    assert "lamp_seconds_total" not in numbers(taken)
    assert facts(taken)["last_error"] == "hung up in the middle of an answer to LAMP"
    assert taken.reason == "front: hung up in the middle of an answer to LAMP"


def test_one_that_is_off_the_network_is_not_reachable() -> None:
    row = rooms.Projector(name="front", host="127.0.0.1", port=free_port(), rated_lamp_hours=2000.0)
    taken = projectors.taken([row], projectors.ask_all([row], QUICK))
    assert numbers(taken) == {"reachable_state": 0}
    assert facts(taken)["last_error"] == "refuses the connection: PJLink may be off in its network menu"


def test_without_a_network_of_our_own_nothing_is_known_of_it() -> None:
    row = rooms.Projector(name="front", host="127.0.0.1")
    taken = projectors.taken([row], [Heard(no_network=True, problem="this device has no way to its network")])
    assert taken.readings == []
    assert facts(taken)["last_error"] == "this device has no way to its network"


def test_one_projector_that_fails_costs_the_others_nothing() -> None:
    with Projector() as well, Projector(Script(greeting=b"HTTP/1.1 400 Bad Request")) as strange:
        rows = [
            rooms.Projector(name="gone", host="127.0.0.1", port=free_port()),
            rooms.Projector(name="strange", host="127.0.0.1", port=strange.port),
            rooms.Projector(name="well", host="127.0.0.1", port=well.port),
        ]
        taken = projectors.taken(rows, projectors.ask_all(rows, QUICK))
    reachable = {one.component: one.last for one in taken.readings if one.metric.endswith("reachable_state")}
    assert reachable == {"gone": 0, "strange": 0, "well": 1}
    assert [row.key for row in taken.sections["projectors"]] == ["gone", "strange", "well"]


def test_eight_that_take_the_connection_and_stay_silent_are_all_told_of() -> None:
    with ExitStack() as held:
        silent = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(8)]
        rows = [
            rooms.Projector(name=f"p{number}", host="127.0.0.1", port=one.getsockname()[1])
            for number, one in enumerate(silent)
        ]
        taken = projectors.taken(rows, projectors.ask_all(rows, IMPATIENT))
    assert [one.last for one in taken.readings] == [0] * 8
    assert {facts(taken, row)["last_error"] for row in range(8)} == {"did not send a greeting within 0.3 s"}


def test_the_longest_calls_of_a_full_room_end_within_the_limit_of_the_probe() -> None:
    rounds = math.ceil(rooms.MOST / projectors._AT_ONCE)
    assert rounds * pjlink.POLITE.call_seconds < projectors._ALL_SECONDS < PROBE.limit_seconds


def test_a_room_without_projectors_has_none_to_tell_of(tmp_path: Path) -> None:
    for place in (Place(), Place(room=Room(file=tmp_path / "room.toml"))):
        with pytest.raises(Unavailable, match=r"no projectors are listed in room\.toml"):
            projectors.read(place)
    with pytest.raises(Unavailable, match="is not TOML"):
        projectors.read(Place(room=Room(file=tmp_path / "room.toml", problem="room.toml: is not TOML: x")))


def test_the_probe_runs_apart_with_the_room_file_of_the_device(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("JBMIAProjectorLink\n", encoding="utf-8")
    answers = CLASS_2 | {"%1LAMP ?": "1950 1", "%2FILT ?": "700", "%1ERST ?": "002000"}
    with Projector(Script(answers=answers, password="JBMIAProjectorLink")) as simulated:
        file = tmp_path / "room.toml"
        file.write_text(
            f"[[projector]]\nname = 'front'\nhost = '127.0.0.1'\nport = {simulated.port}\n"
            f"password_file = '{tmp_path / 'secret'}'\nrated_lamp_hours = 2000\nfilter_hours = 500\n",
            encoding="utf-8",
        )
        ran = Runner(Place(room=rooms.read(file)), SYSTEM, child.command).run(PROBE)
        assert simulated.connections == 1
    assert (ran.outcome.outcome, ran.outcome.reason) == (OK, "")
    read = numbers(ran.taken)
    assert (read["lamp_used_ratio"], read["filter_used_ratio"], read["temperature_fault_state"]) == (
        0.975,
        1.4,
        2,
    )
    assert facts(ran.taken)["authentication"] == "md5"


@settings(max_examples=200, deadline=None)
@given(
    some.dictionaries(
        some.sampled_from(sorted(pjlink.QUERIES - set(pjlink.INPUT_NAMES.values()))), some.text(max_size=40)
    )
)
def test_no_answer_breaks_the_probe(told: dict[str, str]) -> None:
    row = rooms.Projector(name="front", host="127.0.0.1", rated_lamp_hours=2000.0, filter_hours=1.0)
    heard = Heard(greeted=True, answers={query: Reply(value) for query, value in told.items()})
    assert pjlink.questions(heard.answers)
    taken = projectors.taken([row], [heard])
    assert all(math.isfinite(one.last) and one.last >= 0 for one in taken.readings)
    taken.sections["projectors"][0].SerializeToString()
