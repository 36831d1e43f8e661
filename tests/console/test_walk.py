"""The table of addresses is whole, and each address answers."""

from flask import Flask

from tests.console import walk
from tests.console.api import keys
from tests.console.conftest import signed_in
from tests.console.walk import county

__all__ = ["county"]  # a fixture


def test_every_address_that_can_be_read_is_in_the_table(county: Flask) -> None:
    """A page that is not in walk.py is walked by no browser and looked at by nobody."""
    paths = [*walk.PAGES.values(), *walk.PIECES, *walk.FILES, *walk.LEADS_ON]
    walked = {walk.endpoint(county, path) for path in paths} | set(walk.for_programs(county))
    assert set(walk.readable(county)) - walked == walk.ELSEWHERE


def test_every_address_answers_an_administrator(county: Flask) -> None:
    client, wrong = signed_in(county), []
    for paths, status in ((walk.PAGES.values(), 200), (walk.PIECES, 200), (walk.FILES, 200), (walk.LEADS_ON, 302)):  # fmt: skip
        for path in paths:
            answer = client.get(path, buffered=True)
            # Whether the tables are of the newest version is not for these tables, which no migration made.
            # Whoever is signed in already is led past the door.
            if answer.status_code != status and path not in ("/readyz", "/sign-in"):
                wrong.append((path, answer.status_code))
    program = keys.Caller(county)
    for path in walk.for_programs(county).values():
        answer = program.get(path)
        if answer.status_code != 200 or not isinstance(answer.json, dict):
            wrong.append((path, answer.status_code))
    assert wrong == []
