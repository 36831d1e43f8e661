"""The house: imports point one way, the agent stays small, files stay readable."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("agent", "collector", "console", "protos")
# agent → protos ← collector ← console, and nowhere else.
MAY_IMPORT = {
    "protos": {"protos"},
    "agent": {"agent", "protos"},
    "collector": {"collector", "protos"},
    "console": {"console", "collector"},
}
FILES = [path for part in PARTS for path in sorted((ROOT / part).rglob("*.py")) if "_pb2" not in path.name]
LONGEST = 400


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    part = path.relative_to(ROOT).parts[0]
    assert imported(path) & set(PARTS) <= MAY_IMPORT[part]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_holds_one_thing(path: Path) -> None:
    if "migrations" in path.parts:
        return
    assert len(path.read_text().splitlines()) <= LONGEST
    assert path.stem not in ("utils", "helpers", "common", "manager", "misc")


def test_the_agent_loads_neither_a_database_toolkit_nor_a_web_framework() -> None:
    code = (
        "import sys, agent.__main__, agent.link, agent.runner, agent.spool, agent.probes;"
        "print([m for m in ('sqlalchemy', 'flask', 'alembic', 'cryptography', 'collector') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_executed_that_came_as_text(path: Path) -> None:
    banned = {"eval", "exec", "compile"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in banned, f"line {node.lineno}"
        if isinstance(node, ast.keyword) and node.arg == "shell":
            assert not (isinstance(node.value, ast.Constant) and node.value.value is True), (
                f"line {node.value.lineno}"
            )
    assert not imported(path) & {"pickle", "marshal", "shelve", "yaml", "dill", "jsonpickle"}
