"""The installation's own certificate authority, and the book of who holds which certificate.

The private key of a device is made on the device and never comes here. A certificate is known by the
SHA-256 fingerprint of its DER form; every call looks it up, so that revoking needs no reconnect.
"""

import hashlib
import ipaddress
import logging
import os
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.store import SessionMaker
from collector.store.enrolment import Credential

logger = logging.getLogger(__name__)

# Agents check for this name instead of the address they dialled: the authority is ours alone and device
# certificates lack serverAuth, so a renamed or re-addressed collector needs no new certificate.
SERVER_NAME = "collector.tocsin"
CREDENTIAL_LIFE = timedelta(days=30)
RENEW_GRACE = timedelta(days=90)  # how long after its end a certificate may still be renewed
# A device whose clock stands in 1970 must still be able to say so: validity of our own side starts early.
_SINCE_EVER = datetime(1970, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Issued:
    pem: bytes
    fingerprint: str
    serial_number: str
    expires_at: datetime


def fingerprint_of_pem(pem: bytes) -> str:
    """SHA-256 of the DER form, hex."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))).hexdigest()


class Authority:
    """Issues certificates. Its files live in `directory`: ca.pem, ca.key, server.pem, server.key (0600)."""

    def __init__(self, directory: Path, now: datetime, names: tuple[str, ...] = ()) -> None:
        """Open, or make on first use. Raises OSError when the files cannot be read or written."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        if not (directory / "ca.pem").exists():
            self._make_ca(now)
        self.ca_pem = (directory / "ca.pem").read_bytes()
        self._ca = x509.load_pem_x509_certificate(self.ca_pem)
        key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - we wrote it
        self._key = key
        if not (directory / "server.pem").exists():
            self._make_server(now, names)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the CA certificate, hex: what an enrolment token carries."""
        return fingerprint_of_pem(self.ca_pem)

    def server_files(self) -> tuple[bytes, bytes]:
        """(key, chain) for the listening ports. The chain ends with the CA, so that a device can pin it."""
        return (
            (self._directory / "server.key").read_bytes(),
            (self._directory / "server.pem").read_bytes() + self.ca_pem,
        )

    def issue(self, public_key: ec.EllipticCurvePublicKey, device_id: str, now: datetime) -> Issued:
        """A client certificate. The subject is ours; nothing of the device's request but its key is used."""
        expires_at = now + CREDENTIAL_LIFE
        certificate = (
            self._builder(public_key, device_id, now - timedelta(days=1), expires_at)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"tocsin:device:{device_id}")]),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        return Issued(pem, fingerprint_of_pem(pem), f"{certificate.serial_number:x}", expires_at)

    def signed(self, certificate: x509.Certificate) -> bool:
        """Whether this authority signed it; says nothing about dates or revocation."""
        try:
            certificate.verify_directly_issued_by(self._ca)
        except (InvalidSignature, ValueError, TypeError):  # another signer, another name, another kind of key
            return False
        return True

    def _builder(
        self, key: ec.EllipticCurvePublicKey, name: str, since: datetime, until: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._ca.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )

    def _make_ca(self, now: datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Tocsin {socket.gethostname()}"[:64])])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_SINCE_EVER)
            .not_valid_after(now + timedelta(days=7300))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
                    key_encipherment=False, data_encipherment=False, key_agreement=False,
                    encipher_only=False, decipher_only=False,
                ),
                critical=True,
            )
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        _write_private(self._directory / "ca.key", _key_pem(key))
        _write_private(self._directory / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM))

    def _make_server(self, now: datetime, names: tuple[str, ...]) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives: list[x509.GeneralName] = []
        for name in dict.fromkeys((SERVER_NAME, "localhost", "127.0.0.1", socket.gethostname(), *names)):
            try:
                alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
            except ValueError:
                alternatives.append(x509.DNSName(name))
        certificate = (
            self._builder(key.public_key(), SERVER_NAME, _SINCE_EVER, now + timedelta(days=3650))
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=True)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        _write_private(self._directory / "server.key", _key_pem(key))
        _write_private(self._directory / "server.pem", certificate.public_bytes(serialization.Encoding.PEM))


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(path.suffix + ".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a fingerprint belongs to. `refused` is empty, `revoked` or `unknown-certificate`."""

    device_id: str
    refused: str = ""


_UNKNOWN = Holder("", "unknown-certificate")


class CredentialBook:
    """Fingerprints in memory, kept true by `refresh` every two seconds and by looking up what is not here.

    A revocation made by the console or by another collector is therefore known within two seconds.
    """

    def __init__(self, read: SessionMaker) -> None:
        self._read = read
        self._holders: dict[str, Holder] = {}
        self._lock = Lock()

    def holder(self, fingerprint: str) -> Holder:
        """Who holds this certificate. Unknown ones are looked up each time: they may have just been issued."""
        known = self._holders.get(fingerprint)
        if known is not None:
            return known
        with self._read() as session:
            row = session.get(Credential, fingerprint)
        if row is None:
            return _UNKNOWN
        return self._remember(row)

    def refresh(self) -> None:
        """Read all credentials anew: a few hundred bytes each, milliseconds for thousands."""
        with self._read() as session:
            rows = session.execute(
                select(Credential.fingerprint, Credential.device_id, Credential.revoked_at)
            )
            fresh = {
                fingerprint: Holder(device_id, "revoked" if revoked_at else "")
                for fingerprint, device_id, revoked_at in rows
            }
        with self._lock:
            self._holders = fresh

    def _remember(self, row: Credential) -> Holder:
        holder = Holder(row.device_id, "revoked" if row.revoked_at else "")
        with self._lock:
            self._holders[row.fingerprint] = holder
        return holder


def keep(session: Session, issued: Issued, device_id: str, now: datetime, token_id: str = "") -> None:
    """Write an issued certificate into the book."""
    session.add(
        Credential(
            fingerprint=issued.fingerprint,
            device_id=device_id,
            serial_number=issued.serial_number,
            issued_at=now,
            expires_at=issued.expires_at,
            token_id=token_id,
        )
    )
