"""gRPC over mutual TLS, and what its errors mean for the link."""

from collections.abc import Iterator
from enum import Enum
from typing import Any, Final

import grpc

from agent.identity import COLLECTOR_NAME, Credential
from protos.intake_pb2 import Ack, Directive, ListenRequest, ReportBatch
from protos.intake_pb2_grpc import IntakeStub

RETRY_KEY: Final = "tocsin-retry-after"  # seconds, in the trailing metadata of an overloaded collector
REASON_KEY: Final = "tocsin-reason"
REASONS: Final = ("revoked", "unknown-certificate", "clone")

OPTIONS: Final[tuple[tuple[str, Any], ...]] = (
    ("grpc.ssl_target_name_override", COLLECTOR_NAME),
    # Servers answer more frequent pings with GOAWAY (their default bound is 5 minutes).
    ("grpc.keepalive_time_ms", 300_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # The link waits between attempts; gRPC's own wait on a shared connection would come on top.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", 1_048_576),
    # The listening thread reads its stream itself: a second thread that hands over would wake it ten times a second.
    ("SingleThreadedUnaryStream", 1),
)


class Kind(Enum):
    AWAY = "away"  # not to be reached; also what a refused TLS handshake looks like from here
    OVERLOADED = "overloaded"
    TOO_BIG = "too big"
    BARRED = "barred"  # reached, and it does not want this certificate
    BROKEN = "broken"  # the collector failed on this very call


class Trouble(Exception):
    """A call that brought no ack."""

    def __init__(self, kind: Kind, text: str, *, retry_after: float = 0.0, reason: str = "") -> None:
        super().__init__(text)
        self.kind, self.retry_after, self.reason = kind, retry_after, reason


class Channel:
    """One connection to the collector, made at the first call."""

    def __init__(self, address: str, credential: Credential) -> None:
        secrets = grpc.ssl_channel_credentials(credential.ca, credential.key, credential.certificate)
        self._channel = grpc.secure_channel(address, secrets, options=OPTIONS)
        self._stub = IntakeStub(self._channel)  # type: ignore[no-untyped-call]

    def report(self, batch: ReportBatch, *, timeout: float) -> Ack:
        """Raises Trouble. `timeout` in seconds."""
        try:
            ack: Ack = self._stub.Report(batch, timeout=timeout)
        except grpc.RpcError as error:
            raise trouble(error) from None
        except ValueError:  # closed by another thread
            raise Trouble(Kind.AWAY, "the connection was closed") from None
        return ack

    def listen(self) -> Iterator[Directive]:
        """Directives, until the stream ends. Raises Trouble."""
        try:
            yield from self._stub.Listen(ListenRequest())
        except grpc.RpcError as error:
            raise trouble(error) from None
        except ValueError:
            raise Trouble(Kind.AWAY, "the connection was closed") from None

    def close(self) -> None:
        """Ends calls under way, in other threads too."""
        self._channel.close()


def trouble(error: grpc.RpcError) -> Trouble:
    """What a failed call means."""
    code = error.code()
    text = f"{code.name}: {error.details() or 'no details'}"[:300]
    metadata: Any = error.trailing_metadata() or ()
    told = {str(key): _word(value) for key, value in metadata}
    if code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED):
        reason = told.get(REASON_KEY, "")
        return Trouble(Kind.BARRED, text, reason=reason if reason in REASONS else "not said")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        # gRPC says this for "too big" and for "too busy"; our collector tells the wait with the second.
        wait = told.get(RETRY_KEY, "")
        if wait.isdigit():
            return Trouble(Kind.OVERLOADED, text, retry_after=float(wait))
        return Trouble(Kind.TOO_BIG if "larger than max" in text else Kind.OVERLOADED, text)
    if code in (
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.OUT_OF_RANGE,
    ):
        return Trouble(Kind.BROKEN, text)
    return Trouble(Kind.AWAY, text)


def _word(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("ascii", "replace")
