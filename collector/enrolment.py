"""How a device becomes known: enrolment tokens, finding the same device again, issuing and renewing."""

import hashlib
import logging
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Never

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from collector import identity
from collector.credentials import RENEW_GRACE, Authority, Issued, keep
from collector.store import SessionMaker
from collector.store.devices import Device, Site
from collector.store.enrolment import Credential, EnrolmentToken
from collector.store.people import AuditEntry
from collector.store.reports import SUPERSEDED, Spool
from protos import enrolment_pb2, enrolment_pb2_grpc
from protos.intake_pb2 import Policy

logger = logging.getLogger(__name__)

TOKEN_PREFIX = "tocsin1"  # noqa: S105 - a format, not a secret
_CSR_LIMIT = 8192


class Refused(Exception):
    """An enrolment or renewal that is not granted; the text is for the installer."""


def create_token(
    session: Session, *, uses: int, valid: timedelta, site: str | None, group: str, room: str,
    created_by: str, now: datetime, ca_fingerprint: str, device_class: str = "",
) -> tuple[EnrolmentToken, str]:  # fmt: skip
    """A new token and its text, which is shown once: only a hash is kept."""
    if uses < 1 or valid <= timedelta(0):
        raise ValueError("a token needs at least one use and a time to live")
    if site and session.get(Site, site) is None:
        session.add(Site(name=site, created_at=now))
        session.flush()
    secret = secrets.token_hex(20)
    token = EnrolmentToken(
        id=uuid.uuid4().hex, secret_hash=_hash(secret), site=site or None, group=group, room=room,
        device_class=device_class, uses_left=uses, uses=uses, created_at=now, expires_at=now + valid,
        created_by=created_by,
    )  # fmt: skip
    session.add(token)
    session.add(
        AuditEntry(id=uuid.uuid4().hex, at=now, who=created_by, action="token created", subject=token.id)
    )
    return token, f"{TOKEN_PREFIX}.{secret}.{ca_fingerprint[:32]}"


def revoke_token(session: Session, token_id: str, now: datetime) -> None:
    """No further use; devices it let in stay."""
    session.execute(
        update(EnrolmentToken)
        .where(EnrolmentToken.id == token_id, EnrolmentToken.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def revoke_device(session: Session, device_id: str, *, who: str, now: datetime) -> int:
    """Refuse all its certificates from the next call on. Returns how many there were."""
    revoked = session.execute(
        update(Credential)
        .where(Credential.device_id == device_id, Credential.revoked_at.is_(None))
        .values(revoked_at=now)
    ).rowcount  # type: ignore[attr-defined]
    session.execute(update(Device).where(Device.id == device_id).values(revoked_at=now))
    session.add(AuditEntry(id=uuid.uuid4().hex, at=now, who=who, action="device revoked", subject=device_id))
    return int(revoked)


def enrol(
    session: Session, authority: Authority, request: enrolment_pb2.EnrolRequest, address: str, now: datetime
) -> tuple[Issued, str]:
    """Spend one use of the token, find or make the device, issue. Raises Refused."""
    key = _public_key(request.csr_der)
    token = _spend(session, request.token, now)
    facts = identity.cleaned(request.machine)
    device, doubtful = identity.find(session, facts, now)
    if device is None:
        device = Device(
            id=uuid.uuid4().hex, enrolled_at=now, site=token.site, group=token.group, room=token.room,
            device_class=token.device_class or "unknown", possible_duplicate_of=doubtful,
        )  # fmt: skip
        session.add(device)
    else:
        _come_back(session, device, token, now)
    identity.write(device, facts)
    device.address = address
    device.agent_version = facts.agent_version
    session.flush()
    issued = authority.issue(key, device.id, now)
    keep(session, issued, device.id, now, token.id)
    session.add(
        AuditEntry(
            id=uuid.uuid4().hex, at=now, who="enrolment", action="device enrolled", subject=device.id,
            data={"token": token.id, "address": address, "host_name": facts.host_name, "doubtful": doubtful},
        )
    )  # fmt: skip
    return issued, device.id


def _come_back(session: Session, device: Device, token: EnrolmentToken, now: datetime) -> None:
    """The same machine, re-imaged: its history stays, its old certificates and spools end."""
    session.execute(
        update(Credential)
        .where(Credential.device_id == device.id, Credential.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    session.execute(update(Spool).where(Spool.device_id == device.id).values(standing=SUPERSEDED))
    device.spool_id = ""
    device.revoked_at = None
    if token.site:
        device.site, device.group, device.room = token.site, token.group, token.room or device.room
    device.version += 1  # whatever a collector remembers of it is out of date


def renew(
    session: Session, authority: Authority, request: enrolment_pb2.RenewRequest, now: datetime
) -> tuple[Issued, str]:
    """A new certificate for the holder of an old one, also up to 90 days after its end. Raises Refused."""
    key, device_id = proven(session, authority, request, now)
    issued = authority.issue(key, device_id, now)
    keep(session, issued, device_id, now)
    return issued, device_id


def proven(
    session: Session, authority: Authority, request: enrolment_pb2.RenewRequest, now: datetime
) -> tuple[ec.EllipticCurvePublicKey, str]:
    """(new key, device) of a renewal that may be granted. Raises Refused. Only reads."""
    key = _public_key(request.csr_der)
    try:
        old = x509.load_der_x509_certificate(request.old_certificate_der)
    except ValueError:
        raise Refused("the old certificate does not parse") from None
    fingerprint = hashlib.sha256(request.old_certificate_der).hexdigest()
    row = session.get(Credential, fingerprint)
    if row is None or not authority.signed(old):
        raise Refused("unknown-certificate")
    if row.revoked_at is not None:
        raise Refused("revoked")
    if now > row.expires_at + RENEW_GRACE:
        raise Refused(
            f"the certificate ended more than {RENEW_GRACE.days} days ago: enrol again with a token"
        )
    old_key = old.public_key()
    if not isinstance(old_key, ec.EllipticCurvePublicKey):
        raise Refused("the old certificate has a key of another kind")
    try:
        old_key.verify(request.signature, request.csr_der, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Refused("the request is not signed by the old key") from None
    return key, row.device_id


def _spend(session: Session, text: str, now: datetime) -> EnrolmentToken:
    token = usable_token(session, text, now)
    # Claim by changing: two machines may come with the last use at the same time.
    claimed = session.execute(
        update(EnrolmentToken)
        .where(EnrolmentToken.id == token.id, EnrolmentToken.uses_left > 0)
        .values(uses_left=EnrolmentToken.uses_left - 1)
    ).rowcount  # type: ignore[attr-defined]
    if claimed != 1:
        raise Refused("this enrolment token is used up")
    return token


def usable_token(session: Session, text: str, now: datetime) -> EnrolmentToken:
    """The token behind a text. Raises Refused. Only reads: a flood of bad tokens must not hold the write lock."""
    parts = text.strip().split(".")
    if len(parts) < 2 or parts[0] != TOKEN_PREFIX:
        raise Refused("this is not an enrolment token")
    token = session.scalar(select(EnrolmentToken).where(EnrolmentToken.secret_hash == _hash(parts[1])))
    if token is None:
        raise Refused("unknown enrolment token")
    if token.revoked_at is not None:
        raise Refused("this enrolment token was revoked")
    if now > token.expires_at:
        raise Refused(f"this enrolment token ended at {token.expires_at:%Y-%m-%d %H:%M} UTC")
    return token


def _public_key(csr_der: bytes) -> ec.EllipticCurvePublicKey:
    if len(csr_der) > _CSR_LIMIT:
        raise Refused("the certificate request is too long")
    try:
        csr = x509.load_der_x509_csr(csr_der)
    except ValueError:
        raise Refused("the certificate request does not parse") from None
    key = csr.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Refused("the key must be on curve P-256")
    if not csr.is_signature_valid:
        raise Refused("the certificate request is not signed by its own key")
    return key


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class Servicer(enrolment_pb2_grpc.EnrolmentServicer):
    """gRPC side; thin. Work in the database runs on the server's thread pool."""

    def __init__(
        self, read: SessionMaker, write: SessionMaker, authority: Authority, intake_port: int, policy: Policy
    ) -> None:
        self._read = read
        self._write = write
        self._authority = authority
        self._intake_port = intake_port
        self._policy = policy

    def Enrol(
        self, request: enrolment_pb2.EnrolRequest, context: grpc.ServicerContext
    ) -> enrolment_pb2.Credential:
        now = datetime.now(UTC)
        try:
            with self._read() as session:
                usable_token(session, request.token, now)
            with self._write() as session, session.begin():
                issued, device_id = enrol(session, self._authority, request, _address(context), now)
        except Refused as refused:
            _refuse(context, refused)
        logger.info("enrolled device=%s fingerprint=%s", device_id, issued.fingerprint[:16])
        return self._credential(issued, device_id)

    def Renew(
        self, request: enrolment_pb2.RenewRequest, context: grpc.ServicerContext
    ) -> enrolment_pb2.Credential:
        now = datetime.now(UTC)
        try:
            with self._read() as session:
                proven(session, self._authority, request, now)
            with self._write() as session, session.begin():
                issued, device_id = renew(session, self._authority, request, now)
        except Refused as refused:
            _refuse(context, refused)
        return self._credential(issued, device_id)

    def _credential(self, issued: Issued, device_id: str) -> enrolment_pb2.Credential:
        return enrolment_pb2.Credential(
            certificate_pem=issued.pem,
            ca_bundle_pem=self._authority.ca_pem,
            device_id=device_id,
            intake_port=self._intake_port,
            policy=self._policy,
        )


def _refuse(context: grpc.ServicerContext, refused: Refused) -> Never:
    logger.warning("enrolment refused peer=%s reason=%s", _address(context), refused)
    reason = str(refused) if str(refused) in ("revoked", "unknown-certificate") else "refused"
    context.set_trailing_metadata((("tocsin-reason", reason),))
    context.abort(grpc.StatusCode.PERMISSION_DENIED, str(refused))
    raise AssertionError("abort raises")


def _address(context: grpc.ServicerContext) -> str:
    """`ipv4:10.0.0.7:51234` → `10.0.0.7`."""
    return str(context.peer()).split(":", 1)[-1].rsplit(":", 1)[0].strip("[]%")[:64]
