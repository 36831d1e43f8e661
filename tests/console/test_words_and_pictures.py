"""Numbers in people's units, and pictures that hide nothing."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from console import format, pictures, words

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ZONE = ZoneInfo("America/Chicago")


@pytest.mark.parametrize(
    ("metric", "number", "said"),
    [
        ("filesystem_used_ratio", 0.93, "93 %"),
        ("filesystem_used_ratio", 0.9996, "99.9 %"),
        ("filesystem_used_ratio", 1.0, "100 %"),
        ("cpu_used_ratio", 0.0, "0 %"),
        ("cpu_used_ratio", 0.0004, "<0.1 %"),
        ("memory_size_bytes", 16 * 2**30, "16 GiB"),
        ("filesystem_available_bytes", 512.1e9, "512 GB"),
        ("filesystem_available_bytes", 1.5e12, "1.5 TB"),
        ("agent_spool_bytes", 0, "0 B"),
        ("disk_temperature_celsius", 41.2, "41 °C"),
        ("sensor_fan_rpm", 1200, "1,200 rpm"),
        ("disk_reallocated_sectors_total", 3118119, "3,118,119"),
        ("uptime_seconds", 4 * 86400 + 7200, "4 d 2 h"),
        ("clock_offset_seconds", 0.0012, "1 ms"),
        ("operating_system_support_left_seconds", -86400.0, "−1 d"),
        ("disk_self_assessment_passed_state", 0, "FAILED"),
        ("disk_critical_warning_state", 12, "reliability, read-only"),
        ("reboot_pending_state", 1, "yes"),
        ("cpu_run_queue_load", 0.4, "0.40"),
        ("anything_at_all_ratio", None, "?"),
        ("cpu_used_ratio", float("nan"), "?"),
    ],
)
def test_a_reading_is_said_by_the_unit_its_name_ends_with(
    metric: str, number: float | None, said: str
) -> None:
    assert format.value(metric, number) == said


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [("size_bytes", "250059350016", "250 GB"), ("readable", "true", "yes"), ("model", "<b>", "<b>"), ("size_bytes", "big", "big")],
)  # fmt: skip
def test_a_fact_is_text_unless_its_name_has_a_unit(name: str, text: str, said: str) -> None:
    assert format.fact(name, text) == said


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(seconds=2), "just now"), (timedelta(seconds=31), "31 s ago"), (timedelta(minutes=3), "3 min ago"),
        (timedelta(hours=5), "5 h ago"), (timedelta(days=9), "9 days ago"), (timedelta(days=100), "3 months ago"),
        (timedelta(days=-1), "in 24 h"),
    ],
)  # fmt: skip
def test_an_age_is_said_in_one_part(before: timedelta, said: str) -> None:
    assert format.ago(NOW - before, NOW) == said


def test_never_is_never_and_the_exact_time_is_behind_the_words() -> None:
    assert format.ago(None, NOW) == "never"
    assert format.time_tag(NOW, "now", ZONE) == (
        '<time datetime="2026-11-22T12:00:00Z" title="Sun 22 Nov 2026 06:00:00 CST">now</time>'
    )


def test_metric_names_become_words() -> None:
    assert words.metric("disk_reallocated_sectors_total") == "Disk reallocated sectors"
    assert words.plain("bios_version") == "BIOS version"
    assert words.plural(1, "device") == "1 device"


def points(*minutes: float, value: float = 0.5) -> list[pictures.Point]:
    return [pictures.Point(NOW - timedelta(minutes=m), value, value - 0.1, value + 0.1) for m in minutes]


def draw(metric: str = "cpu_used_ratio", drawn: list[pictures.Point] | None = None, **more: object) -> str:
    arguments = {"since": NOW - timedelta(hours=24), "until": NOW, "zone": ZONE, "title": "Processor"} | more
    svg = str(pictures.line(metric, points(30, 25, 20) if drawn is None else drawn, **arguments))  # type: ignore[arg-type]
    ElementTree.fromstring(svg)  # noqa: S314 - our own; well-formed, or this raises
    return svg


def test_a_gap_is_drawn_as_a_gap() -> None:
    whole = points(*range(600, 300, -5))
    assert draw(drawn=whole).count("<polyline") == 1
    assert draw(drawn=whole + points(*range(100, 0, -5))).count("<polyline") == 2


def test_a_lone_point_is_seen() -> None:
    assert "<circle" in draw(drawn=points(30))


def test_the_band_reaches_from_least_to_most() -> None:
    assert draw().count("<polygon") == 1
    flat = [pictures.Point(NOW - timedelta(minutes=m), 1.0) for m in (20, 15, 10)]
    assert "<polygon" not in draw(drawn=flat)


def test_limits_are_dashed_lines_when_they_are_near() -> None:
    assert "pic-limit" in draw(limits=(pictures.Limit(0.9, "warning"),))
    hot = [pictures.Point(NOW - timedelta(minutes=m), 40.0 + m / 10) for m in (20, 15, 10)]
    assert "pic-limit" in draw("disk_temperature_celsius", hot, limits=(pictures.Limit(65, "hot"),))
    assert "pic-limit" not in draw("disk_temperature_celsius", hot, limits=(pictures.Limit(5000, "never"),))


def test_no_data_is_said_and_is_not_a_line_at_zero() -> None:
    svg = draw(drawn=[])
    assert "no reading in this time" in svg
    assert "<polyline" not in svg


def test_numbers_that_are_none_are_left_out() -> None:
    svg = draw(drawn=[*points(30, 25), pictures.Point(NOW - timedelta(minutes=20), float("nan"))])
    assert "nan" not in svg


@pytest.mark.parametrize("metric", ["cpu_used_ratio", "filesystem_available_bytes", "clock_offset_seconds", "disk_crc_errors_total", "x_state", "cpu_run_queue_load", "sensor_fan_rpm"])  # fmt: skip
@pytest.mark.parametrize("number", [0.0, 1e-9, -3.5, 7.0, 1e15])
def test_any_number_of_any_unit_can_be_drawn(metric: str, number: float) -> None:
    svg = draw(metric, [pictures.Point(NOW - timedelta(minutes=m), number) for m in (20, 15, 10)])
    assert 0 < len(re.findall('class="pic-label pic-y"', svg)) <= 8


def test_a_hostile_title_is_inert() -> None:
    svg = draw(
        title='</title><script>x</script>" onload="y', limits=(pictures.Limit(0.5, "</title><script>"),)
    )
    assert "<script" not in svg
    assert 'onload="y' not in svg


def test_pictures_use_classes_and_no_styles() -> None:
    assert "style=" not in draw()


def test_the_axis_labels_are_in_the_readers_time_zone() -> None:
    svg = draw(since=NOW - timedelta(hours=20), until=NOW)
    assert "00:00" in svg
    summer = datetime(2026, 11, 1, 18, tzinfo=UTC)  # the day the clock goes back
    assert "00:00" in str(
        pictures.line("cpu_used_ratio", [], since=summer - timedelta(hours=24), until=summer, zone=ZONE)
    )


def test_a_month_of_points_is_thinned_and_keeps_its_peaks() -> None:
    since = NOW - timedelta(days=30)
    month = [
        pictures.Point(since + timedelta(minutes=5 * n), 0.2, 0.2, 0.99 if n == 4321 else 0.2)
        for n in range(8640)
    ]
    kept = pictures.thinned(month, since, NOW)
    assert len(kept) <= 301
    assert max(point.high or 0 for point in kept) == 0.99
    assert len(draw(drawn=month, since=since)) < 20_000


def _shine(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_colour_of_text_can_be_read_on_every_ground() -> None:
    """WCAG AA: 4.5 to 1."""
    css = (Path(pictures.__file__).parent / "static" / "console.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in css.split(":root {")[1:3]
    )
    for look in (light, light | dark):
        for text in ("ink", "soft", "accent", "good", "warn", "bad"):
            for ground in ("paper", "wash", "bad-wash", "warn-wash", "good-wash"):
                bright, dim = sorted((_shine(look[text]), _shine(look[ground])), reverse=True)
                assert (bright + 0.05) / (dim + 0.05) >= 4.5, (text, ground, look[text], look[ground])


def test_a_spark_needs_two_points() -> None:
    span = {"since": NOW - timedelta(hours=1), "until": NOW}
    assert pictures.spark(points(30), **span) == ""
    assert "<polyline" in pictures.spark(points(30, 25, 20), **span)
