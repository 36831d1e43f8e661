"""A private CA and what it signs, as the collector would: made anew for a test session."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM = serialization.Encoding.PEM


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass
class Authority:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(PEM)

    @property
    def pin(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()[:32]

    def server(self, name: str = "collector.tocsin") -> tuple[bytes, bytes]:
        """Key and chain; the chain ends with the CA, so that an enrolling device can see it."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._issue(key.public_key(), name, ExtendedKeyUsageOID.SERVER_AUTH, dns=name)
        return _pem(key), certificate.public_bytes(PEM) + self.pem

    def client(self, device_id: str) -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        return _pem(key), self.certify(key.public_key(), device_id).public_bytes(PEM)

    def certify(
        self, public_key: ec.EllipticCurvePublicKey, device_id: str, life: timedelta = timedelta(days=30)
    ) -> x509.Certificate:
        return self._issue(public_key, device_id, ExtendedKeyUsageOID.CLIENT_AUTH, life=life)

    def _issue(
        self, public_key: ec.EllipticCurvePublicKey, name: str, usage: x509.ObjectIdentifier, *,
        dns: str = "", life: timedelta = timedelta(days=30),
    ) -> x509.Certificate:  # fmt: skip
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + life)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if dns:
            names = x509.SubjectAlternativeName([x509.DNSName(dns)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def authority() -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name("Tocsin test CA"))
        .issuer_name(_name("Tocsin test CA"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, certificate)
