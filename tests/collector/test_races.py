"""Several collectors on one PostgreSQL. `make chaos` runs 10,000 races; here are enough to find a wrong lock."""

import pytest
from sqlalchemy import Engine

from bench.races import race

RACES = 60


def test_three_collectors_that_judge_at_once_open_one_finding_and_one_ticket(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time, so nobody races")
    result = race(engine, RACES, devices=5)
    assert (result.findings, result.doubled, result.openings) == (RACES, 0, RACES)
    assert result.tickets == 5
    assert result.lost == 0
