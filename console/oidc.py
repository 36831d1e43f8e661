"""Signing in by an identity provider: there with a state, back with a code, in with a role.

The browser carries the state and nothing else: nonce and PKCE verifier are made of it with the console's key.
"""

import base64
import hmac
import secrets
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Flask, abort, current_app, flash, redirect, request, session, url_for
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from console import admission, audit, guard, health, sessions, sign_in
from console import database as db
from console.admission import Refused
from console.config import check_installed

oidc = Blueprint("oidc", __name__, url_prefix="/sign-in/provider")

_VALID_FOR: Final = 600  # seconds to sign in there
_BEGUN: Final = "provider"  # in the form cookie, which is signed
_AT_ONCE: Final = 3  # tabs
_LONGEST_NEXT: Final = 500  # characters; a cookie has 4 KB
_LONGEST_CODE: Final = 8192


def register(app: Flask) -> None:
    """Raises WrongSetting when a provider is configured and the package for it is missing."""
    app.register_blueprint(oidc)
    config = app.extensions["config"]
    if config.oidc_issuer:
        check_installed(config)
        from console.provider import Provider

        app.extensions["provider"] = Provider(config)


@oidc.get("")
def begin() -> Response | tuple[str, int]:
    provider, now = _provider(), guard.now()
    wanted = guard.safe_next(request.args.get("next", ""))
    if sessions.person(now) is not None:
        return redirect(wanted)
    state = secrets.token_urlsafe(32)
    try:
        address = provider.address(
            back=_back(), state=state, nonce=_made_of(state, "nonce"), verifier=_made_of(state, "verifier")
        )
    except Refused as problem:
        return _refuse(problem, wanted)
    wanted = wanted if len(wanted) <= _LONGEST_NEXT else guard.safe_next("")
    entry = {"state": state, "at": int(now.timestamp()), "next": wanted}
    session[_BEGUN] = [*_begun(now), entry][-_AT_ONCE:]
    return redirect(address)


@oidc.get("/back")
def back() -> Response | tuple[str, int]:
    """The provider sends the browser here."""
    provider, now, wanted = _provider(), guard.now(), ""
    try:
        entry = _taken(request.args.get("state", ""), now)
        wanted = str(entry["next"])
        claims = _answer(provider, str(entry["state"]), now)
        token = _let_in(claims, now)
    except Refused as problem:
        return _refuse(problem, wanted)
    session.clear()  # a new CSRF token too
    response = redirect(guard.safe_next(wanted))
    sessions.give(response, token)
    return response


@oidc.get("/leave")
def leave() -> Response | tuple[str, int]:
    """After our own sign-out: the provider's page for it, if it has one."""
    door = url_for("sign_in.form", _external=True, _scheme=_scheme())
    try:
        address = _provider().leave_address(door)
    except Refused as problem:
        return _refuse(problem, "")
    if not address:
        flash("There is no page to sign out on there: close the browser instead.", "warn")
    return redirect(address or url_for("sign_in.form"))


def _provider() -> Any:
    found = current_app.extensions.get("provider")
    if found is None:
        abort(404)
    return found


def _scheme() -> str:
    return "https" if sessions.is_secure() else "http"


def _back() -> str:
    return url_for("oidc.back", _external=True, _scheme=_scheme())


def _made_of(state: str, purpose: str) -> str:
    """43 letters that only this console can make of the state: the least that PKCE takes."""
    key = current_app.secret_key
    digest = hmac.digest(
        key if isinstance(key, bytes) else str(key).encode(), f"oidc {purpose} {state}".encode(), "sha256"
    )
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _begun(now: datetime) -> list[dict[str, Any]]:
    """Sign-ins of this browser that are under way."""
    return [entry for entry in session.get(_BEGUN, []) if now.timestamp() - entry["at"] < _VALID_FOR]


def _taken(state: str, now: datetime) -> dict[str, Any]:
    """The sign-in this answer belongs to; there is no second answer to it. Raises Refused."""
    begun = _begun(now)
    found = [entry for entry in begun if hmac.compare_digest(entry["state"].encode(), state.encode())]
    session[_BEGUN] = [entry for entry in begun if entry not in found]
    if not found:
        said = "This sign-in was not begun in this browser, was used already, or took longer than ten minutes. Begin again."
        raise Refused(said, why="an answer to no sign-in of this browser", status=400)
    return found[0]


def _answer(provider: Any, state: str, now: datetime) -> Any:
    title, told = provider.title, request.args
    # RFC 9207: an answer that names another provider was meant for somebody else.
    if told.get("iss", provider.issuer) != provider.issuer:
        raise Refused(f"That answer is not from {title}. Begin again.", why="another iss", status=400)
    if "error" in told:
        # The text beside it is anybody's: an address can be made up.
        kind = "".join(c for c in told["error"][:40] if c.isascii() and (c.isalpha() or c == "_"))
        raise Refused(f"{title} did not sign you in ({kind}). Begin again.", why=f"error {kind}", status=403)
    code = told.get("code", "")
    if not code or len(code) > _LONGEST_CODE or not code.isascii() or not code.isprintable():
        raise Refused(f"{title} sent no sign-in along. Begin again.", why="no code", status=400)
    return provider.claims(
        code, back=_back(), nonce=_made_of(state, "nonce"), verifier=_made_of(state, "verifier"), now=now
    )


def _let_in(claims: Any, now: datetime) -> str:
    """The token of a new session. Raises Refused."""
    config = sessions.config()
    who = admission.subject(claims, config)
    try:
        granted = admission.role(claims, config)
    except Refused as problem:
        with db.writing() as write:
            admission.turn_away(write, who, why=problem.why, now=now)
        raise
    try:
        return _begin_session(claims, granted, now)
    except IntegrityError:  # their other tab was first to make them known
        return _begin_session(claims, granted, now)


def _begin_session(claims: Any, granted: str, now: datetime) -> str:
    config, address = sessions.config(), request.remote_addr or ""
    with db.writing() as write:
        user = admission.admit(write, claims, granted, config=config, now=now)
        audit.record(
            write, who=user.name, action="signed in", subject=address, data={"by": config.provider_title}, now=now
        )  # fmt: skip
        return sessions.begin_anew(write, user=user.name, address=address, now=now)


def _refuse(problem: Refused, wanted: str) -> tuple[str, int]:
    health.count_failure("provider")
    current_app.logger.warning("refused sign-in from %s: %s", request.remote_addr or "", problem.why)
    return sign_in.door(wanted, problem=str(problem)), problem.status
