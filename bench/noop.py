"""The least a Python gRPC server can do: take the same message over the same mTLS, and answer. The yardstick.

`python -m bench.noop PKI PORT` uses the certificates of a collector's state directory.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from collector.credentials import Authority
from collector.intake import MESSAGE_LIMIT
from protos import intake_pb2_grpc
from protos.intake_pb2 import LIVE, STORED, Ack, Receipt, ReportBatch

_ACK = Ack(receipts=[Receipt(lane=LIVE, seq=1, verdict=STORED)])


class Servicer(intake_pb2_grpc.IntakeServicer):
    async def Report(self, request: ReportBatch, context: Any) -> Ack:
        return _ACK


async def serve(pki: Path, port: int) -> None:
    authority = Authority(pki, datetime.now(UTC), ())
    key, chain = authority.server_files()
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", MESSAGE_LIMIT)])
    intake_pb2_grpc.add_IntakeServicer_to_server(Servicer(), server)  # type: ignore[no-untyped-call]
    server.add_secure_port(
        f"127.0.0.1:{port}",
        grpc.ssl_server_credentials([(key, chain)], authority.ca_pem, require_client_auth=True),
    )
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
