"""What runs these tests is a Windows Python, and the agent's own wheels load in it."""

import importlib
import os
import sys

import pytest


def test_this_is_windows() -> None:
    assert sys.platform == "win32"
    assert os.name == "nt"


@pytest.mark.parametrize(
    "name", ["grpc", "google.protobuf", "psutil", "cryptography", "comtypes", "win32service", "win32security"]
)
def test_the_agents_packages_load(name: str) -> None:
    importlib.import_module(name)
