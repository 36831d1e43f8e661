"""Keys and certificates of simulated devices, enrolled as a real agent does it."""

import asyncio
import hashlib
import socket
import ssl
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from protos.enrolment_pb2 import EnrolRequest, Machine
from protos.enrolment_pb2_grpc import EnrolmentStub
from protos.intake_pb2 import Policy

COLLECTOR_NAME: Final = "collector.tocsin"  # in every collector's certificate, whatever its address
_NAME_OPTION: Final = ("grpc.ssl_target_name_override", COLLECTOR_NAME)
_AT_A_TIME: Final = 8


class EnrolmentFailed(Exception):
    """The text says why."""


@dataclass(frozen=True, slots=True)
class Credential:
    device_id: str
    key: bytes
    certificate: bytes
    ca: bytes
    intake_port: int
    policy: Policy


def pin_of(token: str) -> str:
    """The start of the CA certificate's fingerprint, as the token says it."""
    parts = token.split(".")
    if len(parts) != 3:
        raise EnrolmentFailed("a token has the form tocsin1.SECRET.FINGERPRINT")
    return parts[2]


def fits(ca: bytes, token: str) -> bool:
    """Whether a kept CA certificate is the one the token names: else the collector was made anew."""
    certificate = x509.load_pem_x509_certificate(ca)
    return certificate.fingerprint(hashes.SHA256()).hex().startswith(pin_of(token))


def shown_ca(host: str, port: int, pin: str) -> bytes:
    """The CA certificate the enrolment port shows, as PEM; trusted only because the token names it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection((host, port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=COLLECTOR_NAME) as secured,
    ):
        chain = _chain(secured)
    for der in chain:
        if hashlib.sha256(der).hexdigest().startswith(pin):
            return ssl.DER_cert_to_PEM_cert(der).encode()
    raise EnrolmentFailed(f"{host}:{port} is not the collector this token is from")


def _chain(secured: ssl.SSLSocket) -> list[bytes]:
    if hasattr(secured, "get_unverified_chain"):  # Python 3.13
        return list(secured.get_unverified_chain())
    # Before, the same lies one object deeper.
    inner: Any = secured._sslobj  # type: ignore[attr-defined]
    return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in inner.get_unverified_chain()]


async def enrol(
    host: str, port: int, machines: list[tuple[str, Machine]], at_a_time: int = _AT_A_TIME
) -> list[Credential]:
    """A credential for each (token, machine), in the same order. Raises EnrolmentFailed."""
    if not machines:
        return []
    ca = await asyncio.to_thread(shown_ca, host, port, pin_of(machines[0][0]))
    trust = grpc.ssl_channel_credentials(ca)
    gate = asyncio.Semaphore(at_a_time)
    async with grpc.aio.secure_channel(f"{host}:{port}", trust, options=[_NAME_OPTION]) as channel:
        stub = EnrolmentStub(channel)  # type: ignore[no-untyped-call]

        async def one(token: str, machine: Machine) -> Credential:
            async with gate:
                return await _enrol(stub, token, machine)

        return list(await asyncio.gather(*(one(token, machine) for token, machine in machines)))


async def _enrol(stub: Any, token: str, machine: Machine) -> Credential:
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    request = EnrolRequest(token=token, csr_der=csr.public_bytes(serialization.Encoding.DER), machine=machine)
    try:
        answer = await stub.Enrol(request, timeout=60)
    except grpc.aio.AioRpcError as error:
        raise EnrolmentFailed(f"{error.code().name}: {error.details()}") from None
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Credential(
        answer.device_id, pem, answer.certificate_pem, answer.ca_bundle_pem, answer.intake_port, answer.policy
    )


def channel(host: str, port: int, credential: Credential) -> grpc.aio.Channel:
    """A connection of this device's own, over mutual TLS."""
    trust = grpc.ssl_channel_credentials(credential.ca, credential.key, credential.certificate)
    options: list[tuple[str, Any]] = [
        _NAME_OPTION,
        # Devices share one process here and must not share a connection.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.enable_http_proxy", 0),
    ]
    return grpc.aio.secure_channel(f"{host}:{port}", trust, options=options)
