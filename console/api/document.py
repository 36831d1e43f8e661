"""The OpenAPI document: made by spectree of the very rows by which the routes work (operation.py), when it is first
asked for. Spectree answers no request and serves no page of its own: its pages load scripts from elsewhere.
"""

import json
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Final

from flask import Blueprint, Flask, Response, current_app
from pydantic import BaseModel
from werkzeug.routing import Rule

from console import access
from console.api import etag, once
from console.api.operation import MARK, Operation
from console.api.problem import TYPE, Problem

api_document = Blueprint("api_document", __name__, url_prefix="/api/v1")

_ABOUT: Final = (
    "What the pages of Tocsin show and do, for programs. Each call brings an API key, made on the page API keys: it never "
    "can do more than who made it. Times are ISO 8601 in UTC; a number's unit is the last word of its name; null means "
    "not known, never zero. Lists go on at `next` until it is null. Changes name by If-Match the state they were decided "
    "on; creations may name themselves by Idempotency-Key and then happen once."
)
_ID: Final = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}
_BY_CONVERTER: Final[dict[str, dict[str, Any]]] = {
    "id": _ID,
    "number": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    "name": {"type": "string", "pattern": "^[A-Za-z0-9_.@ -]{1,100}$"},
    "place": {"type": "string", "minLength": 1, "maxLength": 1200},
}
_PATH_WORDS: Final = {
    "device_id": "Of the device", "section": "Of the section: disks, software, …", "number": "What people say",
    "site": "Of the site; take addresses from `url`, where what a path cannot carry is written as ~2F",
    "name": "Of the room", "rule": "Of the rule",
}  # fmt: skip
# status → what it means here
_WORDS: Final = {
    200: "As asked",
    201: "Made; or, repeated under its Idempotency-Key, what was answered the first time",
    304: "As you have it: If-None-Match names its tag",
    401: "No key that counts: none, unknown, expired, revoked, or its maker is disabled",
    403: "The role of the key, or of who made it now, does not allow this",
    404: "There is no such thing",
    409: "As things stand this cannot be done; the sentence says why",
    412: "It was changed after you read it: read it again and decide anew",
    413: "A body holds at most 64 KiB",
    415: "A body is application/json",
    422: "Not understood, or it does not hold together: each mistake with its place",
    428: "Send the ETag of the state you decided on as If-Match",
    503: "The database does not answer; nothing was changed",
}


def register(app: Flask) -> None:
    app.register_blueprint(api_document)


@api_document.get("/openapi.json")
def openapi() -> Response:
    """Open to all: it tells what could be asked, nothing of what is."""
    body = _packed()
    response = Response(body, mimetype="application/json")
    tag = etag.of(body)
    if etag.is_known(tag):
        response = Response(status=304)
    response.set_etag(tag)
    return response


def _packed() -> bytes:
    kept = current_app.extensions.setdefault("api_document", {})
    if "packed" not in kept:
        kept["packed"] = json.dumps(build(current_app)).encode()
    packed: bytes = kept["packed"]
    return packed


def whole() -> dict[str, Any]:
    """The document, for the page that shows it."""
    made: dict[str, Any] = json.loads(_packed())
    return made


def operations(app: Flask) -> Iterator[tuple[Rule, str, Operation]]:
    """Every route of the API: its rule, its method, its row."""
    for rule in app.url_map.iter_rules():
        told = getattr(app.view_functions[rule.endpoint], MARK, None)
        if told is not None:
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method, told


def statuses(rule: Rule, told: Operation) -> dict[int, type[BaseModel] | None]:
    """All that the route may answer."""
    found: dict[int, type[BaseModel] | None] = {told.status: told.answer}
    if told.is_one and not told.changes:
        found[304] = None
    codes = [401, 403, 422, 503]
    if rule.arguments:
        codes.append(404)
    if told.body is not None:
        codes += [413, 415]
    if told.changes:
        codes += [412, 428]
    if told.changes or told.once:
        codes.append(409)
    return found | dict.fromkeys(sorted(codes), Problem)


def build(app: Flask) -> dict[str, Any]:
    """OpenAPI 3.1."""
    # Loaded here: only who asks for the document pays for it.
    from spectree import Response as Answers
    from spectree import SecurityScheme, SpecTree
    from spectree.models import SecureType, SecuritySchemeData
    from spectree.plugins.flask_plugin import FlaskPlugin

    rows = {rule.endpoint: (rule, method, told) for rule, method, told in operations(app)}
    documented: dict[str, Any] = {}

    class Routes(FlaskPlugin):
        """Only the routes of the API, each as its row describes it."""

        def find_routes(self) -> Iterator[Rule]:
            yield from (rule for rule, _, _ in rows.values())

        def parse_func(self, route: Rule) -> Iterator[tuple[str, Any]]:
            yield rows[route.endpoint][1], documented[route.endpoint]

    bearer = SecuritySchemeData(type=SecureType.HTTP, scheme="bearer", description="An API key: tocsin_…")
    tree = SpecTree(
        backend=Routes, title="Tocsin", version=version("tocsin"), description=_ABOUT, annotations=False, mode="strict",
        naming_strategy=lambda model: model.__name__, nested_naming_strategy=lambda _parent, child: child,
        validation_error_model=Problem, security={"key": []},
        security_schemes=[SecurityScheme(name="key", data=bearer)],
    )  # fmt: skip
    for endpoint, (rule, _method, told) in rows.items():
        answers = Answers(**{f"HTTP_{code}": model for code, model in statuses(rule, told).items()})
        documented[endpoint] = tree.validate(
            query=told.asked if told.asked.model_fields else None, json=told.body, resp=answers, tags=(told.noun,),
            operation_id=endpoint.removeprefix("api_").replace(".", "_"), skip_validation=True,
        )(app.view_functions[endpoint])  # fmt: skip
    made: dict[str, Any] = json.loads(json.dumps(tree.spec))
    for rule, method, told in rows.values():
        path = tree.backend.parse_path(rule, None)[0]
        _mend(made["paths"][path][method.lower()], rule, told)
    return made


def _mend(row: dict[str, Any], rule: Rule, told: Operation) -> None:
    """What spectree does not know: our converters, headers, and the type of an error."""
    needed = access.ROUTE[rule.endpoint]
    row["x-role"] = needed
    row["description"] = f"{row['description']} Needs the role {needed}.".strip()
    for place in row["parameters"]:
        if place["in"] == "path":
            kind = next(part for part in _parts(rule) if part[1] == place["name"])[0]
            place["schema"] = _BY_CONVERTER.get(kind) or place["schema"]
            place["description"] = _PATH_WORDS.get(place["name"], "Its id")
    row["parameters"] += _headers(told)
    for status, answer in row["responses"].items():
        answer["description"] = _WORDS[int(status)]
        if int(status) >= 400:
            answer["content"] = {TYPE: answer["content"]["application/json"]}
        headers = _answered(int(status), told)
        if headers:
            answer["headers"] = headers


def _parts(rule: Rule) -> Iterator[tuple[str, str]]:
    """(converter, name) of each variable of the address."""
    for is_dynamic, data in rule._trace:
        if is_dynamic:
            yield _converter(rule, data), data


def _converter(rule: Rule, name: str) -> str:
    names = {kind: word for word, kind in current_app.url_map.converters.items()}
    return names.get(type(rule._converters[name]), "")


def _headers(told: Operation) -> list[dict[str, Any]]:
    found = []
    if told.changes:
        found.append(
            _header(
                "If-Match",
                True,
                "The ETag of the state you decided on",
                {"type": "string", "minLength": 1},
                '"0f3c…"',
            )
        )
    elif told.is_one:
        found.append(
            _header("If-None-Match", False, "The ETag of what you have", {"type": "string"}, '"0f3c…"')
        )
    if told.once:
        schema = {"type": "string", "pattern": once.PATTERN}
        words = "A name of your own for this creation; asked again under it, it is answered again. Kept for 48 hours"
        found.append(_header(once.HEADER, False, words, schema, "import-2026-11-22-17"))
    return found


def _header(name: str, required: bool, words: str, schema: dict[str, Any], example: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": words,
        "schema": schema,
        "example": example,
    }


def _answered(status: int, told: Operation) -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    found: dict[str, Any] = {}
    if told.is_one and status in (200, 304):
        found["ETag"] = {"description": "Which state this is", **text}
    if status == 201 and "url" in told.answer.model_fields:
        found["Location"] = {"description": "Where it is now", **text}
    if status == 201 and told.once and not told.secrets:
        found["Idempotency-Replayed"] = {"description": "true: answered again, nothing was made", **text}
    if status == 401:
        found["WWW-Authenticate"] = {"description": "Bearer", **text}
    return found
