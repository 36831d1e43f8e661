"""Over real gRPC: who has no business here is refused with a clear word, and nobody else notices."""

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_health.v1 import health_pb2, health_pb2_grpc

from collector.credentials import Authority
from collector.store.reports import StoredReport
from protos import body as bodies
from protos import intake_pb2 as wire
from protos.enrolment_pb2 import EnrolRequest
from protos.enrolment_pb2_grpc import EnrolmentStub
from protos.intake_pb2_grpc import IntakeStub
from tests.collector.test_enrolment import request_for
from tests.collector.world import filesystem
from tests.end_to_end.running import RunningCollector

pytestmark = pytest.mark.xdist_group("waiting")
NAME = (("grpc.ssl_target_name_override", "collector.tocsin"),)


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with RunningCollector(tmp_path_factory.mktemp("abuse")) as running:
        yield running


@dataclass
class Client:
    """A device's side of the wire, by hand."""

    collector: RunningCollector
    certificate: bytes | None
    key: bytes | None

    def __post_init__(self) -> None:
        ca = (self.collector.state / "pki" / "ca.pem").read_bytes()
        credentials = grpc.ssl_channel_credentials(ca, self.key, self.certificate)
        self.channel = grpc.secure_channel(f"127.0.0.1:{self.collector.intake}", credentials, options=NAME)
        self.intake = IntakeStub(self.channel)  # type: ignore[no-untyped-call]
        self.seq = 0

    def send(self, body: bytes | None = None, **batch: object) -> wire.Ack:
        self.seq += 1
        envelope = wire.Envelope(
            lane=wire.LIVE, seq=self.seq, body=body if body is not None else bodies.pack(filesystem(0.5))
        )
        request = wire.ReportBatch(**({"spool_id": "c" * 32, "reports": [envelope]} | batch))  # type: ignore[arg-type]
        ack: wire.Ack = self.intake.Report(request, timeout=20)
        return ack


def enrolled(collector: RunningCollector) -> Client:
    key = ec.generate_private_key(ec.SECP256R1())
    ca = (collector.state / "pki" / "ca.pem").read_bytes()
    with grpc.secure_channel(
        f"127.0.0.1:{collector.enrolment}", grpc.ssl_channel_credentials(ca), options=NAME
    ) as channel:
        held = EnrolmentStub(channel).Enrol(  # type: ignore[no-untyped-call]
            EnrolRequest(token=collector.token(), csr_der=request_for(key)), timeout=20
        )
    return Client(collector, held.certificate_pem, pem(key))


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def refused(call: Callable[[], object]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def reason(error: grpc.RpcError) -> str:
    return dict(error.trailing_metadata() or ()).get("tocsin-reason", "")


def test_a_device_is_heard(collector: RunningCollector) -> None:
    assert enrolled(collector).send().receipts[0].verdict == wire.STORED


def test_without_a_certificate_there_is_no_connection(collector: RunningCollector) -> None:
    assert refused(Client(collector, None, None).send).code() == grpc.StatusCode.UNAVAILABLE


def test_a_certificate_of_another_authority_is_no_certificate(
    collector: RunningCollector, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    device_id = enrolled(collector).send() and "a" * 32
    issued = Authority(tmp_path, datetime.now(UTC)).issue(key.public_key(), device_id, datetime.now(UTC))
    assert refused(Client(collector, issued.pem, pem(key)).send).code() == grpc.StatusCode.UNAVAILABLE


def test_a_certificate_that_was_signed_here_and_never_given_out_is_unknown(
    collector: RunningCollector,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    issued = Authority(collector.state / "pki", now).issue(key.public_key(), "a" * 32, now)

    error = refused(Client(collector, issued.pem, pem(key)).send)
    assert (error.code(), reason(error)) == (grpc.StatusCode.PERMISSION_DENIED, "unknown-certificate")


def test_revoking_works_on_the_open_connection_within_five_seconds(collector: RunningCollector) -> None:
    client = enrolled(collector)
    client.send()
    newest = max(collector.command("devices", "list", "--json"), key=lambda d: d["seen_at"] or "")
    collector.command("revoke", newest["id"])
    revoked_at = time.monotonic()

    while time.monotonic() - revoked_at < 5:
        try:
            client.send()
        except grpc.RpcError as error:
            assert (error.code(), reason(error)) == (grpc.StatusCode.PERMISSION_DENIED, "revoked")
            break
        time.sleep(0.1)
    else:
        pytest.fail("still heard five seconds after it was revoked")


def test_no_message_can_name_another_device(collector: RunningCollector) -> None:
    fields = {field.name for field in wire.ReportBatch.DESCRIPTOR.fields} | {
        field.name for field in wire.Envelope.DESCRIPTOR.fields
    }
    assert "device_id" not in fields


@pytest.mark.parametrize("token", ["tocsin1." + "0" * 40 + ".x", "nonsense", ""])
def test_a_wrong_token_is_refused_with_a_word(collector: RunningCollector, token: str) -> None:
    ca = (collector.state / "pki" / "ca.pem").read_bytes()
    key = ec.generate_private_key(ec.SECP256R1())
    with grpc.secure_channel(
        f"127.0.0.1:{collector.enrolment}", grpc.ssl_channel_credentials(ca), options=NAME
    ) as channel:
        stub = EnrolmentStub(channel)  # type: ignore[no-untyped-call]
        error = refused(lambda: stub.Enrol(EnrolRequest(token=token, csr_der=request_for(key)), timeout=20))
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED
    assert "token" in (error.details() or "")


def test_two_megabytes_are_refused_and_the_next_report_is_taken(collector: RunningCollector) -> None:
    client = enrolled(collector)
    error = refused(lambda: client.send(b"\0" * 2_000_000))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert client.send().receipts[0].verdict == wire.STORED


def test_a_bomb_that_unpacks_to_two_hundred_megabytes_is_refused(collector: RunningCollector) -> None:
    client = enrolled(collector)
    request = wire.ReportBatch(
        spool_id="c" * 32, reports=[wire.Envelope(lane=wire.LIVE, seq=1, body=b"\0" * 200_000_000)]
    )
    error = refused(lambda: client.intake.Report(request, timeout=30, compression=grpc.Compression.Gzip))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert client.send().receipts[0].verdict == wire.STORED


def test_a_body_that_inflates_to_two_hundred_megabytes_is_refused_without_inflating(
    collector: RunningCollector,
) -> None:
    client = enrolled(collector)
    bomb = zlib.compress(b"\0" * 200_000_000)
    receipt = client.send(bomb).receipts[0]
    assert (receipt.verdict, receipt.refusal) == (wire.REFUSED, wire.TOO_BIG)
    assert client.send().receipts[0].verdict == wire.STORED


@pytest.mark.parametrize("spool_id", ["", "x" * 32, "../../etc/passwd", "C" * 32, "c" * 33])
def test_a_spool_must_be_named_in_hexadecimal(collector: RunningCollector, spool_id: str) -> None:
    client = enrolled(collector)
    assert refused(lambda: client.send(spool_id=spool_id)).code() == grpc.StatusCode.INVALID_ARGUMENT


def test_more_than_sixty_four_reports_in_a_call_are_too_many(collector: RunningCollector) -> None:
    client = enrolled(collector)
    many = [wire.Envelope(lane=wire.LIVE, seq=n, body=b"") for n in range(1, 66)]
    assert refused(lambda: client.send(reports=many)).code() == grpc.StatusCode.INVALID_ARGUMENT


def test_what_was_refused_cost_nobody_else_a_report(collector: RunningCollector) -> None:
    before = len(collector.rows(StoredReport))
    clients = [enrolled(collector) for _ in range(5)]
    for client in clients:
        client.send()
        with pytest.raises(grpc.RpcError):
            client.send(b"\0" * 2_000_000)
        client.seq -= 1
        client.send()
    assert len(collector.rows(StoredReport)) == before + 10


def test_a_device_cannot_listen_with_a_certificate_that_is_unknown(collector: RunningCollector) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    issued = Authority(collector.state / "pki", now).issue(key.public_key(), "a" * 32, now)
    client = Client(collector, issued.pem, pem(key))
    error = refused(lambda: next(client.intake.Listen(wire.ListenRequest(), timeout=10)))
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED


def test_a_load_balancer_may_ask_how_it_is_without_a_certificate(collector: RunningCollector) -> None:
    ca = (collector.state / "pki" / "ca.pem").read_bytes()
    with grpc.secure_channel(
        f"127.0.0.1:{collector.enrolment}", grpc.ssl_channel_credentials(ca), options=NAME
    ) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
