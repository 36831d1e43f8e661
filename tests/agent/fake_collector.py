"""A FAKE collector for the agent's tests: real gRPC and TLS, a dictionary for a database.

It keeps the contract's promises about numbers (high water, duplicates, forks) and can be told to fail.
The real one is collector/.
"""

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from protos import body as bodies
from protos import enrolment_pb2, enrolment_pb2_grpc, intake_pb2, intake_pb2_grpc
from protos.intake_pb2 import BACKFILL, CURRENT, DUPLICATE, FORKED, LIVE, REFUSED, STORED, Ack, ReportBatch
from tests.agent.certificates import Authority


def content_hash(body: bytes) -> int:
    return int.from_bytes(hashlib.sha256(body).digest()[:8], "big")


@dataclass
class Script:
    """What the next calls do instead of the right thing."""

    abort: list[tuple] = field(default_factory=list)  # (code, details, metadata): one per call
    retry_after: list[int] = field(default_factory=list)
    lose_acks: int = 0  # store, then fail the call
    poison: bytes = b"\0never\0"  # a report holding these bytes is refused
    breaks_on: bytes = b"\0never\0"  # a batch holding these bytes is answered INTERNAL
    standing: int = CURRENT
    directives: list[intake_pb2.Directive] = field(default_factory=list)


class FakeIntake(intake_pb2_grpc.IntakeServicer):
    def __init__(self) -> None:
        self.stored: dict[tuple[str, int, int], bytes] = {}
        self.order: list[tuple[str, int, int]] = []
        self.batches: list[ReportBatch] = []
        self.script = Script()
        self.heard = threading.Condition()
        self.streams: list[list[intake_pb2.Directive]] = []
        self.streamed: list[intake_pb2.Directive] = []

    def Report(self, batch, context):
        with self.heard:
            self.batches.append(batch)
            self.heard.notify_all()
        script = self.script
        if script.abort:
            code, details, metadata = script.abort.pop(0)
            context.set_trailing_metadata(metadata)
            context.abort(code, details)
        if script.retry_after:
            return Ack(retry_after_seconds=script.retry_after.pop(0))
        if any(script.breaks_on in bodies.inflate(envelope.body, 10**8) for envelope in batch.reports):
            context.abort(grpc.StatusCode.INTERNAL, "this report breaks the collector")
        ack = Ack(standing=script.standing)
        for envelope in batch.reports:
            key = (batch.spool_id, envelope.lane, envelope.seq)
            ack.receipts.add(lane=envelope.lane, seq=envelope.seq, verdict=self._store(key, envelope.body))
        if script.lose_acks and batch.reports:
            script.lose_acks -= 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "the ack is lost")
        if batch.hello:
            for lane in (LIVE, BACKFILL):
                ack.high_water.append(self._high_water(batch.spool_id, lane))
        ack.directives.extend(script.directives)
        script.directives = []
        return ack

    def _store(self, key, body):
        if self.script.poison in bodies.inflate(body, 10**8):
            return REFUSED
        if key in self.stored:
            return DUPLICATE if self.stored[key] == body else FORKED
        self.stored[key] = body
        self.order.append(key)
        return STORED

    def _high_water(self, spool_id, lane):
        seqs = [key[2] for key in self.stored if key[:2] == (spool_id, lane)]
        if not seqs:
            return intake_pb2.HighWater(lane=lane, seq=0)
        top = max(seqs)
        return intake_pb2.HighWater(lane=lane, seq=top, hash=content_hash(self.stored[spool_id, lane, top]))

    def Listen(self, request, context):
        yield from self.streamed
        self.streamed = []
        while context.is_active():
            time.sleep(0.02)

    # what the tests ask

    def names(self, lane=None):
        """host_name of every stored report, in the order they came: the tests' way to tell them apart."""
        return [bodies.unpack(self.stored[key]).host_name for key in self.order if lane in (None, key[1])]

    def seqs(self, lane, spool_id=None):
        return sorted(k[2] for k in self.stored if k[1] == lane and spool_id in (None, k[0]))

    def wait_for(self, ready, seconds=20.0):
        """Until `ready(self)` after some call."""
        with self.heard:
            assert self.heard.wait_for(lambda: ready(self), seconds), "the collector was not told in time"


class FakeEnrolment(enrolment_pb2_grpc.EnrolmentServicer):
    def __init__(self, authority: Authority, secret: str) -> None:
        self.authority, self.secret = authority, secret
        self.intake_port = 0
        self.life = timedelta(days=30)
        self.requests: list[enrolment_pb2.EnrolRequest] = []
        self.renewals = 0

    def Enrol(self, request, context):
        self.requests.append(request)
        if request.token.split(".")[1] != self.secret:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "this token was used, expired or never made")
        return self._credential(request.csr_der)

    def Renew(self, request, context):
        old = x509.load_der_x509_certificate(request.old_certificate_der)
        old.public_key().verify(request.signature, request.csr_der, ec.ECDSA(hashes.SHA256()))
        self.renewals += 1
        return self._credential(request.csr_der)

    def _credential(self, csr_der):
        csr = x509.load_der_x509_csr(csr_der)
        certificate = self.authority.certify(csr.public_key(), "device-1", self.life)
        return enrolment_pb2.Credential(
            certificate_pem=certificate.public_bytes(serialization.Encoding.PEM),
            ca_bundle_pem=self.authority.pem,
            device_id="device-1",
            intake_port=self.intake_port,
            policy=intake_pb2.Policy(sample_seconds=30),
        )


class FakeCollector:
    """Both services, on free ports of the loopback address."""

    def __init__(self, authority: Authority, *, port: int = 0) -> None:
        self.authority = authority
        self.intake = FakeIntake()
        self.enrolment = FakeEnrolment(authority, "secret")
        self.token = f"tocsin1.secret.{authority.pin}"
        self.port = 0
        self.start(port)

    def start(self, port: int = 0) -> None:
        key, chain = self.authority.server()
        self.server = grpc.server(
            ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", 1 << 20)]
        )
        intake_pb2_grpc.add_IntakeServicer_to_server(self.intake, self.server)
        secrets = grpc.ssl_server_credentials([(key, chain)], self.authority.pem, require_client_auth=True)
        self.port = self.server.add_secure_port(f"127.0.0.1:{port}", secrets)
        self.server.start()
        self.door = grpc.server(ThreadPoolExecutor(2))
        enrolment_pb2_grpc.add_EnrolmentServicer_to_server(self.enrolment, self.door)
        self.enrolment_port = self.door.add_secure_port(
            "127.0.0.1:0", grpc.ssl_server_credentials([(key, chain)])
        )
        self.enrolment.intake_port = self.port
        self.door.start()

    def stop(self) -> None:
        self.server.stop(0).wait()
        self.door.stop(0).wait()
