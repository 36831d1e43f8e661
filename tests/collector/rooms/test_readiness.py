"""When a room is ready, and what is said when it is not. Each rule of the verdict is a sentence here."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.rooms import readiness
from collector.rooms.item import FAIL, ORDER, PASS, WARN, Item, without_twins
from collector.rooms.known import Known
from collector.store.tickets import Ticket
from collector.tickets.calendar import calendar_of
from tests.collector.rooms.courtroom import (
    CAMERA,
    DAY,
    DISPLAY,
    GRABBER,
    HOUR,
    MICROPHONE,
    MINUTE,
    NOW,
    PROJECTOR,
    RECORDER,
    SPEAKER,
    TARGET,
    WEEK,
    ZONE,
    Courtroom,
)

AT_0640 = datetime(2026, 11, 23, 12, 40, tzinfo=UTC)  # 06:40 in Tulsa
CLOSED = calendar_of(ZONE, WEEK, [])  # at 07:15
Broken = Callable[[Courtroom], object]


def judged(broken: Broken | None = None, now: datetime = NOW) -> readiness.Verdict:
    room = Courtroom()
    room.hours = None  # open at all times; a test that asks of hours sets them
    if broken is not None:
        broken(room)
    return readiness.judge(room.known(), now)


def by_name(verdict: readiness.Verdict, name: str) -> list[Item]:
    return [item for item in verdict.items if item.name == name]


def test_a_room_in_which_all_is_well_is_ready_and_says_how_much_was_looked_at() -> None:
    verdict = judged()
    assert verdict.verdict == "ready", verdict.reason
    assert verdict.reason == f"all is well ({len(verdict.items)} looked at)"
    assert {item.result for item in verdict.items} == {PASS}
    assert verdict.bring == ()
    assert [ORDER.index(item.name) for item in verdict.items] == sorted(
        ORDER.index(item.name) for item in verdict.items
    )
    assert {item.name for item in verdict.items} == set(ORDER) - {"findings", "tickets", "planned work"}


# What is broken, the verdict, and words of the reason or of the item that says it.
RULES: list[tuple[str, Broken, str, str]] = [
    ("a display that is not connected", lambda r: r.loses("displays", DISPLAY), "not_ready", "QM55R: is not connected (was at HDMI-A-1)"),
    ("a display behind a switcher", lambda r: (r.expected["displays"][DISPLAY].update(via_switcher="true"), r.loses("displays", DISPLAY)), "not_ready", "or the switcher before it is off"),
    ("another display in its place", lambda r: r.loses("displays", DISPLAY).shows("displays", "DEL-1", model="U2419", connector="HDMI-A-1"), "degraded", "another one stands in its place at HDMI-A-1: U2419"),
    ("another display that is accepted too", lambda r: (r.expected["displays"].update({"DEL-1": {"model": "U2419", "connector": "HDMI-A-1"}}), r.loses("displays", DISPLAY).shows("displays", "DEL-1", model="U2419", connector="HDMI-A-1")), "not_ready", "QM55R: is not connected"),
    ("a microphone that is gone from a speakerphone", lambda r: (r.expected["audio_endpoints"][SPEAKER].update(usb_path="1-1.2"), r.loses("audio_endpoints", MICROPHONE).shows("audio_endpoints", SPEAKER, usb_path="1-1.2")), "not_ready", "Ceiling array: is gone (was at 1-1.2); bring microphone Ceiling array"),
    ("a critical finding nothing fresh is known of", lambda r: r.finds("disk_failing", "S1", "critical", "Disk is failing", AT_0640, stale_at=NOW), "unknown", "nothing fresh is known of it"),
    ("a display with fewer points than accepted", lambda r: r.shows("displays", DISPLAY, width_pixels="1024", height_pixels="768"), "degraded", "shows 1024 × 768, accepted is 1920 × 1080"),
    ("a projector that does not answer", lambda r: r.reads(PROJECTOR, projector_reachable_state=0).shows("projectors", PROJECTOR, last_error="no route"), "degraded", "Projector: does not answer (no route)"),
    ("a projector that does not answer within the hour before a session", lambda r: r.reads(PROJECTOR, projector_reachable_state=0).books(HOUR / 2, HOUR), "not_ready", "Projector: does not answer"),
    ("a projector nobody could ask", lambda r: r.reads(PROJECTOR, projector_reachable_state=None).shows("projectors", PROJECTOR, last_error="this device has no network"), "unknown", "this device has no network"),
    ("a lamp error", lambda r: r.reads(PROJECTOR, projector_lamp_fault_state=2), "not_ready", "Projector: lamp error; bring lamp ELPLP96"),
    ("a temperature error", lambda r: r.reads(PROJECTOR, projector_temperature_fault_state=2), "not_ready", "Projector: temperature error"),
    ("an open cover", lambda r: r.reads(PROJECTOR, projector_cover_fault_state=2), "not_ready", "open cover error"),
    ("a fan warning", lambda r: r.reads(PROJECTOR, projector_fan_fault_state=1), "degraded", "fan warning"),
    ("a filter that asks to be cleaned", lambda r: r.reads(PROJECTOR, projector_filter_fault_state=2), "degraded", "filter warning; bring filter ELPAF54"),
    ("a projector that tells no faults in standby", lambda r: [r.reads(PROJECTOR, **{f"projector_{p}_fault_state": None}) for p in ("fan", "lamp", "temperature", "cover", "filter", "other")], "unknown", "in standby it does not tell whether it has a fault"),
    ("a lamp with less left than the session takes", lambda r: r.reads(PROJECTOR, projector_lamp_used_ratio=0.998).books(2 * HOUR, 3 * HOUR), "degraded", "its lamp has 2 h left, the session takes 3 h"),
    ("a lamp past its life", lambda r: r.reads(PROJECTOR, projector_lamp_used_ratio=1.02), "degraded", "past its rated life (1,000 h)"),
    ("a lamp nobody rated", lambda r: r.reads(PROJECTOR, projector_lamp_used_ratio=None), "ready", "in standby, no fault, lamp 1,000 h, its rated life is not known"),
    ("no signal in a session", lambda r: r.reads(PROJECTOR, projector_power_state=1, projector_signal_state=0).books(-HOUR, 3 * HOUR), "not_ready", "is on and gets no signal"),
    ("no signal and nobody there", lambda r: r.reads(PROJECTOR, projector_power_state=1, projector_signal_state=0), "ready", "is on and gets no signal"),
    ("a blanked picture in a session", lambda r: r.reads(PROJECTOR, projector_power_state=1, projector_blanked_state=1).books(-HOUR, 3 * HOUR), "degraded", "not broken"),
    ("another default microphone", lambda r: r.shows("audio_defaults", "microphone", endpoint="webcam", name="Webcam"), "not_ready", "Webcam is chosen as microphone instead of Ceiling array"),
    ("another default speaker", lambda r: r.shows("audio_defaults", "speaker", endpoint="hdmi", name="HDMI"), "degraded", "HDMI is chosen as speaker instead of Front speakers"),
    ("no speaker chosen", lambda r: r.shows("audio_defaults", "speaker", endpoint="none", name="none"), "not_ready", "none is chosen as speaker"),
    ("defaults that are not told", lambda r: r.loses("audio_defaults", "microphone"), "unknown", "which one is chosen is not told now"),
    ("an unplugged microphone", lambda r: r.shows("audio_endpoints", MICROPHONE, usable="false", state="unplugged"), "not_ready", "Ceiling array: is unplugged; bring microphone Ceiling array"),
    ("a muted microphone", lambda r: r.reads(MICROPHONE, audio_muted_state=1), "degraded", "Ceiling array: is muted"),
    ("a speaker at 4 %", lambda r: r.reads(SPEAKER, audio_volume_ratio=0.04), "degraded", "its volume is 4 %"),
    ("a speaker at 5 %", lambda r: r.reads(SPEAKER, audio_volume_ratio=0.05), "ready", "not muted"),
    ("a stuck stream", lambda r: r.reads(MICROPHONE, audio_stuck_state=1), "not_ready", "runs and does not move"),
    ("blocked microphones", lambda r: r.reads(microphone_blocked_state=1), "not_ready", "privacy setting keeps programs from all microphones"),
    ("a camera that is gone", lambda r: r.loses("cameras", CAMERA), "not_ready", "Logitech BRIO: is gone (was at 1-1.1); bring camera Logitech BRIO"),
    ("a camera with a problem", lambda r: r.shows("cameras", CAMERA, usable="false", problem="no driver"), "not_ready", "cannot be used: no driver"),
    ("blocked cameras", lambda r: r.reads(camera_blocked_state=1), "not_ready", "privacy setting keeps programs from all cameras"),
    ("a camera on a slow cable", lambda r: r.reads("1-1.1", usb_speed_ratio=0.096).shows("usb_links", "1-1.1", speed_bits_per_second="480000000"), "degraded", "talks at 480 Mb/s"),
    ("a slow camera that was accepted so", lambda r: (r.reads("1-1.1", usb_speed_ratio=0.096).shows("usb_links", "1-1.1", speed_bits_per_second="480000000"), r.expected["usb_links"]["1-1.1"].update(speed_bits_per_second="480000000")), "ready", "all is well"),
    ("a hub that is gone", lambda r: r.loses("usb_links", "1-1"), "degraded", "Hub: is gone"),
    ("a grabber that cannot tell", lambda r: r.reads(GRABBER, capture_signal_state=None), "unknown", "this grabber cannot tell"),
    ("an optional grabber that cannot tell", lambda r: r.optional(GRABBER).reads(GRABBER, capture_signal_state=None), "ready", "this grabber cannot tell"),
    ("no signal at the grabber in a session", lambda r: r.reads(GRABBER, capture_signal_state=0).books(-HOUR, 2 * HOUR), "not_ready", "Grabber: no signal"),
    ("no signal at the grabber half an hour before", lambda r: r.reads(GRABBER, capture_signal_state=0).books(HOUR / 2, 2 * HOUR), "degraded", "Grabber: no signal now"),
    ("no signal at the grabber with no session near", lambda r: r.reads(GRABBER, capture_signal_state=0).books(3 * HOUR, 2 * HOUR), "ready", "Grabber: no signal now"),
    ("a recorder that does not run", lambda r: r.reads(RECORDER, recorder_running_state=0), "degraded", "Recorder: its program does not run"),
    ("a recorder that does not run within the hour before a session", lambda r: r.reads(RECORDER, recorder_running_state=0).books(HOUR, HOUR), "not_ready", "Recorder: its program does not run"),
    ("a display that is off out of hours", lambda r: (setattr(r, "hours", CLOSED), r.loses("displays", DISPLAY)), "unknown", "QM55R: is not seen now (was at HDMI-A-1): out of hours it may be off"),
    ("a display that is off out of hours, and was gone before", lambda r: (setattr(r, "hours", CLOSED), r.loses("displays", DISPLAY), r.finds("display_missing", DISPLAY, "critical", "Display gone", AT_0640)), "not_ready", "QM55R: is not connected (was at HDMI-A-1) since 06:40"),
    ("a display that is off out of hours before a session", lambda r: (setattr(r, "hours", CLOSED), r.loses("displays", DISPLAY).books(HOUR, HOUR)), "not_ready", "QM55R: is not connected"),
    ("a projector that is off out of hours", lambda r: (setattr(r, "hours", CLOSED), r.reads(PROJECTOR, projector_reachable_state=0)), "unknown", "Projector: does not answer now: out of hours it may be off"),
    ("a file that does not grow in a session", lambda r: r.reads(RECORDER, recorder_growing_state=0).books(-HOUR, 2 * HOUR), "not_ready", "its file does not grow"),
    ("a file that does not grow before one", lambda r: r.reads(RECORDER, recorder_growing_state=0).books(HOUR, 2 * HOUR), "ready", "all is well"),
    ("a recorder whose folder is gone", lambda r: r.shows("recorders", RECORDER, folder_is_there="false"), "not_ready", "its folder is not there"),
    ("space for less than the session", lambda r: r.reads(RECORDER, recorder_free_seconds=7000.0).books(HOUR, 2 * HOUR), "not_ready", "space for 1.9 h, the session takes 2 h"),
    ("space for less than two sessions", lambda r: r.reads(RECORDER, recorder_free_seconds=3 * 3600.0).books(HOUR, 2 * HOUR), "degraded", "space for 3 h, less than twice the session of 2 h"),
    ("space for longer than the calendar has days", lambda r: r.reads(RECORDER, recorder_free_seconds=1e300), "ready", "Recorder: runs, space for"),
    ("space of which nobody knows how long it lasts", lambda r: r.reads(RECORDER, recorder_free_seconds=None), "unknown", "how long its space lasts is not known; 400 GB free"),
    ("a target that cannot be reached", lambda r: r.reads(TARGET, network_target_reachable_state=0), "not_ready", "Conference: cannot be reached"),
    ("no way out of the network", lambda r: r.reads(default_gateway_state=0), "not_ready", "av-3: has no way out of its network"),
    ("an optional camera that is gone", lambda r: r.optional(CAMERA).loses("cameras", CAMERA), "degraded", "Logitech BRIO: is gone"),
    ("no baseline", lambda r: setattr(r, "accepted", {}), "unknown", "nobody has accepted a baseline for this room yet"),
    ("a restart that waits", lambda r: r.reads(reboot_pending_state=1), "ready", "a restart waits"),
    ("a restart that waits before a session", lambda r: r.reads(reboot_pending_state=1).books(2 * HOUR, HOUR), "degraded", "a restart waits to finish an update, and a session is near"),
    ("an update that runs", lambda r: r.probe("patches", "busy", "dpkg is locked"), "ready", "an update may be running (dpkg is locked)"),
    ("a clock that is wrong where something records", lambda r: r.reads(clock_offset_seconds=-40.0), "degraded", "its clock is 40 seconds off"),
    ("a full disk", lambda r: (r.reads("root", filesystem_used_ratio=0.99, filesystem_available_bytes=1e9)), "ready", "fullest disk is 99 % full, 1 GB free"),
    ("a host whose clock nobody knows", lambda r: r.probe("clock", "unavailable", "no time service is seen"), "ready", "no time service is seen"),
    ("a probe that failed", lambda r: r.probe("cameras", "failed", "WMI does not answer"), "unknown", "Logitech BRIO: WMI does not answer"),
    ("a probe without a word", lambda r: r.probe("displays", "timed_out"), "unknown", "QM55R: was not read in time"),
    ("data that is a day old", lambda r: r.ok_at.update(displays=NOW - 25 * HOUR), "unknown", "last seen on Sun 22 Nov 06:15, too long ago"),
    ("a section that is on its way", lambda r: r.sections.update(displays=None), "unknown", "its newest description is still on the way"),  # type: ignore[call-overload]
    ("a critical finding of the host", lambda r: r.finds("disk_failing", "S1", "critical", "Disk is failing", AT_0640), "not_ready", "av-3: Disk is failing, since 06:40"),
    ("a warning of the host", lambda r: r.finds("updates_missing", "", "warning", "Updates are missing", AT_0640), "ready", "Updates are missing"),
    ("a warning about a part", lambda r: r.finds("projector_lamp_old", PROJECTOR, "warning", "The lamp is old", AT_0640), "degraded", "The lamp is old, since 06:40"),
    ("a critical finding about an optional part", lambda r: r.optional(CAMERA).finds("camera_missing", CAMERA, "critical", "Camera is gone", AT_0640), "degraded", "Camera is gone"),
]  # fmt: skip


@pytest.mark.parametrize("broken, expected, words", [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_what_is_broken_decides(broken: Broken, expected: str, words: str) -> None:
    verdict = judged(broken)
    assert verdict.verdict == expected, verdict.reason
    assert words in verdict.reason or any(words in item.reason for item in verdict.items), verdict
    if expected != "ready":
        assert words in verdict.reason


def test_the_reason_is_one_sentence_with_since_and_what_to_bring() -> None:
    verdict = judged(
        lambda r: r.reads(PROJECTOR, projector_lamp_fault_state=2).finds(
            "projector_lamp_error", PROJECTOR, "critical", "Lamp of the projector", AT_0640, "A lamp."
        )
    )
    assert verdict.reason == "Projector: lamp error since 06:40; bring lamp ELPLP96"
    assert verdict.since == AT_0640
    assert verdict.bring == ("lamp ELPLP96",)  # not the finding's general words besides


def test_several_faults_are_counted_and_what_was_not_checked_is_said() -> None:
    verdict = judged(
        lambda r: r.loses("displays", DISPLAY).reads(MICROPHONE, audio_stuck_state=1).probe("cameras", "failed", "x")
    )  # fmt: skip
    assert verdict.verdict == "not_ready"
    assert verdict.reason.startswith(
        "QM55R: is not connected (was at HDMI-A-1); also Ceiling array; not checked: "
    )
    assert verdict.reason.endswith("; not checked: Logitech BRIO, Grabber")


def test_what_to_bring_is_named_once() -> None:
    verdict = judged(
        lambda r: (
            r.finds("a", "x", "warning", "A", AT_0640, "An HDMI cable.")
            .finds("b", "y", "warning", "B", AT_0640, "an HDMI  cable")
            .loses("cameras", CAMERA)
        )
    )
    assert verdict.bring == ("camera Logitech BRIO", "An HDMI cable")
    assert without_twins(["b.", " a ", "B", ""]) == ["b", "a"]


@pytest.mark.parametrize(
    "presence, words",
    [("silent", "silent since 06:40"), ("asleep", "asleep since 06:45"), ("shut_down", "shut down since 06:45"), ("unknown", "the collector was away itself")],
)  # fmt: skip
def test_a_host_that_is_away_makes_its_room_unknown_never_green_never_red(presence: str, words: str) -> None:
    """Whatever was known before: a lamp error, a critical finding, or nothing at all."""
    for broken in (
        lambda r: None,
        lambda r: r.reads(PROJECTOR, projector_lamp_fault_state=2).loses("displays", DISPLAY),
        lambda r: r.finds("disk_failing", "S1", "critical", "Disk is failing", AT_0640),
        lambda r: r.finds("device_silent", "", "warning", "Nothing was heard", AT_0640),
    ):

        def away(room: Courtroom, broken: Any = broken) -> None:
            broken(room)
            room.falls_silent(AT_0640)
            room.device.presence = presence

        verdict = judged(away)
        assert verdict.verdict == "unknown"
        assert words in verdict.reason and verdict.reason.startswith("av-3: ")
        assert not {PASS, WARN, FAIL} & {
            item.result for item in verdict.items if item.name not in ("baseline",)
        }
        assert verdict.since in (AT_0640, AT_0640 + 5 * MINUTE)


def test_a_host_that_is_called_online_and_was_not_heard_of_is_silent_all_the_same() -> None:
    """Nobody has called it silent yet, because no collector was running."""
    verdict = judged(lambda r: setattr(r.device, "seen_at", AT_0640))
    assert (verdict.verdict, verdict.since) == ("unknown", AT_0640)
    assert "av-3: silent since 06:40" in verdict.reason


def test_a_host_never_heard_of_is_unknown_and_nobody_makes_up_since_when() -> None:
    verdict = judged(lambda r: (setattr(r.device, "seen_at", None), setattr(r.device, "presence", "unknown")))
    assert (verdict.verdict, verdict.since) == ("unknown", None)
    assert "it was never heard of" in verdict.reason


def test_a_revoked_host_is_not_looked_at_any_more() -> None:
    verdict = judged(lambda r: setattr(r.device, "revoked_at", AT_0640))
    assert verdict.verdict == "unknown" and "its certificate was revoked at 06:40" in verdict.reason


def test_a_room_without_a_host_is_unknown() -> None:
    verdict = readiness.judge(Known(room=Courtroom().row(devices=False)), NOW)
    assert (verdict.verdict, verdict.since) == ("unknown", None)
    assert verdict.reason == "no A/V host stands in this room, so nobody looks at it"


def test_of_two_hosts_one_silent_the_room_is_unknown_unless_the_other_certainly_fails() -> None:
    whole, silent = Courtroom(), Courtroom(host="av-4").falls_silent(AT_0640)
    room = whole.known()
    room.devices += silent.known().devices
    verdict = readiness.judge(room, NOW)
    assert verdict.verdict == "unknown"
    assert verdict.reason.startswith("av-4: silent since 06:40, so ")

    room.devices[0] = Courtroom().reads(PROJECTOR, projector_lamp_fault_state=2).known().devices[0]
    verdict = readiness.judge(room, NOW)
    assert verdict.verdict == "not_ready"
    assert "lamp error" in verdict.reason and "; not checked: av-4" in verdict.reason


def test_old_data_says_how_old_it_is() -> None:
    verdict = judged(lambda r: r.ok_at.update(displays=AT_0640, cameras=NOW - 14 * MINUTE))
    assert verdict.verdict == "ready"
    assert [item.reason for item in by_name(verdict, "displays")] == ["QM55R: connected (as of 06:40)"]
    assert [item.reason for item in by_name(verdict, "cameras")] == ["Logitech BRIO: there"]


def test_what_a_check_did_not_get_anew_says_how_old_it_is() -> None:
    room = Courtroom()
    room.ok_at["displays"] = NOW - 3 * MINUTE
    verdict = readiness.judge(room.known(), NOW, NOW - 2 * MINUTE)
    assert [item.reason for item in by_name(verdict, "displays")] == ["QM55R: connected (as of 07:12)"]
    assert [item.reason for item in by_name(verdict, "cameras")] == ["Logitech BRIO: there"]


def test_planned_work_is_said_and_decides_nothing() -> None:
    verdict = judged(lambda r: r.works.append((NOW + 3 * HOUR, "bob", "new cables")))
    assert verdict.verdict == "ready"
    assert verdict.reason.endswith("; planned work is under way until 10:15, by bob: new cables")


def test_a_ticket_whose_findings_are_over_is_said() -> None:
    verdict = judged(
        lambda r: r.tickets.append(
            Ticket(device_id=r.device.id, id="t", number=17, group="av", state="assigned", severity="warning", title="Look at the amplifier", assignee="bob", opened_at=AT_0640)
        )
    )  # fmt: skip
    assert verdict.verdict == "ready"
    assert [i.reason for i in by_name(verdict, "tickets")] == [
        "av-3: ticket 17 is open, bob has it: Look at the amplifier"
    ]


def test_a_projector_in_room_toml_that_nobody_accepted_is_looked_at_and_is_optional() -> None:
    def broken(room: Courtroom) -> None:
        room.accepted = {("displays", DISPLAY): True}
        room.reads(PROJECTOR, projector_lamp_fault_state=2)

    verdict = judged(broken)
    assert verdict.verdict == "degraded" and "lamp error" in verdict.reason


def test_since_comes_from_the_checks_when_nothing_else_tells_it() -> None:
    ready = [(NOW - DAY, "ready"), (NOW - 2 * DAY, "ready"), (NOW - 3 * DAY, "not_ready")]
    assert judged(lambda r: r.runs.extend(ready)).since == NOW - 2 * DAY
    # Between two good checks the host was away: it is ready since it came back.
    back = judged(lambda r: (r.runs.extend(ready), setattr(r.device, "presence_at", NOW - 2 * HOUR)))
    assert back.since == NOW - 2 * HOUR
    assert judged(lambda r: r.runs.extend([(NOW - DAY, "degraded")])).since is None
    assert judged().since is None


def test_times_are_those_of_the_wall_on_the_day_the_clocks_change() -> None:
    """1 November 2026, Chicago: 01:30 comes twice, and 06:40 is 12:40 UTC and not 11:40."""
    now = datetime(2026, 11, 1, 13, 15, tzinfo=UTC)
    room = Courtroom().falls_silent(datetime(2026, 11, 1, 12, 40, tzinfo=UTC))
    assert "silent since 06:40" in readiness.judge(room.known(), now).reason
    room.falls_silent(datetime(2026, 11, 1, 6, 30, tzinfo=UTC))
    assert "silent since 01:30" in readiness.judge(room.known(), now).reason
    room.falls_silent(datetime(2026, 10, 31, 22, 0, tzinfo=UTC))
    assert "silent since Sat 31 Oct 17:00" in readiness.judge(room.known(), now).reason
