"""No outside data breaks a parser: it is read, or refused in the way its row in parsers.py allows."""

import ast
import random
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.fuzz import engine
from tests.fuzz.mutate import mutated
from tests.fuzz.parsers import Parser, table

PARSERS = table()


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_spoiled_input_is_read_or_refused(parser: Parser) -> None:
    result = engine.run(parser, seed=1, runs=parser.runs, seconds=None, seeds=parser.inputs())
    assert result.runs >= parser.runs
    told = "\n".join(f"{d.signature}\n{d.data[:300]!r}\n{d.trace[-1500:]}" for d in result.defects.values())
    assert not result.defects, told


def test_every_parser_has_a_row() -> None:
    """A new `parse…` in agent/probes is fuzzed, or its maker is told here."""
    missing = []
    names = {parser.name.partition(" ")[0] for parser in PARSERS}
    for path in sorted((REPOSITORY / "agent" / "probes").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("parse"):
                name = f"probes.{path.stem}.{node.name}"
                if name not in names:
                    missing.append(name)
    assert not missing, "give these a row in tests/fuzz/parsers.py"


def test_no_parser_has_two_rows() -> None:
    names = [parser.name for parser in PARSERS]
    assert sorted(names) == sorted(set(names))


def test_the_same_seed_gives_the_same_inputs() -> None:
    seeds = [b'{"a": [1, 2]}', b"Inst vim [1] (2 x [amd64])\n"]
    one, other = random.Random(3), random.Random(3)
    assert [mutated(one, seeds) for _ in range(200)] == [mutated(other, seeds) for _ in range(200)]


def test_an_exception_nobody_allowed_is_a_defect_and_its_input_is_kept(tmp_path: Path) -> None:
    def breaks(data: bytes) -> object:
        if data:
            raise KeyError("a fault")
        raise ValueError("refused")

    parser = Parser(name="broken (here)", call=breaks, seeds=(b"abc", b""))
    result = engine.run(parser, seed=1, runs=20, seconds=None, seeds=parser.inputs())
    assert len(result.defects) == 1
    assert result.refused >= 1
    [path] = engine.save(result, tmp_path)
    assert path.read_bytes()
    assert "KeyError" in path.with_suffix(".txt").read_text(encoding="utf-8")
