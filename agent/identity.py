"""Who this device is to its collector: the credential, and where the collector is.

    state_dir/device.json              names the directory of the credential in force
    state_dir/credential-<serial>/     key.pem, certificate.pem, ca.pem

A renewed credential is a new directory, in force from the moment device.json is replaced: a key and a
certificate that do not belong together cannot come about, whenever the process is killed.
"""

import contextlib
import json
import shutil
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError

from agent.files import close_to_others, make_private_directory, sync_directory, write_whole
from protos.intake_pb2 import Policy

# Every collector's certificate carries this DNS name, and the agent checks for it instead of the address
# it dialled: renames, tunnels and plain IP addresses do not matter. That is safe because the issuer is
# the installation's own CA and nobody else's, and no device can pose as a collector: client certificates
# carry neither this name nor the serverAuth usage.
COLLECTOR_NAME: Final = "collector.tocsin"

_DEVICE: Final = "device.json"
_POLICY: Final = "policy.bin"


class NoCredential(Exception):
    """Not enrolled, or the credential cannot be read. The text says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """device.json. The dates are here so that the agent need not parse certificates."""

    device_id: str
    collector_host: str
    enrolment_port: int
    intake_port: int
    credential: str  # name of the directory
    not_before: datetime
    not_after: datetime

    @property
    def renew_at(self) -> datetime:
        """Half its life: the other half is time for a collector to come back."""
        return self.not_before + (self.not_after - self.not_before) / 2


@dataclass(frozen=True, slots=True)
class Credential:
    """PEM, as gRPC takes it."""

    key: bytes
    certificate: bytes
    ca: bytes

    def __repr__(self) -> str:
        return "Credential(…)"  # the key must not get into a log by way of a traceback


def load(state_dir: Path) -> Device:
    """Raises NoCredential."""
    path = state_dir / _DEVICE
    try:
        told = json.loads(path.read_bytes())
        return Device(
            device_id=str(told["device_id"]),
            collector_host=str(told["collector_host"]),
            enrolment_port=int(told["enrolment_port"]),
            intake_port=int(told["intake_port"]),
            credential=Path(str(told["credential"])).name,
            not_before=datetime.fromisoformat(told["not_before"]).astimezone(UTC),
            not_after=datetime.fromisoformat(told["not_after"]).astimezone(UTC),
        )
    except FileNotFoundError:
        raise NoCredential(
            f"this device is not enrolled ({path} is missing): run 'tocsin-agent enrol'"
        ) from None
    except OSError as error:
        raise NoCredential(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise NoCredential(f"{path} is damaged ({error!r}): run 'tocsin-agent enrol --again'") from None


def read_credential(state_dir: Path, device: Device) -> Credential:
    """Raises NoCredential."""
    folder = state_dir / device.credential
    try:
        key, certificate, ca = (
            (folder / name).read_bytes() for name in ("key.pem", "certificate.pem", "ca.pem")
        )
    except OSError as error:
        raise NoCredential(f"{error.filename} cannot be read: {error.strerror}") from None
    return Credential(key, certificate, ca)


def save(state_dir: Path, device: Device, credential: Credential) -> None:
    """Put a new credential in force and remove the former ones."""
    make_private_directory(state_dir)
    folder = state_dir / device.credential
    make_private_directory(folder)
    for name, data in (
        ("key.pem", credential.key),
        ("certificate.pem", credential.certificate),
        ("ca.pem", credential.ca),
    ):
        write_whole(folder / name, data)
    close_to_others(folder / "key.pem")
    sync_directory(state_dir)
    told = asdict(device)
    told["not_before"], told["not_after"] = device.not_before.isoformat(), device.not_after.isoformat()
    write_whole(state_dir / _DEVICE, (json.dumps(told, indent=1) + "\n").encode())
    for old in state_dir.glob("credential-*"):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)


def save_policy(state_dir: Path, policy: Policy) -> None:
    """Keep the collector's intervals over a restart."""
    write_whole(state_dir / _POLICY, policy.SerializeToString())


def load_policy(state_dir: Path) -> Policy:
    """Empty (all defaults) when there is none or it cannot be read."""
    policy = Policy()
    with contextlib.suppress(OSError, DecodeError):
        policy.ParseFromString((state_dir / _POLICY).read_bytes())
    return policy


def own_command(*arguments: str) -> list[str]:
    """This program again, as a child: from an installed Python or from a frozen build."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    return [sys.executable, "-m", "agent", *arguments]
