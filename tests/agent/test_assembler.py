"""What a report holds."""

import pytest

from agent.assembler import Assembler, section_hash
from agent.probe import Taken, item, reading
from agent.runner import Ran
from protos.report_pb2 import FAILED, MISSING, OK, TIMED_OUT, Outcome, PatchStatus, Report
from tests.agent.conftest import START


@pytest.fixture
def assembler():
    return Assembler(lambda now: Report(collected_at=now, host_name="pc"))


def ran(probe, *readings, kind=OK, patches=None, **sections):
    return Ran(Taken(list(readings), sections, patches), Outcome(probe=probe, outcome=kind))


def make(assembler, full=False):
    (report,) = assembler.make(START, full=full)
    return report


def test_samples_between_reports_are_summed_up(assembler):
    for value in (0.2, 0.9, 0.4):
        assembler.take(ran("cpu", reading("cpu_used_ratio", value)))
    (one,) = make(assembler).readings
    assert (one.last, one.min, one.max, one.samples) == (0.4, 0.2, 0.9, 3)
    assert one.mean == pytest.approx(0.5)
    assembler.take(ran("cpu", reading("cpu_used_ratio", 0.1)))
    (one,) = make(assembler).readings
    assert (one.last, one.samples, one.HasField("min")) == (0.1, 1, False)


def test_components_are_summed_apart(assembler):
    assembler.take(
        ran("x", reading("filesystem_used_ratio", 0.1, "A"), reading("filesystem_used_ratio", 0.9, "B"))
    )
    assert [(r.component, r.last) for r in make(assembler).readings] == [("A", 0.1), ("B", 0.9)]


def settle(assembler, *rans):
    for one in rans:
        assembler.take(one)
    make(assembler, full=True)
    assert not assembler.urgent


@pytest.mark.parametrize(
    ("metric", "before", "after", "urgent"),
    [
        ("cpu_used_ratio", 0.1, 0.99, False),  # never at once
        ("filesystem_used_ratio", 0.50, 0.51, False),
        ("filesystem_used_ratio", 0.50, 0.53, True),
        ("disk_media_errors_total", 0, 0, False),
        ("disk_media_errors_total", 0, 1, True),
        ("not_in_the_catalogue_count", 0, 1, False),
    ],
)
def test_a_watched_change_is_reported_at_once(assembler, metric, before, after, urgent):
    settle(assembler, ran("p", reading(metric, before)))
    assembler.take(ran("p", reading(metric, after)))
    assert assembler.urgent is urgent


def test_a_slow_drift_is_held_against_what_was_reported(assembler):
    settle(assembler, ran("p", reading("filesystem_used_ratio", 0.50)))
    for value in (0.51, 0.515):
        assembler.take(ran("p", reading("filesystem_used_ratio", value)))
        assert not assembler.urgent
    assembler.take(ran("p", reading("filesystem_used_ratio", 0.521)))
    assert assembler.urgent


def test_a_watched_component_that_appears_is_reported_at_once(assembler):
    settle(assembler, ran("services", reading("services_failed_count", 0)))
    assembler.take(ran("services", reading("service_failed_state", 1, "cups.service")))
    assert assembler.urgent


def test_a_probe_that_starts_to_fail_is_reported_at_once(assembler):
    settle(assembler, ran("p"))
    assembler.take(ran("p", kind=FAILED))
    assert assembler.urgent
    make(assembler)
    assembler.take(ran("p", kind=FAILED))
    assert not assembler.urgent


def test_a_report_holds_outcomes_of_what_ran_since_the_last(assembler):
    settle(assembler, ran("a"), ran("b"))
    assembler.take(ran("b"))
    assert [o.probe for o in make(assembler).outcomes] == ["b"]
    assert [o.probe for o in make(assembler, full=True).outcomes] == ["a", "b"]


def test_a_full_report_repeats_the_newest_of_everything_but_not_of_what_failed(assembler):
    settle(
        assembler,
        ran("good", reading("cpu_used_ratio", 0.3)),
        ran("gone", reading("disk_media_errors_total", 0, "S1")),
    )
    assembler.take(ran("gone", kind=TIMED_OUT))
    full = make(assembler, full=True)
    assert full.full
    assert [(r.metric, r.last) for r in full.readings] == [("cpu_used_ratio", 0.3)]
    assert make(assembler).readings == []


def test_a_component_that_is_gone_is_not_repeated(assembler):
    settle(
        assembler,
        ran("f", reading("filesystem_used_ratio", 0.1, "A"), reading("filesystem_used_ratio", 0.2, "B")),
    )
    settle(assembler, ran("f", reading("filesystem_used_ratio", 0.1, "A")))
    assert [r.component for r in make(assembler, full=True).readings] == ["A"]


def test_a_section_seen_first_travels_as_a_hash(assembler):
    assembler.take(ran("hardware", disks=[item("S1", capacity_bytes=1)]))
    (section,) = make(assembler, full=True).sections
    assert (section.name, section.unchanged, len(section.items)) == ("disks", True, 0)
    assert section.hash == section_hash([item("S1", capacity_bytes=1)])


def test_a_changed_section_travels_whole_and_at_once(assembler):
    settle(assembler, ran("hardware", disks=[item("S1")]))
    assembler.take(ran("hardware", disks=[item("S1"), item("S2")]))
    assert assembler.urgent
    (section,) = make(assembler).sections
    assert (section.unchanged, section.part, section.parts, len(section.items)) == (False, 0, 1, 2)
    assembler.take(ran("hardware", disks=[item("S2"), item("S1")]))
    (section,) = make(assembler).sections
    assert section.unchanged, "another order is no change"


def test_what_the_table_of_sections_does_not_name_stays_on_the_device(assembler):
    rows = [item("S1", model="M", user="anna")]
    assembler.take(ran("hardware", disks=rows, diary=[item("1", text="secret")]), with_items=True)
    (section,) = make(assembler).sections
    assert [dict(row.facts) for row in section.items] == [{"model": "M"}]
    assert section.hash == section_hash([item("S1", model="M")])


def test_a_section_that_became_empty_is_told(assembler):
    settle(assembler, ran("hardware", disks=[item("S1")]))
    assembler.take(ran("hardware", disks=[]))
    (section,) = make(assembler).sections
    assert (section.unchanged, section.parts, len(section.items)) == (False, 1, 0)


def test_a_section_that_is_asked_for_travels_whole(assembler):
    settle(assembler, ran("hardware", disks=[item("S1")]))
    assembler.take(ran("hardware", disks=[item("S1")]), with_items=True)
    (section,) = make(assembler).sections
    assert len(section.items) == 1


def test_a_long_section_comes_in_several_reports(assembler):
    packages = [item(f"package-{n}", version="1" * 200) for n in range(10_000)]
    assembler.take(ran("software", software=packages, disks=[item("S1")]), with_items=True)
    reports = assembler.make(START)
    assert len(reports) > 4
    assert max(report.ByteSize() for report in reports) < 450_000
    parts = [s for report in reports for s in report.sections if s.name == "software"]
    assert [s.part for s in parts] == list(range(len(parts)))
    assert {s.parts for s in parts} == {len(parts)}
    assert {s.hash for s in parts} == {section_hash(packages)}
    assert [i.key for s in parts for i in s.items] == [i.key for i in packages]
    assert all(report.host_name == "pc" for report in reports)


def test_the_patch_state_travels_when_it_was_read(assembler):
    settle(assembler, ran("patches", patches=PatchStatus(state=MISSING)))
    assert not make(assembler).HasField("patches")
    assert make(assembler, full=True).patches.state == MISSING
    assembler.take(ran("patches", kind=FAILED))
    assert not make(assembler, full=True).HasField("patches"), "unknown is not what it was"
