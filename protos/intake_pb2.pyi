import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Lane(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LANE_UNKNOWN: _ClassVar[Lane]
    LIVE: _ClassVar[Lane]
    BACKFILL: _ClassVar[Lane]

class Goodbye(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GOODBYE_NONE: _ClassVar[Goodbye]
    SUSPENDING: _ClassVar[Goodbye]
    SHUTTING_DOWN: _ClassVar[Goodbye]
    STOPPING: _ClassVar[Goodbye]

class SpoolBirth(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BIRTH_UNKNOWN: _ClassVar[SpoolBirth]
    FIRST: _ClassVar[SpoolBirth]
    AFTER_FORK: _ClassVar[SpoolBirth]
    AFTER_CORRUPTION: _ClassVar[SpoolBirth]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNKNOWN: _ClassVar[Verdict]
    STORED: _ClassVar[Verdict]
    DUPLICATE: _ClassVar[Verdict]
    REFUSED: _ClassVar[Verdict]
    FORKED: _ClassVar[Verdict]

class Refusal(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REFUSAL_NONE: _ClassVar[Refusal]
    NOT_A_REPORT: _ClassVar[Refusal]
    TOO_BIG: _ClassVar[Refusal]
    TOO_MANY: _ClassVar[Refusal]
    BAD_NUMBER: _ClassVar[Refusal]

class SpoolStanding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STANDING_UNKNOWN: _ClassVar[SpoolStanding]
    CURRENT: _ClassVar[SpoolStanding]
    ON_PROBATION: _ClassVar[SpoolStanding]
    CLONE: _ClassVar[SpoolStanding]

class DirectiveKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTIVE_UNKNOWN: _ClassVar[DirectiveKind]
    COLLECT_NOW: _ClassVar[DirectiveKind]
    SET_INTERVALS: _ClassVar[DirectiveKind]
    RENEW_CERTIFICATE: _ClassVar[DirectiveKind]

class Subject(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBJECT_UNKNOWN: _ClassVar[Subject]
    EVERYTHING: _ClassVar[Subject]
    CPU: _ClassVar[Subject]
    MEMORY: _ClassVar[Subject]
    FILESYSTEM: _ClassVar[Subject]
    BATTERY: _ClassVar[Subject]
    SENSORS: _ClassVar[Subject]
    CLOCK: _ClassVar[Subject]
    OPERATING_SYSTEM: _ClassVar[Subject]
    REBOOT_PENDING: _ClassVar[Subject]
    HARDWARE: _ClassVar[Subject]
    DISK_HEALTH: _ClassVar[Subject]
    PATCHES: _ClassVar[Subject]
    SOFTWARE: _ClassVar[Subject]
    SERVICES: _ClassVar[Subject]
    AGENT: _ClassVar[Subject]
    MEMORY_ERRORS: _ClassVar[Subject]
    EVENTS: _ClassVar[Subject]
    SECURITY_STATE: _ClassVar[Subject]
    BACKUP_EVIDENCE: _ClassVar[Subject]
    DISPLAYS: _ClassVar[Subject]
    AUDIO: _ClassVar[Subject]
    CAMERAS: _ClassVar[Subject]
    USB: _ClassVar[Subject]
    RECORDER: _ClassVar[Subject]
    PROJECTORS: _ClassVar[Subject]
    NETWORK: _ClassVar[Subject]
LANE_UNKNOWN: Lane
LIVE: Lane
BACKFILL: Lane
GOODBYE_NONE: Goodbye
SUSPENDING: Goodbye
SHUTTING_DOWN: Goodbye
STOPPING: Goodbye
BIRTH_UNKNOWN: SpoolBirth
FIRST: SpoolBirth
AFTER_FORK: SpoolBirth
AFTER_CORRUPTION: SpoolBirth
VERDICT_UNKNOWN: Verdict
STORED: Verdict
DUPLICATE: Verdict
REFUSED: Verdict
FORKED: Verdict
REFUSAL_NONE: Refusal
NOT_A_REPORT: Refusal
TOO_BIG: Refusal
TOO_MANY: Refusal
BAD_NUMBER: Refusal
STANDING_UNKNOWN: SpoolStanding
CURRENT: SpoolStanding
ON_PROBATION: SpoolStanding
CLONE: SpoolStanding
DIRECTIVE_UNKNOWN: DirectiveKind
COLLECT_NOW: DirectiveKind
SET_INTERVALS: DirectiveKind
RENEW_CERTIFICATE: DirectiveKind
SUBJECT_UNKNOWN: Subject
EVERYTHING: Subject
CPU: Subject
MEMORY: Subject
FILESYSTEM: Subject
BATTERY: Subject
SENSORS: Subject
CLOCK: Subject
OPERATING_SYSTEM: Subject
REBOOT_PENDING: Subject
HARDWARE: Subject
DISK_HEALTH: Subject
PATCHES: Subject
SOFTWARE: Subject
SERVICES: Subject
AGENT: Subject
MEMORY_ERRORS: Subject
EVENTS: Subject
SECURITY_STATE: Subject
BACKUP_EVIDENCE: Subject
DISPLAYS: Subject
AUDIO: Subject
CAMERAS: Subject
USB: Subject
RECORDER: Subject
PROJECTORS: Subject
NETWORK: Subject

class Envelope(_message.Message):
    __slots__ = ("lane", "seq", "body")
    LANE_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    lane: Lane
    seq: int
    body: bytes
    def __init__(self, lane: _Optional[_Union[Lane, str]] = ..., seq: _Optional[int] = ..., body: _Optional[bytes] = ...) -> None: ...

class ReportBatch(_message.Message):
    __slots__ = ("spool_id", "birth", "previous_spool_id", "machine_hash", "sent_at", "goodbye", "reports", "hello")
    SPOOL_ID_FIELD_NUMBER: _ClassVar[int]
    BIRTH_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_SPOOL_ID_FIELD_NUMBER: _ClassVar[int]
    MACHINE_HASH_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    spool_id: str
    birth: SpoolBirth
    previous_spool_id: str
    machine_hash: int
    sent_at: _timestamp_pb2.Timestamp
    goodbye: Goodbye
    reports: _containers.RepeatedCompositeFieldContainer[Envelope]
    hello: bool
    def __init__(self, spool_id: _Optional[str] = ..., birth: _Optional[_Union[SpoolBirth, str]] = ..., previous_spool_id: _Optional[str] = ..., machine_hash: _Optional[int] = ..., sent_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, str]] = ..., reports: _Optional[_Iterable[_Union[Envelope, _Mapping]]] = ..., hello: _Optional[bool] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("lane", "seq", "verdict", "refusal", "refused_fields")
    LANE_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    lane: Lane
    seq: int
    verdict: Verdict
    refusal: Refusal
    refused_fields: int
    def __init__(self, lane: _Optional[_Union[Lane, str]] = ..., seq: _Optional[int] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., refusal: _Optional[_Union[Refusal, str]] = ..., refused_fields: _Optional[int] = ...) -> None: ...

class HighWater(_message.Message):
    __slots__ = ("lane", "seq", "hash")
    LANE_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    lane: Lane
    seq: int
    hash: int
    def __init__(self, lane: _Optional[_Union[Lane, str]] = ..., seq: _Optional[int] = ..., hash: _Optional[int] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("receipts", "high_water", "directives", "retry_after_seconds", "standing")
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    HIGH_WATER_FIELD_NUMBER: _ClassVar[int]
    DIRECTIVES_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    STANDING_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedCompositeFieldContainer[Receipt]
    high_water: _containers.RepeatedCompositeFieldContainer[HighWater]
    directives: _containers.RepeatedCompositeFieldContainer[Directive]
    retry_after_seconds: int
    standing: SpoolStanding
    def __init__(self, receipts: _Optional[_Iterable[_Union[Receipt, _Mapping]]] = ..., high_water: _Optional[_Iterable[_Union[HighWater, _Mapping]]] = ..., directives: _Optional[_Iterable[_Union[Directive, _Mapping]]] = ..., retry_after_seconds: _Optional[int] = ..., standing: _Optional[_Union[SpoolStanding, str]] = ...) -> None: ...

class ListenRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Directive(_message.Message):
    __slots__ = ("kind", "subjects", "policy", "request")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    kind: DirectiveKind
    subjects: _containers.RepeatedScalarFieldContainer[Subject]
    policy: Policy
    request: int
    def __init__(self, kind: _Optional[_Union[DirectiveKind, str]] = ..., subjects: _Optional[_Iterable[_Union[Subject, str]]] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., request: _Optional[int] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("sample_seconds", "report_seconds", "heartbeat_seconds", "slow_seconds", "inventory_seconds")
    SAMPLE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    REPORT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SLOW_SECONDS_FIELD_NUMBER: _ClassVar[int]
    INVENTORY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    sample_seconds: int
    report_seconds: int
    heartbeat_seconds: int
    slow_seconds: int
    inventory_seconds: int
    def __init__(self, sample_seconds: _Optional[int] = ..., report_seconds: _Optional[int] = ..., heartbeat_seconds: _Optional[int] = ..., slow_seconds: _Optional[int] = ..., inventory_seconds: _Optional[int] = ...) -> None: ...
