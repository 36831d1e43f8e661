"""What went wrong, as programs read it: problem details (RFC 9457) with a sentence for the person behind them."""

from typing import Any, Final

from flask import Response, json, request
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

PATH: Final = "/api/v1/"
TYPE: Final = "application/problem+json"


class Mistake(BaseModel):
    """One thing that was not understood, and where it stands."""

    model_config = ConfigDict(extra="forbid")

    where: str = Field(description="`body.why`, `query.limit`, `header.If-Match`", examples=["body.why"])
    problem: str = Field(examples=["String should have at least 1 character"])


class Problem(BaseModel):
    """Why a request was not done. Nothing was changed, unless the sentence says so."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="Always about:blank: the status says it all", examples=["about:blank"])
    title: str = Field(description="The status in words", examples=["Precondition Failed"])
    status: int = Field(examples=[412])
    detail: str = Field(
        description="A sentence for a person",
        examples=["It was changed after you read it. Read it again and decide anew."],
    )
    errors: list[Mistake] = Field(default=[], description="What was not understood, one entry a place")
    legal: list[str] = Field(default=[], description="Of a refused move: what the ticket can become")


_DETAIL: Final = {
    400: "The request could not be understood.",
    403: "The role of this key, or of who made it, does not allow this.",
    404: "There is nothing at this address.",
    405: "This address does not take that kind of request.",
    413: "That is too much: a body holds at most 64 KiB.",
    415: "Send the body as application/json.",
    500: "Something went wrong in the console. Nothing was changed. The details are in its log.",
    503: "The database does not answer. Nothing was changed; try again.",
}


class Stopped(HTTPException):
    """An answer that says no; raised by views, caught by nobody else than the error handler."""

    def __init__(
        self, status: int, detail: str, *, errors: list[Mistake] | None = None, legal: tuple[str, ...] = ()
    ) -> None:
        super().__init__(detail)
        self.code = status
        self.errors = errors or []
        self.legal = legal


def is_wanted() -> bool:
    """Of a request that was meant for the API."""
    return request.path.startswith(PATH)


def answer(status: int, detail: str = "", cause: Exception | None = None) -> Response:
    """`cause`: what was raised; its headers (Allow) and its mistakes go along."""
    phrase = HTTP_STATUS_CODES.get(status, "Error")
    said: dict[str, Any] = {
        "type": "about:blank", "title": phrase, "status": status,
        "detail": detail or _DETAIL.get(status, f"{phrase}."),
    }  # fmt: skip
    if isinstance(cause, Stopped):
        if cause.errors:
            said["errors"] = [each.model_dump() for each in cause.errors]
        if cause.legal:
            said["legal"] = list(cause.legal)
    made = Response(json.dumps(said), status=status, mimetype=TYPE)
    if isinstance(cause, HTTPException):
        made.headers.extend(
            (name, text) for name, text in cause.get_headers() if name.lower() != "content-type"
        )
    if status == 401:
        made.headers["WWW-Authenticate"] = 'Bearer realm="Tocsin"'
    return made
