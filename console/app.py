"""The application: blueprints, sessions, headers, filters, put together by `create_app`."""

import os
import secrets
from datetime import timedelta
from pathlib import Path

from flask import Flask
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from console import (
    accepted,
    account,
    api,
    audit,
    bookings,
    brief,
    coverage,
    database,
    device,
    devices,
    duplicates,
    enrolment,
    exports,
    guard,
    health,
    keys,
    labels,
    maintenance,
    oidc,
    outbox,
    pages,
    people,
    place,
    room,
    room_baseline,
    room_sheet,
    rooms,
    rules,
    sign_in,
    sites,
    situations,
    spares,
    spares_import,
    ticket,
    tickets,
    today,
    used_by,
)
from console.config import Config

_NOUNS = (
    accepted,
    account,
    audit,
    bookings,
    brief,
    coverage,
    device,
    devices,
    duplicates,
    enrolment,
    exports,
    health,
    keys,
    labels,
    maintenance,
    oidc,
    outbox,
    people,
    place,
    room,
    room_baseline,
    room_sheet,
    rooms,
    rules,
    sign_in,
    sites,
    situations,
    spares,
    spares_import,
    ticket,
    tickets,
    today,
    used_by,
)


def create_app(config: Config) -> Flask:
    app = Flask(__name__)
    app.extensions["config"] = config
    app.config.update(
        SECRET_KEY=_secret_key(config.state_dir),
        # Flask's signed cookie carries the CSRF token and one-time messages, never who is signed in.
        SESSION_COOKIE_NAME="tocsin_form",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=config.https,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=config.session_hours),
        WTF_CSRF_TIME_LIMIT=None,  # as long as its cookie; a form left open over lunch still works
        # Browsers send no Referer here (our policy); guard.py looks at Sec-Fetch-Site instead.
        WTF_CSRF_SSL_STRICT=False,
        MAX_CONTENT_LENGTH=64 * 1024,
        MAX_FORM_MEMORY_SIZE=64 * 1024,
        MAX_FORM_PARTS=100,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )
    # A second slash is another address, not a spelling of the first: nothing is redirected or guessed.
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = True
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    if config.trusted_proxies:
        hops = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]

    database.register(app, config.database_url)
    guard.register(app)
    csrf = CSRFProtect(app)
    csrf.exempt("console.health.csp_report")
    pages.register(app)
    for noun in _NOUNS:
        noun.register(app)
    api.register(app, csrf)
    return app


def _secret_key(state_dir: Path) -> bytes:
    """Signs the form cookie. Made once, 0600; all worker processes share it."""
    file = state_dir / "console.key"
    state_dir.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = file.read_bytes()
        if len(key) >= 32:
            return key
        # Another worker made it this instant, or a full disk left it short.
        descriptor = os.open(file, os.O_WRONLY | os.O_TRUNC, 0o600)
    key = secrets.token_bytes(32)
    with os.fdopen(descriptor, "wb") as out:
        out.write(key)
    return key
