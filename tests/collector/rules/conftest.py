"""The rules as shipped, read once."""

import pytest

from collector.rules.rule import Rules, load


@pytest.fixture(scope="session")
def shipped() -> Rules:
    return load()
