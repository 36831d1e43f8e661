"""What people type into a form that is refused: shown again, inert. Everything that was decided: test_hostile_ways_out.py."""

from flask import Flask

from tests.console import world
from tests.console.conftest import signed_in
from tests.console.hostile import STRINGS
from tests.console.test_hostile import ALLOWED_TAGS, Reader


def test_what_people_type_comes_back_inert(county: Flask) -> None:
    """A form that is refused is shown again with what was typed."""
    client, wrong = signed_in(county), []
    names = ("site", "room", "device", "component", "scope", "raise_above", "hold", "why", "starts", "time_zone", "hours_0", "holidays")  # fmt: skip
    for text in STRINGS:
        typed = dict.fromkeys(names, text)
        for page, more in (
            ("/planned-work", {}), ("/rules/filesystem_nearly_full/overrides", {}), ("/sites", {"site": world.COURT}),
        ):  # fmt: skip
            answer = client.post(page, data=typed | more)
            read = Reader(answer.text)
            wrong_tags = [one for one in read.wrong if one != "<datalist>"]
            if answer.status_code != 400 or wrong_tags or any(script.strip() for script in read.scripts):
                wrong.append((page, text, answer.status_code, wrong_tags))
    assert wrong == []
    assert "datalist" not in ALLOWED_TAGS, "only where it is ours"
