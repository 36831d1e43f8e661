"""The small ones: the service manager, the log, the lock, the listen stream, the status."""

import io
import json
import logging
import socket
import threading

import pytest

from agent import files, lock, log, notify, status
from agent.channel import Kind, Trouble
from agent.listen import listen
from protos.intake_pb2 import Directive
from tests.conftest import only_on_linux


@only_on_linux("Windows has a service manager of another kind")
def test_systemd_is_told(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify.tell("READY=1", "STATUS=fine")
        assert manager.recv(100) == b"READY=1\nSTATUS=fine"


def test_without_systemd_nothing_happens(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.tell("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/no/such/socket")
    notify.tell("READY=1")


def test_the_watchdog_is_answered_twice_as_often_as_it_asks(monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert notify.watchdog_seconds() is None
    monkeypatch.setenv("WATCHDOG_USEC", "180000000")
    assert notify.watchdog_seconds() == 90
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert notify.watchdog_seconds() is None


@pytest.fixture
def lines():
    stream = io.StringIO()
    logger = logging.getLogger("tocsin-test")
    logger.propagate = False
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)

    def written(formatter, text):
        handler.setFormatter(formatter)
        logger.warning("%s", text)
        return stream.getvalue()

    yield written
    logger.removeHandler(handler)


def test_a_log_line_stays_one_line_whatever_a_device_says(lines):
    line = lines(log._Logfmt(), 'a "b"\nlevel=error \x1b[31m‮')
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert r"level=warning" in line
    assert r'text="a \"b\"\nlevel=error \u001b[31m\u202e"' in line


def test_a_json_log_line_is_json(lines):
    assert json.loads(lines(log._Json(), "two\nlines"))["text"] == "two\nlines"


def test_one_agent_a_state_directory(tmp_path):
    assert lock.is_held(tmp_path) is False
    first = lock.Lock(tmp_path)
    assert lock.is_held(tmp_path) is True
    with pytest.raises(lock.Held):
        lock.Lock(tmp_path)
    first.release()
    assert lock.is_held(tmp_path) is False


def test_a_stream_that_cannot_stay_open_is_tried_ever_more_slowly():
    stop = threading.Event()
    waits: list[float] = []
    heard: list[Directive] = []

    class Cut:
        def listen(self):
            if len(waits) == 3:
                yield Directive(request=5)
            raise Trouble(Kind.AWAY, "cut by a proxy")

    class Stop(threading.Event):
        def wait(self, timeout=None):
            waits.append(timeout)
            if len(waits) == 6:
                stop_.set()
            return self.is_set()

    stop_ = Stop()
    listen(stop_, Cut, heard.extend, lambda: 1.0, base_seconds=2, cap_seconds=10)
    assert waits == [2, 4, 8, 2, 4, 8], "a word on it starts anew"
    assert [directive.request for directive in heard] == [5]
    assert not stop.is_set()


def test_status_can_be_read_while_there_is_none(tmp_path):
    told = status.read(tmp_path)
    assert (told["running"], told["connected"], told["spool_unsent"]) == (False, False, 0)


def test_a_status_that_is_not_json_is_told(tmp_path):
    (tmp_path / "status.json").write_text("{")
    assert "status.json" in status.read(tmp_path)["status_error"]


def test_status_counts_the_spool_while_it_is_in_use(open_spool, tmp_path, hand):
    from tests.agent.conftest import report

    spool = open_spool()
    spool.append(report(hand))
    told = status.read(tmp_path / "state")
    assert told["spool_unsent"] == 1
    assert told["spool_id"] == spool.state.spool_id


@only_on_linux("wine hands no rights down to what is made in a directory")
def test_what_is_written_is_for_nobody_elses_eyes(open_spool, tmp_path):
    open_spool()
    for path in (tmp_path / "state", *(tmp_path / "state").iterdir()):
        assert not files.open_to_others(path), path
