"""Before every view: may this person open it? After every view: the headers that keep pages inert."""

from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console import access, bearer, sessions
from console.api import problem

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "report-uri /csp-report",
    )
)

_REPORTS: Final = "health.csp_report"  # sent by the browser itself


def register(app: Flask) -> None:
    app.before_request(check)
    app.after_request(harden)


def now() -> datetime:
    """One moment for the whole request."""
    if "now" not in g:
        g.now = datetime.now(UTC)
    found: datetime = g.now
    return found


def check() -> AnyResponse | None:
    endpoint = request.endpoint
    if endpoint is None:
        return None  # 404 and 405 show nothing of ours
    # The router takes //devices for /devices; a proxy's rules may not.
    if "//" in str(request.environ.get("PATH_INFO", "")):
        abort(404)
    came_from = request.headers.get("Sec-Fetch-Site", "same-origin")
    if request.method == "POST" and came_from not in ("same-origin", "none") and endpoint != _REPORTS:
        abort(400, "This form was sent from another site.")
    if endpoint not in access.ROUTE:
        abort(403)
    if access.ROUTE[endpoint] == access.OPEN:
        return None
    if request.url_rule is not None and request.url_rule.rule.startswith(problem.PATH):
        # Its key alone, never the cookie: so no page of another site can ride a signed-in browser into the API.
        try:
            g.person = bearer.person(now())
        except bearer.Refused as refused:
            raise problem.Stopped(401, str(refused)) from None
        if not access.allows(g.person.role, endpoint):
            abort(403)
        return None
    person = sessions.person(now())
    if person is None:
        if request.method in ("GET", "HEAD") and "html" in request.headers.get("Accept", "html"):
            return redirect(url_for("sign_in.form", next=here()))
        abort(401)
    if not access.allows(person.role, endpoint):
        abort(403)
    return None


def person() -> sessions.Person:
    """Who is signed in; views behind `check` always have one."""
    found = sessions.person(now())
    if found is None:
        abort(401)
    return found


def here() -> str:
    return request.full_path if request.query_string else request.path


def safe_next(wanted: str) -> str:
    """A path of this console, or the first page: never another host, however it is spelt."""
    parts = urlsplit(wanted)
    fine = (
        wanted.startswith("/")
        and not wanted.startswith(("//", "/\\"))
        and "\\" not in wanted
        and not parts.scheme
        and not parts.netloc
        and wanted.isprintable()
    )
    return wanted if fine else url_for("today.page")


def harden(response: Response) -> Response:
    headers = response.headers
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["X-Frame-Options"] = "DENY"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), usb=()"
    if request.endpoint != "static":
        headers["Cache-Control"] = "no-store"
    if sessions.is_secure():
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return response
