"""The OpenAPI document is true: many requests made of it, right ones and wrong ones, over the WSGI application."""

from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from console.api import document
from tests.console.api import keys
from tests.console.decided import RECORDER

CHECKS = [
    not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
    checks.response_schema_conformance, checks.response_headers_conformance, checks.negative_data_rejection,
]  # fmt: skip
# Of each operation, role and kind of data: more find more, and take minutes.
EXAMPLES = {GenerationMode.POSITIVE: 3, GenerationMode.NEGATIVE: 2}
# Chance finds no id of 64 letters: every second request is about a thing that is there.
REAL: dict[str, Any] = {
    "device_id": RECORDER, "section": "disks", "number": 1041, "rule": "filesystem_nearly_full",
    "site": "Tulsa%20County%20Courthouse", "name": "Courtroom%203",
}  # fmt: skip


@pytest.mark.parametrize(
    ("role", "mode"),
    [
        ("technician", GenerationMode.POSITIVE),
        ("admin", GenerationMode.POSITIVE),
        ("admin", GenerationMode.NEGATIVE),
    ],
)
def test_no_request_made_of_the_document_fails_and_each_answer_is_as_it_says(
    county: Flask, role: str, mode: GenerationMode
) -> None:
    keys.make(county)
    caller = keys.Caller(county, role)
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", county)
    bearer = {"Authorization": f"Bearer {keys.secret(role)}"}
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES[mode], derandomize=True, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def run(case: Any) -> None:
            nonlocal asked
            asked += 1
            if asked % 2:
                case.path_parameters |= {name: REAL[name] for name in case.path_parameters if name in REAL}
                if "If-Match" in (case.headers or {}) and case.method == "PATCH":
                    case.headers["If-Match"] = caller.get("/api/v1/tickets/1041").headers["ETag"]
            # What was put right is no wrong request any more.
            case.call_and_validate(headers=bearer, checks=CHECKS[: -1 if asked % 2 else None])

        run()
    assert asked >= len(list(document.operations(county)))
