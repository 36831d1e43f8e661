"""What is installed on a machine without a checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.conftest import REPOSITORY


def test_the_wheel_holds_all_that_runs_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=REPOSITORY, check=True,
        capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())

    tracked = subprocess.run(
        ["git", "ls-files", "agent", "collector", "console", "protos"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert set(tracked) <= names, "something that is in the tree is not installed"
    folders = {name.split("/")[0] for name in names if "dist-info" not in name}
    assert folders == {"agent", "collector", "console", "protos"}
