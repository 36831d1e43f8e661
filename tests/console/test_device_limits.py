"""Pictures of a device: the limits that hold for it, what was open when, why there is nothing, where a trend leads."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from collector.rules.state import DeviceState as Remembered
from collector.store.devices import Device, DeviceState
from collector.store.overrides import Override
from collector.store.reports import GapSeen
from console import device_limits, pictures
from console.device_facts import Reading
from console.device_limits import InForce
from tests.console import rows
from tests.console.conftest import database, signed_in
from tests.console.test_words_and_pictures import NOW, draw, points

DISK = "0c7be3a9d4f15862"
ROOT = "a1b2"  # of /
FULL = "filesystem_nearly_full"
Here = Callable[..., InForce]


@pytest.fixture
def here(app: Flask, now: datetime) -> Here:
    """What holds on the device after these rows were added."""

    def read(*added: Any, readings: tuple[Reading, ...] = ()) -> InForce:
        with database(app).writer() as session, session.begin():
            session.add_all(added)
        with database(app).reader() as session:
            device = session.get_one(Device, DISK)
            found = device_limits.read(session, device, readings, now - timedelta(hours=24), now)
            session.expunge_all()
            return found

    return read


def override(now: datetime, id: str = "o1", **values: Any) -> Override:
    usual = {"rule": FULL, "scope": "device", "name": DISK, "changes": {"raise_above": 0.8, "clear_below": 0.7}, "why": "It is small", "who": "lead.one", "created_at": now}  # fmt: skip
    return Override(id=id, **(usual | values))


def drawn(here: InForce, metric: str = "filesystem_used_ratio", component: str = ROOT) -> dict[str, float]:
    return {one.word: one.value for one in device_limits.limits(here, metric, component)}


# limits


def test_a_limit_is_drawn_where_a_finding_begins_and_where_it_ends(here: Here) -> None:
    begins, ends = (
        [one for one in device_limits.limits(here(), "disk_temperature_celsius", "x") if one.ends is end]
        for end in (False, True)
    )
    assert [one.value for one in begins] == [65] and [one.value for one in ends] == [60]
    assert ends[0].word == "well again"


def test_an_override_moves_the_limits_of_its_device_and_says_so(here: Here, now: datetime) -> None:
    assert "warning, override" not in drawn(here())
    after = here(override(now, until_at=now + timedelta(days=30)))
    assert drawn(after)["warning, override"] == 0.8 and drawn(after)["well again, override"] == 0.7
    (named,) = [one for one in device_limits.limits(after, "filesystem_used_ratio", ROOT) if one.value == 0.8]
    assert "above 80 %" in named.name and "override for one device by lead.one until" in named.name


@pytest.mark.parametrize(
    "values",
    [
        {"name": "another"}, {"scope": "site", "site": "Elsewhere", "name": ""}, {"scope": "component", "component": "e5f6"},
        {"ended": True}, {"until": True},
    ],
)  # fmt: skip
def test_an_override_for_others_or_one_that_is_over_moves_nothing(
    here: Here, now: datetime, values: dict[str, Any]
) -> None:
    values = dict(values)
    if values.pop("ended", False):
        values["ended_at"] = now
    if values.pop("until", False):
        values["until_at"] = now - timedelta(minutes=1)
    before = drawn(here())
    assert drawn(here(override(now, **values))) == before


def test_the_narrower_override_decides(here: Here, now: datetime) -> None:
    after = here(
        override(
            now, "o1", scope="component", component=ROOT, changes={"raise_above": 0.6, "clear_below": 0.5}
        ),
        override(now, "o2", scope="all", name="", changes={"raise_above": 0.75, "clear_below": 0.7}),
    )
    assert drawn(after)["warning, override"] == 0.6
    assert drawn(after, component="e5f6")["warning, override"] == 0.75


def test_a_rule_that_is_switched_off_here_draws_no_limit(here: Here, now: datetime) -> None:
    def values(found: InForce) -> set[float]:
        return {one.value for one in device_limits.limits(found, "filesystem_used_ratio", ROOT)}

    assert values(here()) - values(here(override(now, changes={"enabled": False}))) == {0.85}


def test_a_sensors_own_limit_is_drawn_where_it_told_one(here: Here, now: datetime) -> None:
    metric = "sensor_temperature_celsius"
    assert drawn(here(), metric, "cpu") == {}, "an unknown limit is no line at zero"
    own = Reading("sensors", "sensor_temperature_limit_celsius", "cpu", "cpu", 96.0, now)
    assert 96.0 in drawn(here(readings=(own,)), metric, "cpu").values()


# what was open, and why there is nothing


def test_the_time_in_which_a_finding_was_open_is_tinted(here: Here, app: Flask, now: datetime) -> None:
    found = device_limits.spoke(here(), "disk_pending_sectors_count", "S4EVNF0M712345")
    assert [(one.critical, one.ends) for one in found] == [(True, now)]
    assert device_limits.spoke(here(), "disk_pending_sectors_count", "another") == []
    svg = draw(
        stretches=[pictures.Stretch(NOW - timedelta(hours=40), NOW - timedelta(hours=12), "A <b>", True)]
    )
    left, width = map(float, re.findall(r'pic-open critical" x="([\d.]+)".*?width="([\d.]+)"', svg)[0])
    assert left == 46 and width == pytest.approx((360 - 46 - 8) / 2, abs=0.1), (
        "what began before begins at the edge"
    )
    assert "A &lt;b&gt;: since" in svg


def test_a_time_without_readings_is_grey_and_says_from_when_to_when_and_why() -> None:
    two = points(*range(600, 300, -5)) + points(*range(100, 0, -5))
    svg = draw(drawn=two, why_not=lambda begins, ends: "the device was silent" if ends - begins > timedelta(hours=3) else "")  # fmt: skip
    assert svg.count("pic-hole") == 2, "before the first and between"
    assert "no reading from Sun 22 Nov 2026 00:55 to Sun 22 Nov 2026 04:20: the device was silent" in svg
    assert "pic-hole" not in draw(drawn=points(*range(1440, 0, -5)))
    assert "why is not known" in draw(drawn=two)
    late = draw(drawn=points(*range(1440, 200, -5)))
    assert late.count("pic-hole") == 1, "after the last one nothing was read either"


def test_of_too_few_readings_nobody_can_say_where_one_is_missing() -> None:
    assert "pic-hole" not in draw(drawn=points(1200, 600, 20))


def test_why_nothing_was_heard_is_said_as_far_as_it_is_known(app: Flask, here: Here, now: datetime) -> None:
    def at(hours: float) -> datetime:
        return now - timedelta(hours=hours)

    with database(app).writer() as session, session.begin():
        rows.finding(session, DISK, "s1", "device_silent", now, kind="silence", state="cleared", since_at=at(16), cleared_at=at(14))  # fmt: skip
    known = here(GapSeen(device_id=DISK, id="g9", reason="evicted", reports=9, from_at=at(10), to_at=at(9), received_at=at(8)))  # fmt: skip
    assert device_limits.why_not(known, at(15.5), at(13)) == "the device was silent"
    assert device_limits.why_not(known, at(10.5), at(9.5)) == "reports were lost: its spool was full"
    assert device_limits.why_not(known, at(6), at(5)) == ""
    assert "enrolled" in device_limits.why_not(known, now - timedelta(days=70), now - timedelta(days=60))


# where a trend leads


def _filling(now: datetime, step: float = 0.004) -> DeviceState:
    trail = tuple((now - timedelta(hours=12 * back), 0.8 - step * back) for back in range(58, -1, -1))
    return DeviceState(device_id=DISK, body=Remembered(trails={("filesystem_filling_up", ROOT): trail}).to_bytes())  # fmt: skip


def test_the_trend_that_the_forecast_sees_is_said_and_drawn(app: Flask, here: Here, now: datetime) -> None:
    known = here(_filling(now))
    trend = device_limits.ahead(known, "filesystem_used_ratio", ROOT, 0.8)
    assert trend is not None
    assert trend.left == pytest.approx(0.18 / 0.008 * 86400, rel=0.05) and trend.late >= trend.left
    client = signed_in(app)
    for span, wedges in (("24h", 0), ("30d", 1)):
        text = client.get(f"/devices/{DISK}/pictures?span={span}").text
        assert "at the present rate 98 % in about" in text
        assert text.count("pic-ahead") == wedges, "a day is too short a picture for a trend"


@pytest.mark.parametrize("step", [0.0, -0.003])
def test_what_does_not_fill_is_not_forecast(here: Here, now: datetime, step: float) -> None:
    assert device_limits.ahead(here(_filling(now, step)), "filesystem_used_ratio", ROOT, 0.8) is None


def test_without_a_past_nothing_is_forecast(here: Here, now: datetime) -> None:
    assert device_limits.ahead(here(), "filesystem_used_ratio", ROOT, 0.8) is None
    broken = here(DeviceState(device_id=DISK, body=b"of another version"))
    assert device_limits.ahead(broken, "filesystem_used_ratio", ROOT, 0.8) is None


def test_the_wedge_ends_at_the_wall_and_at_the_axis() -> None:
    day = 86400.0
    for left, late, corners in ((5 * day, 8 * day, 4), (5 * day, 40 * day, 4), (20 * day, 40 * day, 3)):
        svg = draw(drawn=points(*range(1200, 0, -5)), ahead=pictures.Ahead(0.5, 0.98, left, late, "soon"), ahead_for=timedelta(days=15))  # fmt: skip
        (shape,) = re.findall(r'class="pic-ahead" points="([^"]+)"', svg)
        assert len(shape.split()) == corners
        assert max(float(corner.partition(",")[0]) for corner in shape.split()) <= 352


# the page


def test_the_page_names_limits_newest_value_and_its_age(app: Flask, here: Here, now: datetime) -> None:
    here(override(now))
    text = signed_in(app).get(f"/devices/{DISK}").text
    assert "pic-open critical" in text and "pic-hole" in text
    pictures_page = signed_in(app).get(f"/devices/{DISK}/pictures").text
    assert "80 % warning, override" in pictures_page and "70 % well again, override" in pictures_page
    assert re.search(r'class="newest">40 <span class="muted"><time', pictures_page)
    assert "<script>" not in pictures_page and "style=" not in pictures_page
