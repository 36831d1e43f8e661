"""How the device becomes known, and stays so: a key made here, a certificate from the collector.

Loads cryptography (10 MB), and therefore only in the short-lived `enrol` and `renew`.
"""

import hashlib
import os
import re
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent import identity
from agent.channel import OPTIONS, REASON_KEY
from agent.exits import Exit, Stop
from agent.identity import COLLECTOR_NAME, Credential, Device
from agent.probe import Place
from protos import enrolment_pb2, enrolment_pb2_grpc

_CALL_SECONDS: Final = 20.0
_PIN_LETTERS: Final = 32


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """HOST:PORT; an IPv6 address stands in brackets. Raises Stop."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise Stop(Exit.USAGE, f"the collector is given as HOST:PORT, not {text!r}")
    return Address(host, int(port))


def pins(token: str, fingerprint: str | None) -> list[str]:
    """What the CA certificate's SHA-256 has to begin with: said by the token and by the flag. Raises Stop."""
    parts = token.split(".")
    if len(parts) != 3 or parts[0] != "tocsin1" or not _is_pin(parts[2]):
        raise Stop(Exit.USAGE, "this is not an enrolment token: it has the form tocsin1.….…, copy all of it")
    found = [parts[2].lower()]
    if fingerprint is not None:
        plain = fingerprint.lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
        if not _is_pin(plain):
            raise Stop(Exit.USAGE, "--ca-fingerprint is a SHA-256 in hex, at least its first 32 digits")
        found.append(plain)
    return found


def _is_pin(text: str) -> bool:
    return re.fullmatch(r"[0-9a-fA-F]{32,64}", text) is not None


def enrol(
    address: Address, token: str, *, place: Place, state_dir: Path,
    fingerprint: str | None = None, ca_file: Path | None = None, again: bool = False,
) -> Device:  # fmt: skip
    """Make a key, have it certified, keep both. Raises Stop."""
    _refuse_to_overwrite(state_dir, again)
    expected = pins(token, fingerprint)
    root = _root_from_file(ca_file) if ca_file else _root_from_network(address, expected)
    _check_pins(root, expected)
    key = ec.generate_private_key(ec.SECP256R1())
    request = enrolment_pb2.EnrolRequest(token=token, csr_der=_csr(key), machine=_machine(place))
    with _channel(address, root.public_bytes(serialization.Encoding.PEM)) as channel:
        answer = _call(_stub(channel).Enrol, request, address)
    _check_pins_of_bundle(answer.ca_bundle_pem, expected)
    return _keep(state_dir, address, key, answer)


def renew(state_dir: Path, *, host: str = "") -> Device:
    """Replace key and certificate, proved by the old key; also after expiry. Raises Stop.

    `host`: where the collector is now, if not where it was at enrolment.
    """
    try:
        device = identity.load(state_dir)
        old = identity.read_credential(state_dir, device)
    except identity.NoCredential as error:
        raise Stop(Exit.CREDENTIAL, str(error)) from None
    old_key = serialization.load_pem_private_key(old.key, password=None)
    if not isinstance(old_key, ec.EllipticCurvePrivateKey):
        raise Stop(Exit.CREDENTIAL, "the key on this device is not of the kind Tocsin makes")
    key = ec.generate_private_key(ec.SECP256R1())
    csr = _csr(key)
    certificate = x509.load_pem_x509_certificate(old.certificate)
    request = enrolment_pb2.RenewRequest(
        csr_der=csr,
        old_certificate_der=certificate.public_bytes(serialization.Encoding.DER),
        signature=old_key.sign(csr, ec.ECDSA(hashes.SHA256())),
    )
    address = Address(host or device.collector_host, device.enrolment_port)
    with _channel(address, old.ca) as channel:
        answer = _call(_stub(channel).Renew, request, address)
    return _keep(state_dir, address, key, answer)


def _refuse_to_overwrite(state_dir: Path, again: bool) -> None:
    if again:
        return
    try:
        device = identity.load(state_dir)
    except identity.NoCredential:
        if not (state_dir / "device.json").exists():
            return
        raise
    raise Stop(
        Exit.CREDENTIAL,
        f"this machine is already enrolled as {device.device_id}; --again gives it a new credential",
    )


def _root_from_file(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise Stop(Exit.CONFIGURATION, f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise Stop(Exit.CONFIGURATION, f"{path}: is not a certificate in PEM") from None


def _root_from_network(address: Address, expected: Iterable[str]) -> x509.Certificate:
    """The CA certificate the collector shows. Nothing is trusted but its match with the pins; that the
    collector holds a certificate of this CA is proved by the TLS of the call that follows."""
    shown = fetch_chain(address)
    for der in shown:
        if all(hashlib.sha256(der).hexdigest().startswith(pin) for pin in expected):
            return x509.load_der_x509_certificate(der)
    raise Stop(
        Exit.CREDENTIAL,
        f"{address} is not the collector this token is from: none of its {len(shown)} certificates has the "
        "fingerprint in the token. If the address is right, somebody may be in between.",
    )


def fetch_chain(address: Address) -> list[bytes]:
    """The certificates a TLS server shows, DER, unverified. Raises Stop."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    host = address.host.strip("[]")
    try:
        with (
            socket.create_connection((host, address.port), timeout=_CALL_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=COLLECTOR_NAME) as secured,
        ):
            return _chain(secured)
    except (OSError, ssl.SSLError) as error:
        raise Stop(Exit.UNREACHABLE, f"{address} cannot be reached: {error}") from None


def _chain(secured: ssl.SSLSocket) -> list[bytes]:
    if hasattr(secured, "get_unverified_chain"):  # Python 3.13
        return list(secured.get_unverified_chain())
    # Before, the same lies one object deeper, as objects of the C module.
    inner: Any = secured._sslobj  # type: ignore[attr-defined]
    return [
        ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in inner.get_unverified_chain()
    ]


def _check_pins(root: x509.Certificate, expected: Iterable[str]) -> None:
    found = root.fingerprint(hashes.SHA256()).hex()
    for pin in expected:
        if not found.startswith(pin):
            raise Stop(
                Exit.CREDENTIAL, f"the CA certificate has the fingerprint {found}, expected was {pin}…"
            )


def _check_pins_of_bundle(bundle: bytes, expected: Iterable[str]) -> None:
    """What will be trusted from now on must hold the CA the token named."""
    try:
        found = [one.fingerprint(hashes.SHA256()).hex() for one in x509.load_pem_x509_certificates(bundle)]
    except ValueError:
        found = []
    if not any(all(one.startswith(pin) for pin in expected) for one in found):
        raise Stop(Exit.CREDENTIAL, "the collector's CA bundle does not hold the CA the token names")


def _csr(key: ec.EllipticCurvePrivateKey) -> bytes:
    # Without a name: the collector chooses the subject.
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def _machine(place: Place) -> enrolment_pb2.Machine:
    from agent.header import version
    from agent.probes.hardware import machine

    told = machine(place)
    told.agent_version = told.agent_version or version()
    return told


def _channel(address: Address, ca: bytes) -> grpc.Channel:
    return grpc.secure_channel(
        str(address), grpc.ssl_channel_credentials(root_certificates=ca), options=OPTIONS
    )


def _stub(channel: grpc.Channel) -> enrolment_pb2_grpc.EnrolmentStub:
    return enrolment_pb2_grpc.EnrolmentStub(channel)  # type: ignore[no-untyped-call]


def _call(method: Any, request: Any, address: Address) -> enrolment_pb2.Credential:
    try:
        answer: enrolment_pb2.Credential = method(request, timeout=_CALL_SECONDS)
    except grpc.RpcError as error:
        raise _stop(error, address) from None
    return answer


def _stop(error: Any, address: Address) -> Stop:
    code, details = error.code(), error.details() or "no details"
    refused = (
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.ALREADY_EXISTS,
    )
    if code in refused:
        told = {str(key): str(value) for key, value in error.trailing_metadata() or ()}
        reason = told.get(REASON_KEY, "")
        return Stop(Exit.CREDENTIAL, f"the collector refused: {details}{reason and f' ({reason})'}")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Stop(Exit.UNREACHABLE, f"{address} is busy: {details}; try again in a minute")
    return Stop(Exit.UNREACHABLE, f"{address} did not answer ({code.name}): {details}")


def _keep(
    state_dir: Path, address: Address, key: ec.EllipticCurvePrivateKey, answer: enrolment_pb2.Credential
) -> Device:
    try:
        certificate = x509.load_pem_x509_certificate(answer.certificate_pem)
    except ValueError:
        raise Stop(Exit.CREDENTIAL, "the collector's answer holds no certificate") from None
    if certificate.public_key() != key.public_key():
        raise Stop(Exit.CREDENTIAL, "the collector certified another key than this device's")
    device = Device(
        device_id=answer.device_id,
        collector_host=address.host,
        enrolment_port=address.port,
        intake_port=answer.intake_port,
        credential=f"credential-{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        identity.save(state_dir, device, Credential(pem, answer.certificate_pem, answer.ca_bundle_pem))
        if answer.HasField("policy"):
            identity.save_policy(state_dir, answer.policy)
    except OSError as error:
        raise Stop(
            Exit.CONFIGURATION,
            f"{error.filename or state_dir}: cannot be written: {os.strerror(error.errno or 0)}",
        ) from None
    return device
