"""Which state of a thing a client has seen: If-None-Match spares it what it knows, If-Match keeps it from
overwriting what it has not seen.

A tag is made of the whole representation. Nothing in a representation depends on the moment of the request alone
(times stand there, not ages), so the tag changes when the thing does.
"""

from hashlib import sha256

from flask import request
from pydantic import BaseModel

from console.api.problem import Mistake, Stopped


def of(body: bytes) -> str:
    """Without its quotes; strong."""
    return sha256(body).hexdigest()[:32]


def packed(shown: BaseModel) -> bytes:
    return shown.model_dump_json().encode()


def demand() -> None:
    """A change names the state that it was decided on. `*` names none."""
    if not request.headers.get("If-Match", "").strip() or request.if_match.star_tag:
        raise Stopped(
            428,
            "Say which state you decided on: read it first and send its ETag as If-Match.",
            errors=[Mistake(where="header.If-Match", problem="an ETag is needed here")],
        )


def match(shown: BaseModel) -> None:
    """`shown`: as it is now, read in the transaction that will change it."""
    if not request.if_match.contains(of(packed(shown))):
        raise Stopped(412, "It was changed after you read it. Read it again and decide anew.")


def is_known(tag: str) -> bool:
    """The client has this state already."""
    return request.method in ("GET", "HEAD") and request.if_none_match.contains_weak(tag)
