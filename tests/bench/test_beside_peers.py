"""What is measured beside the agent: a run with everything it started, and a peer that is asked while it runs."""

import socketserver
import sys
import threading
from pathlib import Path

import pytest

from bench import beside_peers
from bench.process import Ended, free_port

# A child in a session of its own, as agent/commands.py starts programs.
_PARENT = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "import time; held = bytearray(80_000_000); time.sleep(0.3); sum(range(3_000_000))"],
               start_new_session=True, check=True)
"""


def test_what_a_run_started_in_another_session_is_counted(tmp_path: Path) -> None:
    run = beside_peers._once([sys.executable, "-c", _PARENT], tmp_path)
    assert run.peak > 80e6
    assert 0 < run.cpu < run.wall * 4


def test_a_run_that_was_killed_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(Ended, match="signal 9"):
        beside_peers._once([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], tmp_path)


def test_a_peer_is_asked_while_it_runs_and_ended_after(tmp_path: Path) -> None:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "http.server",
        str(port),
        "--bind",
        "127.0.0.1",
        "--directory",
        str(tmp_path),
    ]
    (tmp_path / "metrics").write_text("up 1\n")
    peer = beside_peers.Peer("peer", command, port, beside_peers._scrape, 0.1)
    asked = threading.Event()
    peer._ask = lambda at, ask=peer._ask: (ask(at), asked.set())[0]
    with peer.running(tmp_path):
        assert asked.wait(20)
    assert peer.bytes >= len("up 1\n")
    assert peer._process is not None
    assert peer._process.poll() is not None


def test_items_are_asked_as_zabbix_asks() -> None:
    heard: list[bytes] = []

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head = self.request.recv(13)
            heard.append(self.request.recv(int.from_bytes(head[5:], "little")))
            self.request.sendall(b"ZBXD\1" + (1).to_bytes(8, "little") + b"7")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        total = beside_peers._ask_items(server.server_address[1])
        server.shutdown()
    assert total == 14 * len(heard)
    assert b"system.uptime" in heard
