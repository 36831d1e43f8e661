"""A creation that names itself (Idempotency-Key) happens once: asked again, it is answered again.

The name is claimed by its primary key in the transaction of the creation, so of two at the same time one creates and
the other waits and repeats the first one's answer. What was refused is not kept: mended, it may be sent again under its name.
"""

import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

from flask import request
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from collector.store.people import Creation
from console import guard
from console.api.problem import Mistake, Stopped

HEADER: Final = "Idempotency-Key"
PATTERN: Final = r"^[A-Za-z0-9._:-]{1,100}$"
_NAME: Final = re.compile(PATTERN, re.ASCII)


class Answered(NamedTuple):
    """As it is sent, and as it is kept."""

    status: int
    body: bytes
    is_repeat: bool = False


def once(
    session: Session, body: BaseModel | None, make: Callable[[], Answered], secrets: tuple[str, ...] = ()
) -> Answered:
    """`make` creates and is called at most once for one name. `secrets`: fields of the answer that are not kept; where
    there are any, the repeat is refused with a word about what became of the first."""
    name = request.headers.get(HEADER)
    if name is None:
        return make()
    if not _NAME.fullmatch(name):
        mistake = Mistake(where=f"header.{HEADER}", problem="1 to 100 letters, digits and . _ : -")
        raise Stopped(422, f"The {HEADER} cannot be used.", errors=[mistake])
    who, asked = guard.person().name, _hash(body)
    former = session.get(Creation, (who, name))
    if former is None:
        try:
            with session.begin_nested():
                claim = Creation(
                    user=who, key=name, request_hash=asked, status=0, body="", created_at=guard.now()
                )
                session.add(claim)
        except IntegrityError:  # another one under this name has just ended
            former = session.get(Creation, (who, name), populate_existing=True)
    if former is not None:
        return _repeated(former, asked, secrets)
    made = make()
    claim.status, claim.body = made.status, _without(made.body, secrets)
    return made


def _hash(body: BaseModel | None) -> str:
    said = body.model_dump(mode="json") if body is not None else None
    text = json.dumps([request.method, request.path, said], sort_keys=True)
    return sha256(text.encode()).hexdigest()


def _repeated(former: Creation, asked: str, secrets: tuple[str, ...]) -> Answered:
    if former.request_hash != asked:
        raise Stopped(
            422, f"This {HEADER} was used for another request. Give each creation a name of its own."
        )
    if secrets:
        made: Mapping[str, Any] = json.loads(former.body)
        raise Stopped(
            409,
            "This was made by an earlier request, and its secret was shown once, then. If that answer was lost, revoke "
            f"{made.get('url', 'it')} and make another under another {HEADER}.",
        )
    return Answered(former.status, former.body.encode(), is_repeat=True)


def _without(body: bytes, secrets: tuple[str, ...]) -> str:
    if not secrets:
        return body.decode()
    kept = {key: value for key, value in json.loads(body).items() if key not in secrets}
    return json.dumps(kept)
