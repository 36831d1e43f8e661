"""A room's parts against its accepted baseline: gone, changed, swapped, a whole branch."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from collector.rules.context import NO_BASELINE, Baseline, DeviceContext, Expected
from collector.rules.rule import ROOM, Rules
from collector.rules.state import DeviceState
from collector.rules.why_not import why_not
from protos import sections
from protos.report_pb2 import FAILED, OK, Item, Report
from tests.collector.rules.reports import HOUR, MINUTE, NOON, Judged, changes, reading, report

Parts = dict[str, dict[str, str]]
SECOND = timedelta(seconds=1)

HUB, CAMERA, MICROPHONE, SPEAKER = "1-4", "046d:085e@1-4.1", "alsa_input.usb-Shure", "alsa_output.usb-Shure"
ROOM_201: dict[str, Parts] = {
    "displays": {
        "EPS1234": {"model": "EPSON PJ", "connector": "HDMI-A-1", "width_pixels": "1920"},
        "SAM0002": {"model": "SAMSUNG", "connector": "DP-1", "width_pixels": "3840"},
    },
    "cameras": {CAMERA: {"name": "Logitech BRIO", "usb_path": "1-4.1", "usable": "true"}},
    "audio_endpoints": {
        MICROPHONE: {"name": "Shure MXA", "flow": "microphone", "usb_path": "1-4.2", "usable": "true"},
        SPEAKER: {"name": "Shure MXA out", "flow": "speaker", "usb_path": "1-4.2", "usable": "true"},
    },
    "audio_defaults": {
        "microphone": {"endpoint": MICROPHONE, "name": "Shure MXA"},
        "speaker": {"endpoint": SPEAKER, "name": "Shure MXA out"},
    },
    "usb_links": {
        HUB: {"name": "Hub", "kind": "hub", "speed_bits_per_second": "5000000000"},
        "1-4.1": {"name": "Logitech BRIO", "kind": "camera", "speed_bits_per_second": "5000000000"},
        "1-4.2": {"name": "Shure MXA", "kind": "audio", "speed_bits_per_second": "480000000"},
    },
}


def baseline(parts: dict[str, Parts], key: str = "b1") -> Baseline:
    return Baseline(
        key,
        {
            section: {
                name: Expected(facts.get("model") or facts.get("name", name), facts)
                for name, facts in rows.items()
            }
            for section, rows in parts.items()
        },
    )


def room(
    rules: Rules,
    *names: str,
    accepted: Baseline | None = None,
    during: Callable[[str, datetime], bool] | None = None,
) -> Judged:
    chosen = [rule for rule in rules if rule.name in names or (not names and rule.kind in ROOM)]
    context = DeviceContext(
        device_class="av_host", baseline=accepted if accepted is not None else baseline(ROOM_201),
        during=during or (lambda _when, _at: True),
    )  # fmt: skip
    return Judged(Rules(chosen), context)


def shows(parts: dict[str, Parts], *, unchanged: bool = False, failed: tuple[str, ...] = ()) -> Report:
    made = Report()
    for name, rows in parts.items():
        items = [Item(key=key, facts=facts) for key, facts in rows.items()]
        made.sections.add(name=name, hash=1, unchanged=unchanged, items=[] if unchanged else items)
        probe = sections.BY_NAME[name].probe
        made.outcomes.add(probe=probe, outcome=FAILED if probe in failed else OK)
    return made


def without(*keys: str, **changed: str) -> dict[str, Parts]:
    """The room without these; `changed`: facts of what is left that are others now, by the fact's name."""
    return {
        section: {key: {**facts, **{k: v for k, v in changed.items() if k in facts}} for key, facts in rows.items() if key not in keys}
        for section, rows in ROOM_201.items()
    }  # fmt: skip


def test_a_camera_unplugged_is_a_finding_within_two_minutes_and_ends_when_it_is_back(shipped: Rules) -> None:
    device = room(shipped)
    device.take(shows(ROOM_201), NOON)
    device.take(shows(without(CAMERA)), NOON + MINUTE)
    device.take(None, NOON + 2 * MINUTE - SECOND)
    (opened,) = device.told
    assert (opened.rule, opened.component) == ("camera_missing", CAMERA)
    assert opened.summary == "Camera gone: Logitech BRIO (at 1-4.1)"
    assert "accepted baseline" in opened.clauses[0]["text"]
    device.take(shows(without(CAMERA), unchanged=True), NOON + 5 * MINUTE)
    assert len(device.open()) == 1
    device.take(shows(ROOM_201), NOON + 6 * MINUTE)
    assert changes(device.told)[1:] == [("camera_missing", "cleared", "cleared")]


def test_what_is_back_within_seconds_is_nothing(shipped: Rules) -> None:
    device = room(shipped)
    device.take(shows(ROOM_201), NOON)
    device.take(shows(without(CAMERA)), NOON + MINUTE)
    device.take(shows(ROOM_201), NOON + MINUTE + 30 * SECOND)
    device.take(None, NOON + HOUR)
    assert device.told == []


def test_a_hub_with_three_parts_is_one_finding_that_names_its_socket(shipped: Rules) -> None:
    device = room(shipped)
    device.take(shows(ROOM_201), NOON)
    gone = without(HUB, CAMERA, MICROPHONE, SPEAKER, "1-4.1", "1-4.2")
    # The camera's probe tells it first, the tree of USB a moment later.
    device.take(shows({"cameras": gone["cameras"]}), NOON + MINUTE)
    later = {name: gone[name] for name in ("audio_endpoints", "usb_links")}
    device.take(shows(later), NOON + MINUTE + 5 * SECOND)
    device.take(None, NOON + 2 * MINUTE - SECOND)
    (opened,) = device.told
    assert (opened.rule, opened.component) == ("usb_branch_missing", HUB)
    assert opened.summary.startswith("A whole USB branch is gone: 1-4 (")
    assert all(name in opened.summary for name in ("Logitech BRIO", "Shure MXA", "Shure MXA out"))
    device.take(shows(ROOM_201), NOON + 10 * MINUTE)
    assert changes(device.told)[1:] == [("usb_branch_missing", "cleared", "cleared")]
    assert device.open() == set()


def test_parts_that_had_a_finding_hand_it_over_to_the_branch(shipped: Rules) -> None:
    device = room(shipped)
    device.take(shows(ROOM_201), NOON)
    device.take(shows(without(CAMERA)), NOON + MINUTE)
    device.take(None, NOON + 2 * MINUTE)
    assert device.open() == {("camera_missing", CAMERA)}
    device.take(shows(without(HUB, CAMERA, MICROPHONE, SPEAKER, "1-4.1", "1-4.2")), NOON + 3 * MINUTE)
    assert changes(device.told)[-1] == ("camera_missing", "cleared", "covered")
    device.take(None, NOON + 5 * MINUTE)
    assert device.open() == {("usb_branch_missing", HUB)}


def test_when_the_hub_is_back_and_the_camera_is_not_the_camera_has_its_own(shipped: Rules) -> None:
    device = room(shipped)
    device.take(shows(ROOM_201), NOON)
    device.take(shows(without(HUB, CAMERA, MICROPHONE, SPEAKER, "1-4.1", "1-4.2")), NOON + MINUTE)
    device.take(None, NOON + 2 * MINUTE)
    device.take(shows(without(CAMERA, "1-4.1")), NOON + 3 * MINUTE)
    device.take(None, NOON + 4 * MINUTE)
    assert device.open() == {("camera_missing", CAMERA)}


def test_a_part_that_is_there_and_not_usable_is_missing_and_one_that_cannot_tell_is_not(
    shipped: Rules,
) -> None:
    device = room(shipped, "microphone_missing", "speaker_missing")
    parts = without()
    parts["audio_endpoints"][MICROPHONE]["usable"] = "false"
    del parts["audio_endpoints"][SPEAKER]["usable"]
    device.take(shows(parts), NOON)
    device.take(None, NOON + MINUTE)
    assert device.open() == {("microphone_missing", MICROPHONE)}


def test_the_default_that_moved_says_from_where_to_where(shipped: Rules) -> None:
    device = room(shipped)
    parts = without()
    parts["audio_defaults"]["microphone"] = {"endpoint": "webcam", "name": "Webcam C920"}
    parts["audio_defaults"]["speaker"] = {"endpoint": "none", "name": "none (every real one is gone)"}
    device.take(shows(parts), NOON)
    device.take(None, NOON + MINUTE)
    said = {t.rule: (t.severity, t.summary) for t in device.told}
    assert said["default_microphone_changed"] == (
        "critical",
        "Calls and recordings use another device: Shure MXA: Shure MXA → Webcam C920",
    )
    assert said["default_speaker_changed"][0] == "warning"
    device.take(shows(ROOM_201), NOON + 2 * MINUTE)
    assert device.open() == set()
    assert "as the room's baseline has it" in device.told[-1].clauses[0]["text"]


def test_another_display_in_its_place_is_swapped_and_not_gone(shipped: Rules) -> None:
    device = room(shipped)
    parts = without("EPS1234")
    parts["displays"]["BNQ7777"] = {"model": "BenQ PJ", "connector": "HDMI-A-1", "width_pixels": "1920"}
    for n in range(8):
        device.take(shows(parts), NOON + n * 5 * MINUTE)
    assert device.open() == {("display_swapped", "EPS1234")}
    assert device.told[0].summary == "Another display in its place: EPSON PJ → BenQ PJ"


def test_a_camera_on_a_slow_cable_and_a_display_with_fewer_pixels(shipped: Rules) -> None:
    device = room(shipped)
    parts = without()
    parts["usb_links"]["1-4.1"]["speed_bits_per_second"] = "480000000"
    parts["usb_links"]["1-4.2"]["speed_bits_per_second"] = "5000000000"  # faster is no fault
    parts["displays"]["SAM0002"]["width_pixels"] = "1920"
    for n in range(8):
        device.take(shows(parts), NOON + n * 5 * MINUTE)
    assert device.open() == {("usb_link_slower", "1-4.1"), ("display_resolution_lower", "SAM0002")}


def test_a_usb_3_camera_that_falls_back_is_on_another_bus_and_slower_but_not_gone(shipped: Rules) -> None:
    parts = without()
    parts["cameras"] = {CAMERA: {**ROOM_201["cameras"][CAMERA], "id": "046d:085e", "usb_path": "2-4.1"}}
    parts["usb_links"] = {
        "1-4": {"name": "Hub", "kind": "hub", "speed_bits_per_second": "480000000"},
        "2-4": {"name": "Hub", "kind": "hub", "speed_bits_per_second": "5000000000"},
        "2-4.1": {**ROOM_201["usb_links"]["1-4.1"], "id": "046d:085e"},
    }
    device = room(shipped, accepted=baseline(parts))
    device.take(shows(parts), NOON)
    fallen = without(CAMERA)
    fallen["cameras"] = {"046d:085e@1-4.1": {**parts["cameras"][CAMERA], "usb_path": "1-4.1"}}
    fallen["usb_links"] = {
        "1-4": parts["usb_links"]["1-4"],
        "1-4.1": {**parts["usb_links"]["2-4.1"], "speed_bits_per_second": "480000000"},
    }
    for n in range(1, 8):
        device.take(shows(fallen), NOON + n * 5 * MINUTE)
    assert device.open() == {("usb_link_slower", "2-4.1")}
    device.take(shows(parts), NOON + HOUR)
    assert device.open() == set()


def test_twins_are_missed_as_often_as_they_are_gone(shipped: Rules) -> None:
    def twin(path: str) -> dict[str, str]:
        return {"name": "Cam", "id": "1:2", "usb_path": path, "usable": "true"}

    parts = {"cameras": {"1:2@1-1": twin("1-1"), "1:2@1-2": twin("1-2")}}
    device = room(shipped, accepted=baseline(parts))
    device.take(shows({"cameras": {"1:2@1-3": twin("1-3")}}), NOON)
    device.take(None, NOON + 2 * MINUTE)
    assert len(device.open()) == 1
    device.take(shows({"cameras": {"1:2@1-3": twin("1-3"), "1:2@1-5": twin("1-5")}}), NOON + 3 * MINUTE)
    assert device.open() == set(), "both were only moved"


def test_out_of_its_hours_a_display_may_sleep_and_one_that_was_gone_before_stays_open(shipped: Rules) -> None:
    closes = NOON + HOUR
    device = room(shipped, "display_missing", during=lambda when, at: when != "hours" or at < closes)
    device.take(shows(without("SAM0002")), NOON)
    device.take(None, NOON + MINUTE)
    assert device.open() == {("display_missing", "SAM0002")}
    device.take(shows(without("SAM0002", "EPS1234")), closes - 20 * SECOND)
    device.take(None, closes + 5 * MINUTE)
    device.take(shows(without("SAM0002", "EPS1234"), unchanged=True), closes + 5 * MINUTE)
    device.take(None, closes + 10 * MINUTE)
    assert device.open() == {("display_missing", "SAM0002")}, (
        "what is about to open when the room closes does not"
    )
    device.take(shows(without("EPS1234")), closes + 15 * MINUTE)
    assert device.open() == set()


def test_a_new_acceptance_ends_at_once_what_it_settles(shipped: Rules) -> None:
    device = room(shipped)
    device.take(shows(without(CAMERA)), NOON)
    device.take(None, NOON + MINUTE)
    assert device.open() == {("camera_missing", CAMERA)}
    device.device = DeviceContext(device_class="av_host", baseline=baseline(without(CAMERA), "b2"))
    device.take(None, NOON + 2 * MINUTE)
    assert changes(device.told)[-1] == ("camera_missing", "cleared", "accepted")
    device.take(shows(ROOM_201), NOON + 5 * MINUTE)
    assert device.open() == set(), "more than was accepted is no fault"


def test_without_a_baseline_nothing_is_expected(shipped: Rules) -> None:
    device = room(shipped, accepted=NO_BASELINE)
    device.take(shows(ROOM_201), NOON)
    device.take(shows({name: {} for name in ROOM_201}), NOON + MINUTE)
    device.take(None, NOON + HOUR)
    assert device.told == []
    told = why_not(device.rules, device.state, "camera_missing", device.device, NOON)
    assert told == ["Nobody has accepted a baseline for its room: nothing is expected of it."]


def test_a_probe_that_failed_has_lost_nothing(shipped: Rules) -> None:
    device = room(shipped)
    device.take(shows(ROOM_201), NOON)
    device.take(shows({"cameras": {}}, failed=("cameras",)), NOON + MINUTE)
    device.take(None, NOON + HOUR)
    assert device.told == []


def test_what_it_shows_comes_back_from_the_database(shipped: Rules) -> None:
    device = room(shipped)
    device.take(shows(ROOM_201), NOON)
    assert DeviceState.from_bytes(device.state.to_bytes()) == device.state


def test_only_parts_of_the_baseline_are_missed_when_muted(shipped: Rules) -> None:
    device = room(shipped, "audio_muted")
    muted = [
        reading("audio_muted_state", 1, MICROPHONE, "Shure MXA"),
        reading("audio_muted_state", 1, "onboard"),
    ]
    device.take(report(*muted), NOON)
    device.take(None, NOON + MINUTE)
    assert device.open() == {("audio_muted", MICROPHONE)}
    device.take(report(reading("audio_muted_state", 0, MICROPHONE)), NOON + 2 * MINUTE)
    assert device.open() == set()
    told = why_not(
        device.rules,
        device.state,
        "audio_muted",
        device.device,
        NOON,
        {("audio_muted_state", "onboard"): 1.0},
    )
    assert told == ["onboard: it is no part of the room's accepted baseline."]


def test_a_projector_left_on_is_told_only_after_the_room_closed(shipped: Rules) -> None:
    accepted = baseline({"projectors": {"P1": {"name": "P1"}}})
    closed = [False]
    device = room(
        shipped,
        "projector_left_on",
        accepted=accepted,
        during=lambda when, _at: (when == "out_of_hours") == closed[0],
    )
    on = report(reading("projector_power_state", 1, "P1"))
    for n in range(40):
        device.take(on, NOON + n * 5 * MINUTE)
    assert device.told == []
    closed[0] = True
    for n in range(40, 70):
        device.take(on, NOON + n * 5 * MINUTE)
    assert device.open() == {("projector_left_on", "P1")}
    device.take(report(reading("projector_power_state", 2, "P1")), NOON + 71 * 5 * MINUTE)
    assert device.open() == set()


def test_every_rule_of_a_room_is_opened_and_ended_here(shipped: Rules) -> None:
    """One turn for each rule of the kinds above, from the shipped files: everything gone, then back."""
    gone = {rule.name for rule in shipped if rule.kind in ROOM}
    extra = {"capture_inputs": {"card": {"name": "Magewell", "usb_path": "1-9"}}}
    accepted = {**ROOM_201, **extra}
    told: set[str] = set()
    for worse in (
        {name: {} for name in accepted},
        {**accepted, "displays": {"X": {"connector": "HDMI-A-1"}}, "cameras": {"Y": {"usb_path": "1-4.1"}}},
        {**accepted, "audio_defaults": {key: {"endpoint": "none"} for key in ROOM_201["audio_defaults"]}},
        {**accepted, "usb_links": {key: {**facts, "speed_bits_per_second": "12000000"} for key, facts in ROOM_201["usb_links"].items()}},
        {**accepted, "displays": {key: {**facts, "width_pixels": "800"} for key, facts in ROOM_201["displays"].items()}},
        {**without(CAMERA, MICROPHONE, SPEAKER)},
    ):  # fmt: skip
        device = room(shipped, accepted=baseline(accepted))
        for n in range(8):
            device.take(shows(worse), NOON + n * 5 * MINUTE)
        opened = {t.rule for t in device.told if t.new == "open"}
        assert all("{" not in t.summary for t in device.told)
        device.take(shows(accepted), NOON + HOUR)
        assert device.open() == set()
        told |= opened
    assert told == gone


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('kind = "missing"\nsection = "camera"', "is no section of the inventory"),
        ('kind = "changed"\nsection = "cameras"', "fact: is missing"),
        ('kind = "changed"\nsection = "cameras"\nfact = "colour"', "'colour' is no fact of cameras"),
        ('kind = "missing"\nsection = "cameras"\nwhere = { flow = "x" }', "'flow' is no fact of cameras"),
        (
            'kind = "missing"\nsection = "cameras"\nduring = "lunch"',
            "must be one of hours, out_of_hours, wanted, session",
        ),
        ('kind = "branch"\nsection = "cameras"', "a branch is one of usb_links"),
        ('kind = "missing"\nsection = "cameras"\npart_of = "cameras"', "about parts of the baseline anyhow"),
    ],
)
def test_a_mistake_in_such_a_rule_is_named(tmp_path, text: str, problem: str) -> None:  # type: ignore[no-untyped-def]
    from collector.rules.load import load
    from collector.rules.rule import RuleError

    path = tmp_path / "mine.toml"
    path.write_text(
        f'[[rule]]\nname = "mine"\n{text}\nseverity = "warning"\ntitle = "t"\nmeaning = "m"\nadvice = "a"\n'
    )
    with pytest.raises(RuleError, match=problem):
        load([path])
