"""The contract: fresh, closed towards the device, every metric with its unit."""

from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from protos import build, catalogue, enrolment_pb2, intake_pb2, report_pb2, sections

ROOT = Path(build.__file__).parent.parent
# What enrolment hands to a device besides numbers: its own certificate, whom to trust, its id.
CREDENTIAL_FIELDS = {"certificate_pem", "ca_bundle_pem", "device_id"}
NUMBERS_AND_ENUMS = {
    FieldDescriptor.TYPE_ENUM, FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64,
    FieldDescriptor.TYPE_BOOL,
}  # fmt: skip


def test_the_generated_code_is_fresh(tmp_path: Path) -> None:
    build.build(tmp_path)

    made = sorted(path.name for path in (tmp_path / "protos").iterdir())
    assert made == sorted(path.name for path in (ROOT / "protos").glob("*_pb2*"))
    for name in made:
        assert (tmp_path / "protos" / name).read_text() == (ROOT / "protos" / name).read_text(), name


def to_the_device(message: Descriptor, seen: set[str]) -> list[FieldDescriptor]:
    """Every field that can travel inside `message`, at any depth."""
    if message.full_name in seen:
        return []
    seen.add(message.full_name)
    fields = list(message.fields)
    for field in message.fields:
        if field.message_type is not None:
            fields += to_the_device(field.message_type, seen)
    return fields


def test_nothing_but_numbers_and_enums_can_reach_a_device_through_intake() -> None:
    service = intake_pb2.DESCRIPTOR.services_by_name["Intake"]
    assert {method.name for method in service.methods} == {"Report", "Listen"}

    for method in service.methods:
        for field in to_the_device(method.output_type, set()):
            allowed = field.type in NUMBERS_AND_ENUMS or field.message_type is not None
            assert allowed, f"{field.full_name} could carry text or bytes to a device"


def test_enrolment_hands_out_a_credential_and_nothing_else() -> None:
    service = enrolment_pb2.DESCRIPTOR.services_by_name["Enrolment"]
    assert {method.name for method in service.methods} == {"Enrol", "Renew"}

    for method in service.methods:
        for field in to_the_device(method.output_type, set()):
            if field.type not in NUMBERS_AND_ENUMS and field.message_type is None:
                assert field.name in CREDENTIAL_FIELDS, f"{field.full_name} is not part of a credential"


@pytest.mark.parametrize(
    "enum", [*report_pb2.DESCRIPTOR.enum_types_by_name, *intake_pb2.DESCRIPTOR.enum_types_by_name]
)
def test_every_enum_reads_what_it_does_not_know_as_nothing(enum: str) -> None:
    module = report_pb2 if enum in report_pb2.DESCRIPTOR.enum_types_by_name else intake_pb2
    zero = module.DESCRIPTOR.enum_types_by_name[enum].values_by_number[0].name
    assert zero.endswith(("UNKNOWN", "NONE"))


@pytest.mark.parametrize("metric", catalogue.METRICS, ids=lambda metric: metric.name)
def test_a_metric_ends_with_its_unit_and_says_what_it_means(metric: catalogue.Metric) -> None:
    assert metric.name.endswith(tuple(f"_{unit}" for unit in catalogue.UNITS))
    assert metric.meaning.endswith(".")
    assert metric.change is None or metric.change >= 0


def test_no_metric_is_listed_twice() -> None:
    assert len(catalogue.BY_NAME) == len(catalogue.METRICS)


def test_a_directive_can_name_every_probe_that_fills_a_section() -> None:
    subjects = {name.lower() for name, _number in intake_pb2.Subject.items()}
    assert {row.probe for row in sections.SECTIONS} <= subjects
