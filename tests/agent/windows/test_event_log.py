"""The event log's own form. Every XML here is made by us after the maker's documentation of the event schema and of
each event (origin: documented); no log of a real machine was at hand."""

import sys
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Unavailable
from agent.windows import event_log

SPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
SINCE = datetime(2026, 1, 5, 8, tzinfo=UTC)


def xml(
    provider: str, number: int, data: str = "", level: int = 2, at: str = "2026-01-05T08:00:01.1234567Z"
) -> str:
    return (
        f"<Event xmlns='{SPACE}'><System><Provider Name='{provider}'/><EventID Qualifiers='49156'>{number}</EventID>"
        f"<Level>{level}</Level><TimeCreated SystemTime='{at}'/><Channel>System</Channel><Computer>PC-1</Computer>"
        f"<Security UserID='S-1-5-18'/></System><EventData>{data}</EventData></Event>"
    )


def test_an_event_is_read_with_its_time_and_the_named_values_only() -> None:
    data = (
        "<Data Name='BugcheckCode'>159</Data><Data Name='PowerButtonTimestamp'>0</Data>"
        "<Data Name='UserName'>somebody</Data>"
    )
    event = event_log.parse(
        xml("Microsoft-Windows-Kernel-Power", 41, data, level=1), ("BugcheckCode", "PowerButtonTimestamp")
    )
    assert event is not None
    assert (event.provider, event.id, event.level) == ("Microsoft-Windows-Kernel-Power", 41, 1)
    assert event.at == datetime(2026, 1, 5, 8, 0, 1, 123456, UTC)
    assert event.data == {"BugcheckCode": "159", "PowerButtonTimestamp": "0"}
    assert "PC-1" not in str(event)


def test_a_value_without_a_name_is_called_by_its_place() -> None:
    text = xml("disk", 7, "<Data>\\Device\\Harddisk0\\DR0</Data><Data>second</Data><Binary>0300</Binary>")
    event = event_log.parse(text, ("1",))
    assert event is not None
    assert event.data == {"1": "\\Device\\Harddisk0\\DR0"}


def test_whoever_declares_entities_is_not_read() -> None:
    bomb = "<!DOCTYPE a [<!ENTITY b 'bb'><!ENTITY c '&b;&b;&b;'>]>" + xml("disk", 7, "<Data>&c;</Data>")
    assert event_log.parse(bomb, ("1",)) is None
    assert event_log.parse(xml("disk", 7, "<Data>" + "x" * 300_000 + "</Data>"), ("1",)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<Event/>",
        xml("disk", 7, at="yesterday"),
        xml("disk", 7, at="2026-02-30T08:00:00Z"),
        xml("disk", 7).replace("<EventID Qualifiers='49156'>7</EventID>", ""),
        xml("disk", 7)[:-20],
    ],
)
def test_what_is_no_event_is_none(text: str) -> None:
    assert event_log.parse(text) is None


def test_the_query_asks_by_provider_and_id_together() -> None:
    text = event_log.query("System", {"disk": (7, 11), "O'x\"<": (1,), "none": ()}, SINCE)
    root = ElementTree.fromstring(text)  # noqa: S314 (made here)
    selects = [select.text or "" for select in root.iter("Select")]
    assert selects[0] == (
        "*[System[Provider[@Name='disk'] and (EventID=7 or EventID=11)"
        " and TimeCreated[@SystemTime>='2026-01-05T08:00:00.000Z']]]"
    )
    assert len(selects) == 2
    assert {select.get("Path") for select in root.iter("Select")} == {"System"}


def test_a_log_that_cannot_be_asked_is_unavailable_and_ends_no_process() -> None:
    """Under wine this runs the real EvtQuery, which fails there."""
    try:
        found = event_log.events("System", {"EventLog": (6005,)}, SINCE)
    except Unavailable as why:
        assert "event log" in str(why)
    else:
        assert sys.platform == "win32"
        assert isinstance(found, list)


@settings(max_examples=200, deadline=None)
@given(
    some.text()
    | some.text(alphabet="<>/='\" EventSystmDaaTC0129&;!\0", max_size=200).map(
        lambda text: xml("disk", 7, text)
    )
    | some.text(max_size=40).map(lambda text: xml("disk", 7, at=text.replace("'", "")))
)
def test_a_strange_event_breaks_nothing(text: str) -> None:
    event = event_log.parse(text, ("1", "BugcheckCode"))
    assert event is None or set(event.data) <= {"1", "BugcheckCode"}
