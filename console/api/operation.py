"""What every route of the API does alike: understands what was sent, calls the view, answers with JSON and a tag,
commits. The same row tells the OpenAPI document about it (document.py).
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, TypeVar

from flask import Response, request
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import IntegrityError

from collector.problem import Problem
from console import database as db
from console import forms
from console.api import etag, once
from console.api.fields import Asked
from console.api.problem import Mistake, Stopped

# Set on the wrapped view, where document.py finds it.
MARK: Final = "api_operation"
_MOST_MISTAKES: Final = 20

Model = TypeVar("Model", bound=BaseModel)
View = Callable[..., BaseModel]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    noun: str  # the heading it stands under
    answer: type[BaseModel]
    asked: type[Asked] = Asked
    body: type[BaseModel] | None = None
    status: int = 200
    is_one: bool = False  # one thing: its answer carries a tag
    changes: bool = False  # needs If-Match
    once: bool = False  # creates: takes Idempotency-Key
    secrets: tuple[str, ...] = ()  # fields of the answer that are shown once and not kept


def operation(**row: Any) -> Callable[[View], Callable[..., Response]]:
    """Keywords as of `Operation`. The view gets `asked` and `body` where it has any, and what its address names; it
    answers with a model, and commits nothing itself."""
    told = Operation(**row)

    def decorate(view: View) -> Callable[..., Response]:
        @wraps(view)
        def answered(**given: Any) -> Response:
            asked = _asked(told.asked)
            if told.changes:
                etag.demand()
            if told.asked is not Asked:
                given["asked"] = asked
            body = _body(told.body) if told.body is not None else None
            if body is not None:
                given["body"] = body

            def make() -> once.Answered:
                return once.Answered(told.status, etag.packed(view(**given)))

            try:
                made = once.once(db.session(), body, make, told.secrets) if told.once else make()
                if request.method not in ("GET", "HEAD", "OPTIONS"):
                    db.session().commit()
            except IntegrityError:  # a unique index decided between two
                raise Stopped(
                    409, "Somebody else did the same just now. Read it again and decide anew."
                ) from None
            return _response(told, made)

        setattr(answered, MARK, told)
        return answered

    return decorate


@contextmanager
def refusing(status: int) -> Iterator[None]:
    """What the collector refuses is answered with this status and its sentence."""
    try:
        yield
    except Problem as problem:
        raise Stopped(status, forms.sentence(problem)) from None


def _response(told: Operation, made: once.Answered) -> Response:
    response = Response(made.body, status=made.status, mimetype="application/json")
    if told.is_one:
        tag = etag.of(made.body)
        if etag.is_known(tag):
            response = Response(status=304)
        response.set_etag(tag)
    if made.status == 201:
        url = json.loads(made.body).get("url")
        if url:
            response.headers["Location"] = url
    if made.is_repeat:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _asked(model: type[Asked]) -> Asked:
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        raise _not_understood(
            [Mistake(where=f"query.{name[:100]}", problem="given more than once") for name in twice]
        )
    try:
        return model.model_validate(request.args.to_dict())
    except ValidationError as error:
        raise _not_understood(_mistakes(error, "query")) from None


def _body(model: type[Model]) -> Model:
    if request.mimetype != "application/json":
        raise Stopped(415, "Send the body as application/json.")
    try:
        return model.model_validate_json(request.get_data())
    except ValidationError as error:
        raise _not_understood(_mistakes(error, "body")) from None


def _mistakes(error: ValidationError, place: str) -> list[Mistake]:
    return [
        Mistake(where=".".join([place, *(str(part)[:100] for part in each["loc"])]), problem=each["msg"])
        for each in error.errors(include_url=False, include_context=False, include_input=False)
    ][:_MOST_MISTAKES]


def _not_understood(mistakes: list[Mistake]) -> Stopped:
    first = mistakes[0]
    return Stopped(422, f"{first.where}: {first.problem}.", errors=mistakes)
