"""The body of an envelope: a serialised Report, deflated (zlib).

Packed once, on the device, when the report is spooled: the spool, the wire and the collector's report log
hold the same bytes, and their hash is the report's.
"""

import zlib

from protos.report_pb2 import Report

# A window of 8 KB holds a whole report, and setting it up costs a third of the usual one.
_WINDOW_BITS, _MEMORY_LEVEL = 13, 5


class NotABody(ValueError):
    """The bytes do not inflate."""


class TooLong(ValueError):
    """More than the limit would come out."""


def pack(report: Report) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
    return packer.compress(report.SerializeToString()) + packer.flush()


def inflate(body: bytes, limit: int) -> bytes:
    """The serialised report, at most `limit` bytes. Raises NotABody, TooLong; never makes more than it may."""
    opener = zlib.decompressobj()
    try:
        serialised = opener.decompress(body, limit + 1)
    except zlib.error as error:
        raise NotABody(str(error)) from None
    if len(serialised) > limit:
        raise TooLong(f"more than {limit} bytes")
    if not opener.eof:
        raise NotABody("the bytes end too early")
    return serialised


def unpack(body: bytes, limit: int = 16_000_000) -> Report:
    """For those who wrote it themselves, or have checked it before. Raises NotABody, TooLong, DecodeError."""
    return Report.FromString(inflate(body, limit))
