"""The REST API, /api/v1: what the pages show and do, for programs. One noun a file, as the pages have it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask
    from flask_wtf.csrf import CSRFProtect


def register(app: "Flask", csrf: "CSRFProtect") -> None:
    """Its routes take a key and never the cookie (guard.py), so no form's secret stands between."""
    from console.api import (
        accepted_values,
        coverage,
        devices,
        document,
        enrolment_tokens,
        findings,
        guide,
        overrides,
        planned_work,
        rooms,
        rules,
        sites,
        situations,
        ticket_change,
    )
    from console.api.number import NumberConverter

    nouns = (
        devices, findings, ticket_change, rooms, situations, planned_work, accepted_values, rules, overrides, sites, coverage,
        enrolment_tokens, document, guide,
    )  # fmt: skip
    app.url_map.converters["number"] = NumberConverter
    for noun in nouns:
        noun.register(app)
    for name, blueprint in app.blueprints.items():
        if name.startswith("api_") and name != "api_guide":
            csrf.exempt(blueprint)
