"""Our side of PJLink, against the simulated projector of tests/agent/projector.py. Lines here are constructed after
the standard, or as people report them of their projectors."""

import ast
import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probes import pjlink
from agent.probes.pjlink import Heard, Manners, NotAQuery, Reply
from tests.agent.projector import CLASS_1, CLASS_2, RECEIVED, Projector, Script, orders
from tests.conftest import free_port

# One worker: what all of them together sent is looked at in its end.
pytestmark = pytest.mark.xdist_group("pjlink")
QUICK = Manners(pause_seconds=0, answer_seconds=5, call_seconds=20)
IMPATIENT = Manners(pause_seconds=0, answer_seconds=3.0, call_seconds=20)
ORDERS = [
    f"%{level}{command}"
    for level in (1, 2)
    for command in (
        *("POWR 0", "POWR 1", "POWR on", "INPT 11", "INPT 31", "INPT 3A", "AVMT 10", "AVMT 11", "AVMT 20"),
        *("AVMT 21", "AVMT 30", "AVMT 31", "SVOL 0", "SVOL 1", "MVOL 0", "MVOL 1", "FREZ 0", "FREZ 1"),
    )
]


@pytest.fixture(autouse=True, scope="module")
def _no_order_was_sent() -> Iterator[None]:
    """Over all tests here: whatever was tried, the simulated projectors received questions only."""
    yield
    assert RECEIVED
    assert orders(RECEIVED) == []


def asked(script: Script | None = None, password: str | None = None, manners: Manners = QUICK) -> Heard:
    with Projector(script) as projector:
        return pjlink.ask("127.0.0.1", projector.port, password, manners)


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def arrived(wire: tuple[socket.socket, socket.socket]) -> bytes:
    wire[0].close()
    wire[1].settimeout(5)
    return b"".join(iter(lambda: wire[1].recv(4096), b""))


@pytest.mark.parametrize("order", [*ORDERS, "%2SRCH", "%1POWR 1\r%1POWR ?", "%1POWR ?\r%1POWR 1", "", "?"])
def test_an_order_is_refused_before_a_byte_is_sent(
    order: str, wire: tuple[socket.socket, socket.socket]
) -> None:
    for sent in (order, order + "\r", order.lower(), "%1POWR ?" + order):
        if sent not in pjlink.QUERIES:
            with pytest.raises(NotAQuery):
                pjlink.send(wire[0], sent)
    assert arrived(wire) == b""


def test_whatever_is_no_query_is_refused(wire: tuple[socket.socket, socket.socket]) -> None:
    letters = some.text(alphabet="%12?POWRAVMTINSLFEZQ 0123\r\n", max_size=24)
    spoiled = some.tuples(some.sampled_from(sorted(pjlink.QUERIES)), letters, some.integers(0, 11)).map(
        lambda told: told[0][: told[2]] + told[1] + told[0][told[2] :]
    )

    @settings(max_examples=300, deadline=None)
    @given(some.one_of(some.text(max_size=40), letters, spoiled, some.sampled_from(ORDERS)))
    def tried(text: str) -> None:
        if text not in pjlink.QUERIES:
            with pytest.raises(NotAQuery):
                pjlink.send(wire[0], text)
            with pytest.raises(NotAQuery):
                pjlink.send(wire[0], pjlink.POWER, text or "x")

    tried()
    assert arrived(wire) == b""


def test_text_that_only_claims_to_be_a_query_is_refused(wire: tuple[socket.socket, socket.socket]) -> None:
    class Sly(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return hash(pjlink.POWER)

    with pytest.raises(NotAQuery):
        pjlink.send(wire[0], Sly("%1POWR 1"))
    for other in (b"%1POWR ?", None, 1, ["%1POWR ?"]):
        with pytest.raises(NotAQuery):
            pjlink.send(wire[0], other)  # type: ignore[arg-type]
    assert arrived(wire) == b""


def test_every_query_is_a_question() -> None:
    assert orders(sorted(pjlink.QUERIES)) == []
    assert len(pjlink.QUERIES - set(pjlink.INPUT_NAMES.values())) == 19
    assert max(len(query) for query in pjlink.QUERIES) + 96 + 1 <= pjlink.LONGEST


def test_one_function_alone_writes_to_a_projector() -> None:
    writers = []
    for name in ("pjlink.py", "projectors.py"):
        tree = ast.parse(Path(pjlink.__file__).with_name(name).read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                called = {
                    node.func.attr
                    for node in ast.walk(function)
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                }
                if called & {"sendall", "sendto", "sendmsg", "sendfile", "makefile", "dup", "detach"}:
                    writers.append(function.name)
    assert writers == ["send"]


def test_the_vector_of_the_standard_gives_its_proof() -> None:
    assert pjlink.md5_proof("498e4a67", "JBMIAProjectorLink") == "5d8409bc1c3fa39749434aa3a5c38682"


def test_a_class_2_projector_is_asked_everything_over_one_connection() -> None:
    with Projector() as projector:
        heard = pjlink.ask("127.0.0.1", projector.port, None, QUICK)
        assert projector.connections == projector.at_once == 1
        assert projector.received == list(heard.answers)
    assert heard.problem is None
    assert (heard.greeted, heard.authentication) == (True, "none")
    assert {query: reply.value for query, reply in heard.answers.items()} == {
        query: value for query, value in CLASS_2.items() if query in heard.answers
    }
    left_out = {"%1INPT ?", "%1INST ?", "%2INST ?", "%2RRES ?"}
    assert set(CLASS_2) - set(heard.answers) == left_out


def test_a_class_1_projector_is_asked_nothing_of_class_2() -> None:
    heard = asked(Script(answers=dict(CLASS_1)))
    assert heard.problem is None
    assert set(heard.answers) == set(CLASS_1) - {"%1INST ?"}


def test_a_class_told_in_words_is_understood() -> None:
    assert "%2SNUM ?" in asked(Script(answers=CLASS_2 | {"%1CLSS ?": "Class 2"})).answers
    heard = asked(Script(answers=CLASS_1 | {"%1CLSS ?": "Class 1"}))
    assert pjlink.pjlink_class(heard.answers) == "1"
    assert pjlink.pjlink_class({pjlink.CLASS: Reply(error="ERR3")}) is None


def test_there_is_a_pause_before_each_command_but_the_first() -> None:
    pauses: list[float] = []
    heard = asked(manners=Manners(sleep=pauses.append))
    assert pauses == [0.2] * (len(heard.answers) - 1)
    assert pjlink.POLITE.answer_seconds == 4.0


def test_a_password_proves_itself_on_the_first_command_only() -> None:
    with Projector(Script(password="JBMIAProjectorLink")) as projector:
        heard = pjlink.ask("127.0.0.1", projector.port, "JBMIAProjectorLink", QUICK)
        first, *others = projector.received
    assert (heard.authentication, heard.problem) == ("md5", None)
    assert len(first) == 32 + len("%1CLSS ?")
    assert all(line.startswith("%") for line in others)


def test_a_wrong_password_is_refused_and_told_nowhere() -> None:
    with Projector(Script(password="right")) as projector:
        heard = pjlink.ask("127.0.0.1", projector.port, "Wr0ngSecret", QUICK)
        assert projector.connections == 2  # and whether it wants the other kind
        assert not any("Wr0ngSecret" in line for line in projector.received)
    assert heard.greeted
    assert heard.answers == {}
    assert (heard.authentication, heard.problem) == ("refused", "refuses the password")
    assert "Wr0ngSecret" not in repr(heard)


def test_a_password_that_is_wanted_and_missing_is_said() -> None:
    with Projector(Script(password="right")) as projector:
        heard = pjlink.ask("127.0.0.1", projector.port, None, QUICK)
        assert projector.received == []
    assert heard.greeted
    assert heard.authentication is None
    assert heard.problem == "asks for a password, and there is none for it in room.toml"


def test_a_projector_that_takes_only_sha256_is_asked_with_it() -> None:
    script = Script(password="right", takes_md5=False, knows_sha256=True)
    with Projector(script) as projector:
        heard = pjlink.ask("127.0.0.1", projector.port, "right", QUICK)
        assert "PJLINK 2" in projector.received
    assert (heard.authentication, heard.problem) == ("sha256", None)
    assert heard.answers[pjlink.POWER] == Reply("1")
    with Projector(script) as projector:
        heard = pjlink.ask("127.0.0.1", projector.port, "wrong", QUICK)
    assert (heard.authentication, heard.problem) == ("refused", "refuses the password")


def test_the_proof_of_class_2_10_is_made_of_both_challenges() -> None:
    ours, theirs = "0f" * 16, "f0" * 16
    told = pjlink.sha256_proof(theirs, "secret", ours)
    assert told == ours + hashlib.sha256(b"ff" * 16 + b"secret").hexdigest()


def test_an_answer_in_single_bytes_is_put_together() -> None:
    heard = asked(Script(piece_bytes=1))
    assert heard.problem is None
    assert heard.answers[pjlink.LAMPS] == Reply("1234 1")


def test_a_slow_projector_is_waited_for() -> None:
    heard = asked(Script(answers=dict(CLASS_1), delay_seconds=0.05, piece_bytes=4))
    assert heard.problem is None
    assert heard.answers[pjlink.NAME] == Reply("Room 4 front")


def test_a_line_of_136_bytes_is_read_and_one_more_is_not() -> None:
    whole = "n" * (pjlink.LONGEST - len("%1NAME=\r"))
    assert asked(Script(answers=CLASS_2 | {"%1NAME ?": whole})).answers[pjlink.NAME] == Reply(whole)
    heard = asked(Script(answers=CLASS_2 | {"%1NAME ?": whole + "n"}))
    assert pjlink.NAME not in heard.answers
    assert heard.problem == "sent a line of more than 136 bytes"
    heard = asked(Script(answers=CLASS_2 | {"%1ERST ?": b"0" * 20_000}))
    assert heard.problem == "sent a line of more than 136 bytes"
    assert heard.answers[pjlink.POWER] == Reply("1")


def test_a_projector_that_closes_after_each_answer_is_asked_anew() -> None:
    with Projector(Script(close_after_each=True)) as projector:
        heard = pjlink.ask("127.0.0.1", projector.port, None, QUICK)
        assert projector.at_once == 1
    assert heard.problem is None
    assert len(heard.answers) == 18


def test_an_answer_that_ends_with_the_connection_counts_where_its_form_shows_it_is_whole() -> None:
    answers = {query: CLASS_1[query] for query in ("%1CLSS ?", "%1POWR ?", "%1ERST ?")} | {
        "%1INF2 ?": "EX-100"
    }
    heard = asked(Script(answers=answers, ending=b"", close_after_each=True))
    assert [heard.answers.get(query) for query in (pjlink.POWER, pjlink.ERRORS)] == [
        Reply("1"),
        Reply("000000"),
    ]
    assert pjlink.MODEL not in heard.answers
    assert heard.problem == "hung up in the middle of an answer to INF2"


def test_hours_cut_off_by_a_hang_up_are_no_hours() -> None:
    heard = asked(Script(answers=CLASS_2 | {"%1LAMP ?": "12345 1"}, hang_up_within="%1LAMP ?"))
    assert pjlink.LAMPS not in heard.answers
    assert heard.answers[pjlink.ERRORS] == Reply("000000")
    assert heard.problem == "hung up in the middle of an answer to LAMP"


@pytest.mark.parametrize("reset", [False, True])
def test_a_hang_up_instead_of_an_answer_keeps_what_was_told_before(reset: bool) -> None:
    with Projector(Script(hang_up_on="%1LAMP ?", reset=reset)) as projector:
        heard = pjlink.ask("127.0.0.1", projector.port, None, QUICK)
        assert projector.connections == 2
    assert heard.answers[pjlink.POWER] == Reply("1")
    assert heard.problem == "hung up instead of an answer to LAMP"


def test_the_first_silence_ends_the_call() -> None:
    with Projector(Script(silent_on="%1ERST ?")) as projector:
        heard = pjlink.ask("127.0.0.1", projector.port, None, IMPATIENT)
        assert projector.received == [pjlink.CLASS, pjlink.POWER, pjlink.ERRORS]
    assert heard.answers[pjlink.POWER] == Reply("1")
    assert heard.problem == "did not send an answer to ERST within 3 s"


def test_a_call_ends_when_its_time_is_over() -> None:
    heard = asked(manners=Manners(call_seconds=0.0))
    assert heard.problem == "took longer than 0 s for its answers"
    assert not heard.greeted


def test_a_line_nobody_asked_for_is_passed_over() -> None:
    heard = asked(Script(before_each=b"%2LKUP=00:11:22:33:44:55"))
    assert heard.problem is None
    assert heard.answers[pjlink.LAMPS] == Reply("1234 1")


def test_answers_to_other_questions_are_not_taken_for_ours() -> None:
    heard = asked(Script(answers=CLASS_2 | {"%1POWR ?": b"\r".join([b"%1LAMP=9999 1"] * 9)}))
    assert pjlink.POWER not in heard.answers
    assert heard.problem == "answers something else than POWR"


@pytest.mark.parametrize(
    "greeting", [b"SSH-2.0-OpenSSH_9.2", b"PJLINK", b"PJLINK 1", b"PJLINK 9", b"\xff\x00\xfe", b"0"]
)
def test_something_else_that_answers_there_is_no_projector(greeting: bytes) -> None:
    heard = asked(Script(greeting=greeting))
    assert not heard.greeted
    assert heard.problem == "what answers there does not speak PJLink"


def test_a_connection_that_nobody_greets_is_said_to_be_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        heard = pjlink.ask("127.0.0.1", server.getsockname()[1], None, IMPATIENT)
    assert not heard.greeted
    assert heard.problem == "did not send a greeting within 3 s"


def test_a_refused_connection_is_said_in_words_of_a_technician() -> None:
    heard = pjlink.ask("127.0.0.1", free_port(), None, QUICK)
    assert not heard.greeted
    assert heard.problem == "refuses the connection: PJLink may be off in its network menu"


def test_a_name_that_cannot_be_one_breaks_nothing() -> None:
    for host in ("a..b", "x" * 80 + ".example"):
        heard = pjlink.ask(host, 4352, None, IMPATIENT)
        assert heard.problem in (
            "its name in room.toml cannot be that of a device",
            "its name is not known to the network",
        )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("%1POWR=1", Reply("1")),
        ("%1powr=1", Reply("1")),
        ("%2POWR=1", Reply("1")),
        ("\n%1POWR=1 ", Reply("1")),
        ("%1POWR=ERR3", Reply(error="ERR3")),
        ("%1POWR=err1", Reply(error="ERR1")),
        ("%1POWR=OK", Reply(error="ERR3")),
        ("%1POWR=", Reply("")),
        ("%1POWR=1\x00", Reply("1")),
        ("%1LAMP=1", None),
        ("%1POWR 1", None),
        ("%3POWR=1", None),
        ("PJLINK ERRA", None),
    ],
)
def test_a_line_answers_its_question_or_none(line: str, told: Reply | None) -> None:
    assert pjlink.parse_reply(line, pjlink.POWER) == told


def test_names_are_read_in_utf_8_and_in_latin_1() -> None:
    for said in ("Größe".encode(), "Größe".encode("latin-1")):
        heard = asked(Script(answers=CLASS_2 | {"%1NAME ?": b"%1NAME=" + said}))
        assert heard.answers[pjlink.NAME] == Reply("Größe")


@given(some.text(max_size=150))
def test_no_line_breaks_the_reader(line: str) -> None:
    for query in (pjlink.POWER, pjlink.CHALLENGE, "%2INNM ?31"):
        reply = pjlink.parse_reply(line, query)
        assert reply is None or (reply.value is None) != (reply.error is None)
    try:
        level, seed = pjlink.parse_greeting(line)
    except ValueError:
        return
    assert level in "012"
    assert all(letter in "0123456789abcdefABCDEF" for letter in seed)
