"""The lists at the command line: what scripts see."""

import json
from pathlib import Path

import pytest

from collector.__main__ import main
from collector.store import open_engine, schema


@pytest.fixture
def state(tmp_path: Path) -> Path:
    engine = open_engine(f"sqlite:///{tmp_path / 'collector.db'}")
    schema.upgrade(engine)
    engine.dispose()
    return tmp_path


def test_a_dry_run_tells_and_changes_nothing(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*command: str) -> tuple[int, str, str]:
        code = main(["--state-dir", str(state), "spares", *command])
        out, err = capsys.readouterr()
        return code, out, err

    file = state / "parts.csv"
    file.write_text("part;capacity;part number\ndrive;512 GB;P-1\n")
    code, out, _err = run("import", "parts", str(file), "--dry-run")
    assert code == 0 and "+ drive, 512 GB, P-1" in out and "would be: 1 added" in out
    assert "None. A file to begin with: docs/spares.md" in run("list", "parts")[1]
    told = json.loads(run("import", "parts", str(file), "--json")[1])
    assert told["done"] and told["added"][0]["at_least_bytes"] == 512 * 10**9
    assert json.loads(run("list", "parts", "--json")[1])[0]["capacity"] == "512 GB"
    counts = {
        row["kind"]: (row["rows"], row["changed_at"] is None) for row in json.loads(run("list", "--json")[1])
    }
    assert counts["parts"] == (1, False) and counts["stock"] == (0, True)
    file.write_text("part,capacity,part number\ndrive,512,P-1\n")
    code, _out, err = run("import", "parts", str(file))
    assert code == 1 and "parts.csv, line 2, column capacity: '512' is no amount" in err
    assert run("import", "parts", str(state / "none.csv"))[0] == 1
