"""What the API offers, as a page: the same document, written by the server, without a script."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Flask, current_app, render_template, url_for
from markupsafe import Markup, escape

from console.api import document

api_guide = Blueprint("api_guide", __name__)

_ORDER: Final = "^-?("  # as listing.order writes it
_SCHEMAS: Final = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: str  # `text`, `whole number`, `one of a, b`
    needed: bool
    words: str


@dataclass(frozen=True, slots=True)
class Call:
    id: str
    method: str
    path: str
    role: str
    title: str
    parameters: list[Field]
    body: list[Field]
    body_words: str
    answer: list[Field]  # of a list: of each of its items
    is_list: bool
    statuses: list[tuple[str, str]]


def register(app: Flask) -> None:
    app.register_blueprint(api_guide)


@api_guide.get("/api")
def page() -> str:
    told = document.whole()
    order = [told.noun for _, _, told in document.operations(current_app)]
    calls: dict[str, list[Call]] = {}
    for path, methods in told["paths"].items():
        for method, row in methods.items():
            calls.setdefault(row["tags"][0], []).append(
                _call(path, method, row, told["components"]["schemas"])
            )
    nouns = sorted(calls, key=order.index)
    return render_template(
        "api.html", about=told["info"]["description"], nouns=[(noun, calls[noun]) for noun in nouns],
        address=url_for("api_devices.every", _external=True), document=url_for("api_document.openapi"), coded=coded,
    )  # fmt: skip


def coded(text: str) -> Markup:
    """What stands between backticks is code."""
    parts = text.split("`")
    return Markup("").join(
        Markup('<span class="code">{}</span>').format(part) if n % 2 else escape(part)
        for n, part in enumerate(parts)
    )


def _call(path: str, method: str, row: dict[str, Any], schemas: Mapping[str, Any]) -> Call:
    body = row.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    ok = next(answer for status, answer in row["responses"].items() if status in ("200", "201"))
    answer = _whole(ok["content"]["application/json"]["schema"], schemas)
    wrapped = answer.get("properties", {}).get("items", {})
    each = wrapped.get("items") if wrapped.get("type") == "array" and "next" in answer["properties"] else None
    return Call(
        id=row["operationId"], method=method.upper(), path=path, role=row["x-role"], title=row["summary"],
        parameters=[
            Field(place["name"], _kind(place["schema"], schemas), place["required"], place.get("description", ""))
            for place in row["parameters"]
        ],
        body=_fields(body, schemas), body_words=_whole(body, schemas).get("description", ""),
        answer=_fields(each or answer, schemas), is_list=each is not None,
        statuses=[(status, answered["description"]) for status, answered in row["responses"].items()],
    )  # fmt: skip


def _whole(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(schema.get("$ref", "")).removeprefix(_SCHEMAS)
    found: Mapping[str, Any] = schemas.get(name, schema)
    return found


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> list[Field]:
    found = _whole(schema, schemas)
    needed = found.get("required", ())
    return [
        Field(name, _kind(row, schemas), name in needed, row.get("description", ""))
        for name, row in found.get("properties", {}).items()
    ]


def _kind(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """A type in people's words."""
    if "$ref" in schema:
        return f"({', '.join(_whole(schema, schemas).get('properties', {}))})"
    if "anyOf" in schema:
        kinds = dict.fromkeys(_kind(each, schemas) for each in schema["anyOf"])
        return " or ".join(kinds)
    if "enum" in schema:
        return _one_of([str(value) for value in schema["enum"] if value != ""])
    if str(schema.get("pattern", "")).startswith(_ORDER):
        return _one_of(schema["pattern"].removeprefix(_ORDER).removesuffix(")$").split("|"))
    if "const" in schema:
        return str(schema["const"]) or "empty"
    match schema.get("type"):
        case "array":
            return f"list of {_kind(schema.get('items', {}), schemas)}"
        case "string":
            return "time" if schema.get("format") == "date-time" else "text"
    return {"integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}.get(
        str(schema.get("type")), "object"
    )


def _one_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"
