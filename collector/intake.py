"""The Intake service: who is calling, may it, and into the pipeline. Thin on purpose."""

import asyncio
import hashlib
import logging
import ssl
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Final, Never

import grpc
import grpc.aio
from sqlalchemy.exc import OperationalError

from collector.credentials import CredentialBook
from collector.directives import Desk
from collector.pipeline import Call, Pipeline
from protos import intake_pb2_grpc
from protos.intake_pb2 import Ack, Directive, ListenRequest, ReportBatch

logger = logging.getLogger(__name__)

REPORTS_IN_A_CALL: Final = 64
MESSAGE_LIMIT: Final = 1_048_576  # bytes, after decompression
_RETRY_AFTER: Final = 15
_HEX: Final = frozenset("0123456789abcdef")


class Servicer(intake_pb2_grpc.IntakeServicer):
    def __init__(self, pipeline: Pipeline, book: CredentialBook, desk: Desk) -> None:
        self._pipeline = pipeline
        self._book = book
        self._desk = desk
        self._settled: deque[tuple[asyncio.Future[Ack | Exception], Ack | Exception]] = deque()
        self._waking = False
        self._fingerprints: dict[bytes, str] = {}  # PEM → fingerprint: decoding costs more than looking

    async def Report(
        self, request: ReportBatch, context: "grpc.aio.ServicerContext[ReportBatch, Ack]"
    ) -> Ack:
        device_id = await self._device(context)
        if len(request.reports) > REPORTS_IN_A_CALL:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"at most {REPORTS_IN_A_CALL} reports a call, not {len(request.reports)}",
            )
        if len(request.spool_id) != 32 or not _HEX.issuperset(request.spool_id):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "spool_id must be 32 hex digits")
        if self._pipeline.busy():
            return Ack(retry_after_seconds=_RETRY_AFTER)
        answer: asyncio.Future[Ack | Exception] = asyncio.get_running_loop().create_future()
        done = partial(self._done, answer)
        self._pipeline.submit(Call(device_id, request, address_of(context.peer()), datetime.now(UTC), done))
        result = await answer
        if isinstance(result, OperationalError):
            # Disk full, database away: nothing was taken, and the device should not hurry.
            return Ack(retry_after_seconds=_RETRY_AFTER)
        if isinstance(result, Exception):
            await context.abort(
                grpc.StatusCode.INTERNAL, "this call could not be stored; the collector's log says why"
            )
            raise AssertionError("abort raises")
        return result

    async def Listen(
        self, request: ListenRequest, context: "grpc.aio.ServicerContext[ListenRequest, Directive]"
    ) -> AsyncIterator[Directive]:
        device_id = await self._device(context)
        wake = self._desk.attach(device_id)
        try:
            while True:
                await wake.wait()
                wake.clear()
                await self._device(context)  # revoked while it listened?
                for directive in self._desk.take(device_id):
                    yield directive
        finally:
            self._desk.detach(device_id, wake)

    def _done(self, answer: "asyncio.Future[Ack | Exception]", result: Ack | Exception) -> None:
        """On the pipeline's thread. The loop is woken once for all answers of a commit, not once for each."""
        self._settled.append((answer, result))
        if not self._waking:
            self._waking = True
            answer.get_loop().call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        self._waking = False  # first: what is appended from here on wakes the loop again
        while self._settled:
            answer, result = self._settled.popleft()
            if not answer.done():  # the device may have hung up
                answer.set_result(result)

    async def _device(
        self,
        context: "grpc.aio.ServicerContext[ReportBatch, Ack] | grpc.aio.ServicerContext[ListenRequest, Directive]",
    ) -> str:
        """The calling device, from its certificate and from nothing else."""
        pems = context.auth_context().get("x509_pem_cert") or ()
        pem = next(iter(pems), b"")
        fingerprint = self._fingerprints.get(pem)
        if fingerprint is None:
            if not pem:
                await self._refuse(context, "unknown-certificate")
            fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))).hexdigest()
            if len(self._fingerprints) > 100_000:
                self._fingerprints.clear()
            self._fingerprints[pem] = fingerprint
        holder = self._book.holder(fingerprint)
        if holder.refused:
            await self._refuse(context, holder.refused)
        return holder.device_id

    async def _refuse(
        self,
        context: "grpc.aio.ServicerContext[ReportBatch, Ack] | grpc.aio.ServicerContext[ListenRequest, Directive]",
        reason: str,
    ) -> Never:
        logger.warning("call refused peer=%s reason=%s", context.peer(), reason)
        words = {
            "revoked": "this device's certificate was revoked: enrol it again if it should report",
            "unknown-certificate": "this certificate was not issued here",
        }
        await context.abort(
            grpc.StatusCode.PERMISSION_DENIED, words[reason], trailing_metadata=(("tocsin-reason", reason),)
        )
        raise AssertionError("abort raises")


def address_of(peer: str) -> str:
    """`ipv4:10.0.0.7:51234` → `10.0.0.7`; `ipv6:%5B::1%5D:51234` → `::1`."""
    return peer.split(":", 1)[-1].rsplit(":", 1)[0].replace("%5B", "").replace("%5D", "").strip("[]")[:64]
