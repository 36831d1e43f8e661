import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OutcomeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNKNOWN: _ClassVar[OutcomeKind]
    OK: _ClassVar[OutcomeKind]
    UNAVAILABLE: _ClassVar[OutcomeKind]
    FAILED: _ClassVar[OutcomeKind]
    TIMED_OUT: _ClassVar[OutcomeKind]
    BUSY: _ClassVar[OutcomeKind]

class PatchState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PATCH_STATE_UNKNOWN: _ClassVar[PatchState]
    COMPLIANT: _ClassVar[PatchState]
    MISSING: _ClassVar[PatchState]

class GapReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GAP_UNKNOWN: _ClassVar[GapReason]
    EVICTED: _ClassVar[GapReason]
    CORRUPT: _ClassVar[GapReason]
    QUARANTINED: _ClassVar[GapReason]
OUTCOME_UNKNOWN: OutcomeKind
OK: OutcomeKind
UNAVAILABLE: OutcomeKind
FAILED: OutcomeKind
TIMED_OUT: OutcomeKind
BUSY: OutcomeKind
PATCH_STATE_UNKNOWN: PatchState
COMPLIANT: PatchState
MISSING: PatchState
GAP_UNKNOWN: GapReason
EVICTED: GapReason
CORRUPT: GapReason
QUARANTINED: GapReason

class Outcome(_message.Message):
    __slots__ = ("probe", "outcome", "reason", "took_seconds", "ended_at")
    PROBE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TOOK_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    probe: str
    outcome: OutcomeKind
    reason: str
    took_seconds: float
    ended_at: _timestamp_pb2.Timestamp
    def __init__(self, probe: _Optional[str] = ..., outcome: _Optional[_Union[OutcomeKind, str]] = ..., reason: _Optional[str] = ..., took_seconds: _Optional[float] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Reading(_message.Message):
    __slots__ = ("metric", "component", "last", "min", "mean", "max", "samples", "label")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    metric: str
    component: str
    last: float
    min: float
    mean: float
    max: float
    samples: int
    label: str
    def __init__(self, metric: _Optional[str] = ..., component: _Optional[str] = ..., last: _Optional[float] = ..., min: _Optional[float] = ..., mean: _Optional[float] = ..., max: _Optional[float] = ..., samples: _Optional[int] = ..., label: _Optional[str] = ...) -> None: ...

class Item(_message.Message):
    __slots__ = ("key", "facts")
    class FactsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KEY_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    key: str
    facts: _containers.ScalarMap[str, str]
    def __init__(self, key: _Optional[str] = ..., facts: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Section(_message.Message):
    __slots__ = ("name", "hash", "unchanged", "part", "parts", "items")
    NAME_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    name: str
    hash: int
    unchanged: bool
    part: int
    parts: int
    items: _containers.RepeatedCompositeFieldContainer[Item]
    def __init__(self, name: _Optional[str] = ..., hash: _Optional[int] = ..., unchanged: _Optional[bool] = ..., part: _Optional[int] = ..., parts: _Optional[int] = ..., items: _Optional[_Iterable[_Union[Item, _Mapping]]] = ...) -> None: ...

class PatchStatus(_message.Message):
    __slots__ = ("state", "reason", "method", "lists_age_seconds")
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    LISTS_AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    state: PatchState
    reason: str
    method: str
    lists_age_seconds: float
    def __init__(self, state: _Optional[_Union[PatchState, str]] = ..., reason: _Optional[str] = ..., method: _Optional[str] = ..., lists_age_seconds: _Optional[float] = ...) -> None: ...

class Gap(_message.Message):
    __slots__ = ("reason", "reports", "from_at", "to_at")
    REASON_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    FROM_AT_FIELD_NUMBER: _ClassVar[int]
    TO_AT_FIELD_NUMBER: _ClassVar[int]
    reason: GapReason
    reports: int
    from_at: _timestamp_pb2.Timestamp
    to_at: _timestamp_pb2.Timestamp
    def __init__(self, reason: _Optional[_Union[GapReason, str]] = ..., reports: _Optional[int] = ..., from_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., to_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("collected_at", "boot_id", "uptime_seconds", "agent_version", "build", "full", "outcomes", "readings", "sections", "patches", "gaps", "host_name")
    COLLECTED_AT_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    UPTIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    FULL_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    READINGS_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    PATCHES_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    HOST_NAME_FIELD_NUMBER: _ClassVar[int]
    collected_at: _timestamp_pb2.Timestamp
    boot_id: str
    uptime_seconds: float
    agent_version: str
    build: str
    full: bool
    outcomes: _containers.RepeatedCompositeFieldContainer[Outcome]
    readings: _containers.RepeatedCompositeFieldContainer[Reading]
    sections: _containers.RepeatedCompositeFieldContainer[Section]
    patches: PatchStatus
    gaps: _containers.RepeatedCompositeFieldContainer[Gap]
    host_name: str
    def __init__(self, collected_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., boot_id: _Optional[str] = ..., uptime_seconds: _Optional[float] = ..., agent_version: _Optional[str] = ..., build: _Optional[str] = ..., full: _Optional[bool] = ..., outcomes: _Optional[_Iterable[_Union[Outcome, _Mapping]]] = ..., readings: _Optional[_Iterable[_Union[Reading, _Mapping]]] = ..., sections: _Optional[_Iterable[_Union[Section, _Mapping]]] = ..., patches: _Optional[_Union[PatchStatus, _Mapping]] = ..., gaps: _Optional[_Iterable[_Union[Gap, _Mapping]]] = ..., host_name: _Optional[str] = ...) -> None: ...
