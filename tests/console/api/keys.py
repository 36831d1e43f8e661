"""Keys for the tests of the API: one a role, made without the page."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from collector.roles import ROLES
from collector.store.people import ApiKey
from console.sessions import digest
from tests.console.conftest import database


def secret(role: str) -> str:
    return f"tocsin_{role * 6}"


def make(app: Flask, now: datetime | None = None) -> None:
    with database(app).writer() as session, session.begin():
        build(session, now or datetime.now(UTC))


def build(session: Session, now: datetime) -> None:
    """A key of each role, by the user of that role."""
    for role in ROLES:
        session.add(
            ApiKey(
                id=f"k{role}", token_hash=digest(secret(role)), title=f"{role}'s figures", user=f"{role}.one",
                role=role, created_at=now, expires_at=now + timedelta(days=90), seen_at=now,
            )
        )  # fmt: skip


class Caller:
    """A program with a key."""

    def __init__(self, app: Flask, role: str = "admin", *, bearer: str = "") -> None:
        self.client: FlaskClient = app.test_client()
        self._key = {"Authorization": f"Bearer {bearer or secret(role)}"}

    def call(
        self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> TestResponse:
        return self.client.open(
            path, method=method, headers=self._key | (headers or {}), buffered=True, **more
        )

    def get(self, path: str, headers: dict[str, str] | None = None) -> TestResponse:
        return self.call("GET", path, headers)

    def post(self, path: str, body: object = None, headers: dict[str, str] | None = None) -> TestResponse:
        return self.call("POST", path, headers, **({} if body is None else {"json": body}))

    def patch(self, path: str, body: object, tag: str | None = None) -> TestResponse:
        return self.call("PATCH", path, {"If-Match": tag} if tag else None, json=body)
