"""Where the agent cannot look, it says so, and the page says so: never healthy, never zero."""

import json
import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from agent import commands
from agent.probe import Place, Unavailable
from agent.probes import disk_health, patches
from console import create_app
from console.config import Config
from protos.report_pb2 import Report
from tests.collector.world import NOON, Collector
from tests.conftest import REPOSITORY
from tests.console import world
from tests.console.conftest import database, signed_in


def once(*, path: str, as_nobody: bool = False, home: Path) -> dict[str, Any]:
    """What `tocsin-agent once --json` prints with only `path` to find programs on."""
    inner = [sys.executable, "-m", "agent", "--state-dir", str(home / "state"), "once", "--json"]
    environment = {"PATH": path, "HOME": str(home), "PYTHONPATH": str(REPOSITORY), "LC_ALL": "C"}
    if as_nobody:
        inner = _as_nobody(inner, environment, home)
    ended = subprocess.run(
        inner, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.stdout, ended.stderr
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


def _as_nobody(command: list[str], environment: dict[str, str], home: Path) -> list[str]:
    """The command as an ordinary user, also where only root may enter the folder Python lives in."""
    if os.geteuid() != 0:
        return command  # an ordinary user already
    if not _open_to_all(REPOSITORY):
        pytest.skip(f"an ordinary user may not enter this checkout, {REPOSITORY}")
    home.chmod(0o777)
    environment["PYTHONPATH"] += os.pathsep + sysconfig.get_path("purelib")
    python = Path(os.path.realpath(sys.executable))
    user = ["/usr/bin/setpriv", "--reuid", "nobody", "--clear-groups"]
    if _open_to_all(python):
        return [*user, str(python), *command[1:]]
    prefix, seen_at = Path(os.path.realpath(sys.base_prefix)), home / "python"
    seen_at.mkdir()
    inner = shlex.join([*user, str(seen_at / python.relative_to(prefix)), *command[1:]])
    script = f"mount --bind {shlex.quote(str(prefix))} {shlex.quote(str(seen_at))} && exec {inner}"
    return ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", f"PATH=/usr/bin:/bin:$PATH; {script}"]


def _open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


def outcomes(report: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {row["probe"]: (row["outcome"], row["reason"]) for row in report["outcomes"]}


@pytest.fixture
def bare(tmp_path: Path) -> str:
    """A PATH without any program. Those of /usr/sbin are found nevertheless; hide them too."""
    (tmp_path / "bin").mkdir()
    return str(tmp_path / "bin")


def test_without_programs_the_reasons_are_told(
    tmp_path: Path, bare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", bare)
    monkeypatch.setattr(commands, "_SBIN", ())
    with pytest.raises(Unavailable, match="no smartctl on this device"):
        disk_health.read(Place())
    with pytest.raises(Unavailable, match="no known package manager"):
        patches.read(Place())


@pytest.mark.xdist_group("heavy")
def test_an_ordinary_user_gets_what_it_may_see_and_words_for_the_rest() -> None:
    # Not below pytest's own folder: only root may enter that.
    with tempfile.TemporaryDirectory(prefix="tocsin-nobody-") as home:
        report = once(path=os.environ["PATH"], as_nobody=True, home=Path(home))
    ended = outcomes(report)

    assert ended["memory"][0] == ended["filesystem"][0] == "OK"
    for probe, (outcome, reason) in ended.items():
        assert outcome in ("OK", "UNAVAILABLE"), f"{probe}: {outcome} {reason}"
        assert outcome == "OK" or reason, f"{probe} is {outcome} without a reason"
    for row in report["readings"]:
        assert {"metric", "component", "last"} <= set(row)


@pytest.mark.xdist_group("heavy")
def test_what_could_not_be_seen_stands_on_the_page_with_its_reason(engine: Engine, tmp_path: Path) -> None:
    collector = Collector(engine)
    desk = collector.enrol("blind-desk")
    blind = Report(host_name="blind-desk")
    for probe, reason in (
        ("disk_health", "no smartctl on this device: install smartmontools"),
        ("patches", "no known package manager"),
    ):
        blind.outcomes.add(probe=probe, outcome=2, reason=reason)
    desk.send(blind, NOON)

    with Session(engine) as session, session.begin():
        world.people(session, NOON)
    app = create_app(Config(state_dir=tmp_path, database=engine.url.render_as_string(hide_password=False)))
    page = signed_in(app).get(f"/devices/{desk.device_id}").text
    database(app).engine.dispose()

    assert "no smartctl on this device" in page
    assert "no known package manager" in page
    assert "healthy" not in page
    assert "up to date" not in page
