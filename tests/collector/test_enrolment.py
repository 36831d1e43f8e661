"""Becoming known, coming back, renewing: who is let in and who is not."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from collector import enrolment
from collector.credentials import Authority, CredentialBook, fingerprint_of_pem
from collector.enrolment import Refused
from collector.store import reader_maker
from collector.store.devices import Device
from collector.store.enrolment import EnrolmentToken
from protos.enrolment_pb2 import EnrolRequest, Machine, RenewRequest
from tests.collector.world import NOON

DAY = timedelta(days=1)


@dataclass
class Desk:
    """Where tests enrol: the functions behind the service, with the test's own clock."""

    engine: Engine
    authority: Authority

    def token(self, uses: int = 1, valid: timedelta = DAY, now: datetime = NOON) -> str:
        with Session(self.engine) as session, session.begin():
            _row, text = enrolment.create_token(
                session, uses=uses, valid=valid, site="Tulsa", group="desktop", room="", created_by="ann", now=now,
                ca_fingerprint=self.authority.fingerprint,
            )  # fmt: skip
        return text

    def enrol(
        self, token: str, machine: Machine | None = None, now: datetime = NOON, csr: bytes | None = None
    ) -> "Held":
        key = ec.generate_private_key(ec.SECP256R1())
        request = EnrolRequest(
            token=token, csr_der=csr if csr is not None else request_for(key), machine=machine or Machine()
        )
        with Session(self.engine) as session, session.begin():
            issued, device_id = enrolment.enrol(session, self.authority, request, "192.0.2.9", now)
        return Held(device_id, issued.pem, key)

    def renew(
        self, held: "Held", now: datetime, *, signer: ec.EllipticCurvePrivateKey | None = None
    ) -> "Held":
        key = ec.generate_private_key(ec.SECP256R1())
        csr = request_for(key)
        der = x509.load_pem_x509_certificate(held.pem).public_bytes(serialization.Encoding.DER)
        signature = (signer or held.key).sign(csr, ec.ECDSA(hashes.SHA256()))
        request = RenewRequest(csr_der=csr, old_certificate_der=der, signature=signature)
        with Session(self.engine) as session, session.begin():
            issued, device_id = enrolment.renew(session, self.authority, request, now)
        return Held(device_id, issued.pem, key)

    def heard(self, device_id: str, at: datetime) -> None:
        with Session(self.engine) as session, session.begin():
            device = session.get(Device, device_id)
            assert device is not None
            device.seen_at = at

    def devices(self) -> list[Device]:
        with reader_maker(self.engine)() as session:
            return list(session.scalars(select(Device)))


@dataclass
class Held:
    device_id: str
    pem: bytes
    key: ec.EllipticCurvePrivateKey


def request_for(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.DER)


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, Authority(tmp_path / "pki", NOON))


def machine(serial: str = "5CG1234XYZ", uuid: str = "4c4c4544-0042-4a10-8054-b9c04f575931") -> Machine:
    return Machine(
        host_name="desk-7", system_serial=serial, smbios_uuid=uuid, wired_macs=["00:1b:21:aa:bb:cc"]
    )


def test_a_token_lets_in_as_many_as_it_says(desk: Desk) -> None:
    token = desk.token(uses=2)
    desk.enrol(token)
    desk.enrol(token)

    with pytest.raises(Refused, match="used up"):
        desk.enrol(token)
    assert len(desk.devices()) == 2
    assert {device.site for device in desk.devices()} == {"Tulsa"}


@pytest.mark.parametrize(
    "text", ["", "tocsin1.", "tocsin1.0000.abc", "hello", "tocsin1." + "0" * 40 + ".x", "\x00", "tocsin2.a.b"]
)
def test_what_is_no_token_lets_nobody_in(desk: Desk, text: str) -> None:
    with pytest.raises(Refused, match="token"):
        desk.enrol(text)
    assert desk.devices() == []


def test_a_token_ends(desk: Desk) -> None:
    token = desk.token(valid=timedelta(hours=1))
    with pytest.raises(Refused, match="ended at"):
        desk.enrol(token, now=NOON + timedelta(hours=2))


def test_a_revoked_token_lets_nobody_in(desk: Desk, engine: Engine) -> None:
    token = desk.token()
    with Session(engine) as session, session.begin():
        enrolment.revoke_token(session, session.scalars(select(EnrolmentToken.id)).one(), NOON)
    with pytest.raises(Refused, match="revoked"):
        desk.enrol(token)


def test_the_secret_of_a_token_is_not_kept(desk: Desk, engine: Engine) -> None:
    secret = desk.token().split(".")[1]
    with reader_maker(engine)() as session:
        row = session.scalars(select(EnrolmentToken)).one()
    assert secret not in repr(vars(row))


@pytest.mark.parametrize(
    "csr, words",
    [(b"", "does not parse"), (b"\x30\x82garbage", "does not parse"), (b"x" * 10_000, "too long")],
    ids=["empty", "garbage", "long"],
)
def test_a_request_that_is_none_is_refused_and_spends_nothing(desk: Desk, csr: bytes, words: str) -> None:
    token = desk.token()
    with pytest.raises(Refused, match=words):
        desk.enrol(token, csr=csr)
    desk.enrol(token)


def test_a_key_of_another_kind_is_refused(desk: Desk) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(Refused, match="P-256"):
        desk.enrol(desk.token(), csr=request_for(key))


def test_the_subject_is_ours_whatever_the_request_says(desk: Desk) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody-else")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    held = desk.enrol(desk.token(), csr=csr.public_bytes(serialization.Encoding.DER))

    assert x509.load_pem_x509_certificate(held.pem).subject.rfc4514_string() == f"CN={held.device_id}"


def test_a_reimaged_machine_is_the_same_device_again(desk: Desk, engine: Engine) -> None:
    first = desk.enrol(desk.token(), machine())
    desk.heard(first.device_id, NOON)
    again = desk.enrol(desk.token(), machine(), now=NOON + timedelta(hours=3))

    assert again.device_id == first.device_id
    assert CredentialBook(reader_maker(engine)).holder(fingerprint_of_pem(first.pem)).refused == "revoked"


def test_a_living_device_is_never_taken_over(desk: Desk, engine: Engine) -> None:
    first = desk.enrol(desk.token(), machine())
    desk.heard(first.device_id, NOON + timedelta(hours=3))
    other = desk.enrol(desk.token(), machine(), now=NOON + timedelta(hours=3, minutes=1))

    assert other.device_id != first.device_id
    assert {d.possible_duplicate_of for d in desk.devices()} == {"", first.device_id}
    assert CredentialBook(reader_maker(engine)).holder(fingerprint_of_pem(first.pem)).refused == ""


@pytest.mark.parametrize(
    "serial", ["To be filled by O.E.M.", "Default string", "System Serial Number", "0", ""]
)
def test_a_placeholder_serial_makes_no_two_machines_one(desk: Desk, serial: str) -> None:
    zero = "00000000-0000-0000-0000-000000000000"
    for _ in range(3):
        desk.enrol(desk.token(), Machine(host_name="same-name", system_serial=serial, smbios_uuid=zero))

    assert len(desk.devices()) == 3
    assert {d.possible_duplicate_of for d in desk.devices()} == {""}


def test_a_serial_alone_is_a_doubt_and_not_a_match(desk: Desk) -> None:
    first = desk.enrol(desk.token(), machine())
    desk.enrol(desk.token(), Machine(system_serial="5CG1234XYZ"), now=NOON + DAY)

    assert sorted(d.possible_duplicate_of for d in desk.devices()) == ["", first.device_id]


def test_hostile_text_is_trimmed_before_it_is_kept(desk: Desk) -> None:
    desk.enrol(desk.token(), Machine(host_name="<script>\x00\x1b[31m\u202eevil" + "x" * 500))

    (device,) = desk.devices()
    assert device.host_name.startswith("<script>[31mevil")
    assert len(device.host_name) == 255


def test_renewal_goes_on_after_the_end_for_ninety_days(desk: Desk) -> None:
    held = desk.enrol(desk.token())

    renewed = desk.renew(held, NOON + 15 * DAY)
    from_a_drawer = desk.renew(held, NOON + 30 * DAY + 89 * DAY)

    assert renewed.device_id == from_a_drawer.device_id == held.device_id
    with pytest.raises(Refused, match="enrol again"):
        desk.renew(held, NOON + 30 * DAY + 91 * DAY)


def test_renewal_needs_the_old_key(desk: Desk) -> None:
    held = desk.enrol(desk.token())
    with pytest.raises(Refused, match="not signed by the old key"):
        desk.renew(held, NOON + DAY, signer=ec.generate_private_key(ec.SECP256R1()))


def test_a_revoked_certificate_is_not_renewed(desk: Desk, engine: Engine) -> None:
    held = desk.enrol(desk.token())
    with Session(engine) as session, session.begin():
        assert enrolment.revoke_device(session, held.device_id, who="ann", now=NOON) == 1
    with pytest.raises(Refused, match="revoked"):
        desk.renew(held, NOON + DAY)


def test_a_foreign_certificate_is_not_renewed(desk: Desk, tmp_path: Path) -> None:
    foreign = Authority(tmp_path / "elsewhere", NOON)
    key = ec.generate_private_key(ec.SECP256R1())
    issued = foreign.issue(key.public_key(), "a" * 32, NOON)
    with pytest.raises(Refused, match="unknown-certificate"):
        desk.renew(Held("a" * 32, issued.pem, key), NOON + DAY)


def test_the_authority_keeps_its_keys_to_itself(desk: Desk, tmp_path: Path) -> None:
    for name in ("ca.key", "server.key"):
        assert (tmp_path / "pki" / name).stat().st_mode & 0o077 == 0
