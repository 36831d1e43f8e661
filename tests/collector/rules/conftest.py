"""The rules as shipped, read once."""

import pytest

from collector.rules.load import load
from collector.rules.rule import Rules


@pytest.fixture(scope="session")
def shipped() -> Rules:
    return load()
