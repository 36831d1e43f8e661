from protos import intake_pb2 as _intake_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Machine(_message.Message):
    __slots__ = ("host_name", "os_family", "system_serial", "smbios_uuid", "asset_tag", "wired_macs", "maker", "model", "agent_version")
    HOST_NAME_FIELD_NUMBER: _ClassVar[int]
    OS_FAMILY_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_SERIAL_FIELD_NUMBER: _ClassVar[int]
    SMBIOS_UUID_FIELD_NUMBER: _ClassVar[int]
    ASSET_TAG_FIELD_NUMBER: _ClassVar[int]
    WIRED_MACS_FIELD_NUMBER: _ClassVar[int]
    MAKER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    host_name: str
    os_family: str
    system_serial: str
    smbios_uuid: str
    asset_tag: str
    wired_macs: _containers.RepeatedScalarFieldContainer[str]
    maker: str
    model: str
    agent_version: str
    def __init__(self, host_name: _Optional[str] = ..., os_family: _Optional[str] = ..., system_serial: _Optional[str] = ..., smbios_uuid: _Optional[str] = ..., asset_tag: _Optional[str] = ..., wired_macs: _Optional[_Iterable[str]] = ..., maker: _Optional[str] = ..., model: _Optional[str] = ..., agent_version: _Optional[str] = ...) -> None: ...

class EnrolRequest(_message.Message):
    __slots__ = ("token", "csr_der", "machine")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CSR_DER_FIELD_NUMBER: _ClassVar[int]
    MACHINE_FIELD_NUMBER: _ClassVar[int]
    token: str
    csr_der: bytes
    machine: Machine
    def __init__(self, token: _Optional[str] = ..., csr_der: _Optional[bytes] = ..., machine: _Optional[_Union[Machine, _Mapping]] = ...) -> None: ...

class RenewRequest(_message.Message):
    __slots__ = ("csr_der", "old_certificate_der", "signature")
    CSR_DER_FIELD_NUMBER: _ClassVar[int]
    OLD_CERTIFICATE_DER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    csr_der: bytes
    old_certificate_der: bytes
    signature: bytes
    def __init__(self, csr_der: _Optional[bytes] = ..., old_certificate_der: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Credential(_message.Message):
    __slots__ = ("certificate_pem", "ca_bundle_pem", "device_id", "intake_port", "policy")
    CERTIFICATE_PEM_FIELD_NUMBER: _ClassVar[int]
    CA_BUNDLE_PEM_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    INTAKE_PORT_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    certificate_pem: bytes
    ca_bundle_pem: bytes
    device_id: str
    intake_port: int
    policy: _intake_pb2.Policy
    def __init__(self, certificate_pem: _Optional[bytes] = ..., ca_bundle_pem: _Optional[bytes] = ..., device_id: _Optional[str] = ..., intake_port: _Optional[int] = ..., policy: _Optional[_Union[_intake_pb2.Policy, _Mapping]] = ...) -> None: ...
