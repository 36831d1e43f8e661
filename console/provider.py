"""The identity provider: what it says of itself, where a browser is sent, and what it signed about a person.

Source: OpenID Connect Core 1.0 and Discovery 1.0 (code flow), RFC 7636 (PKCE). Loaded only when a provider is
configured: it needs Authlib. What is logged names the fault, never a code, a token or a claim's value.
"""

import io
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from requests import PreparedRequest, RequestException, Response
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from console.admission import Refused
from console.config import Config, is_safe

SCOPE: Final = "openid profile email"
# Entra, Keycloak, Okta and Google sign so unless told otherwise. One way only: what a token says about itself
# decides nothing.
ALGORITHMS: Final = ["RS256"]
LEEWAY: Final = 60  # seconds between our clock and theirs
KEPT: Final = 3600.0  # seconds: a key withdrawn there is withdrawn here by then
_PAUSE: Final = 5.0  # seconds after a failure: a provider that hangs must not hold all our threads
_PATIENCE: Final = 5.0  # seconds for one answer
_MOST: Final = 1_000_000  # bytes
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_FAULTS: Final = (JoseError, ValueError, TypeError, KeyError, AttributeError)  # of what it sent


class Provider:
    """One for each process. Its threads share what was read of the provider."""

    def __init__(self, config: Config, patience: float = _PATIENCE) -> None:
        self.title = config.provider_title
        self.issuer = config.oidc_issuer
        self.patience = patience
        self._client_id = config.oidc_client_id
        self._secret_file = Path(config.oidc_client_secret_file)
        self._lock = threading.Lock()
        self._metadata: Mapping[str, Any] = {}
        self._keys: KeySet | None = None
        self._read_at = self._failed_at = float("-inf")

    def address(self, *, back: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser is sent to sign in. Raises Refused."""
        endpoint = self._known()["authorization_endpoint"]
        with self._session(redirect_uri=back) as session:
            url, _ = session.create_authorization_url(
                endpoint, state=state, nonce=nonce, code_verifier=verifier
            )
        return str(url)

    def claims(self, code: str, *, back: str, nonce: str, verifier: str, now: datetime) -> Mapping[str, Any]:
        """What the provider signed about the person who brought this code. Raises Refused."""
        known = self._known()
        told = known.get("token_endpoint_auth_methods_supported")
        post = isinstance(told, list) and "client_secret_post" in told
        method = "client_secret_post" if post else "client_secret_basic"
        try:
            secret = self._secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise self._away("oidc_client_secret_file cannot be read") from None
        try:
            with self._session(client_secret=secret, token_endpoint_auth_method=method) as session:
                token = session.fetch_token(
                    known["token_endpoint"], code=code, redirect_uri=back, code_verifier=verifier,
                    grant_type="authorization_code",
                )  # fmt: skip
        except OAuthError as error:
            raise self._wrong(f"the token endpoint refused: {_plain(error.error)}") from None
        except (RequestException, HTTPError) as error:
            raise self._away(f"token endpoint: {type(error).__name__}") from None
        except _FAULTS as error:
            raise self._wrong(f"the token endpoint's answer: {type(error).__name__}") from None
        return self._checked(token, nonce, now)

    def leave_address(self, back: str) -> str:
        """Where a browser signs out at the provider too; empty: it has no such page. Raises Refused."""
        endpoint = str(self._known().get("end_session_endpoint") or "")
        asked = urlencode({"client_id": self._client_id, "post_logout_redirect_uri": back})
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{asked}" if endpoint else ""

    def _checked(self, token: Mapping[str, Any], nonce: str, now: datetime) -> Mapping[str, Any]:
        try:
            signed = token["id_token"]
            try:
                read = jwt.decode(signed, self._key_set(), algorithms=ALGORITHMS)
            except InvalidKeyIdError:
                # Keys change now and then. Once for each sign-in: a code can be had only by signing in there.
                read = jwt.decode(signed, self._key_set(afresh=True), algorithms=ALGORITHMS)
            claims = CodeIDToken(
                read.claims,
                read.header,
                {
                    "iss": {"essential": True, "value": self.issuer},
                    "aud": {"essential": True, "value": self._client_id},
                    "exp": {"essential": True},
                    "sub": {"essential": True},
                    "nonce": {"essential": True, "value": nonce},
                },
                {"nonce": nonce, "client_id": self._client_id, "access_token": token.get("access_token")},
            )
            claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
            return dict(claims)
        except _FAULTS as error:
            what = _plain(getattr(error, "claim", ""))
            raise self._wrong(f"the ID token: {type(error).__name__} {what}".strip()) from None

    def _known(self) -> Mapping[str, Any]:
        """The provider's own description, read once an hour."""
        with self._lock:
            if self._metadata and time.monotonic() - self._read_at < KEPT:
                return self._metadata
            if time.monotonic() - self._failed_at < _PAUSE:
                raise self._away("it failed a moment ago")
            try:
                self._metadata = self._described()
            except Refused:
                self._failed_at = time.monotonic()
                raise
            self._keys, self._read_at = None, time.monotonic()
            return self._metadata

    def _described(self) -> Mapping[str, Any]:
        found = self._fetched(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.issuer:
            raise self._wrong("its description names another issuer than oidc_issuer")
        https = self.issuer.startswith("https://")
        for name in (*_ENDPOINTS, "end_session_endpoint"):
            url = found.get(name)
            if url is None and name == "end_session_endpoint":
                continue
            if not isinstance(url, str) or not is_safe(url) or (https and not url.startswith("https://")):
                raise self._wrong(f"its {name} is no address that can be trusted")
        return found

    def _key_set(self, *, afresh: bool = False) -> KeySet:
        address = str(self._known()["jwks_uri"])
        with self._lock:
            if self._keys is None or afresh:
                self._keys = KeySet.import_key_set(self._fetched(address))  # type: ignore[arg-type]
            return self._keys

    def _fetched(self, url: str) -> dict[str, Any]:
        try:
            with self._session() as session:
                answer = session.get(url, withhold_token=True, headers={"Accept": "application/json"})
                answer.raise_for_status()
                found = answer.json()
        except (RequestException, HTTPError) as error:
            raise self._away(f"{type(error).__name__} at {url}") from None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self._wrong(f"no JSON object at {url}")
        return found

    def _session(self, **more: Any) -> OAuth2Session:
        session = OAuth2Session(self._client_id, scope=SCOPE, code_challenge_method="S256", **more)
        session.headers["User-Agent"] = "tocsin-console"
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Brief(self.patience))
        return session

    def _away(self, why: str) -> Refused:
        said = f"{self.title} does not answer. Try again in a minute."
        return Refused(said, why=f"{self.title}: {why}", status=503)

    def _wrong(self, why: str) -> Refused:
        said = (
            f"What {self.title} answered does not fit, so nobody was signed in. Try again; if it stays so, an "
            "administrator finds the reason in the console's log."
        )
        return Refused(said, why=f"{self.title}: {why}", status=502)


class _Brief(HTTPAdapter):
    """Short answers in short time, and no answer that sends us elsewhere: the secret goes where it was meant to."""

    def __init__(self, patience: float) -> None:
        super().__init__()
        self._patience = patience

    def send(self, request: PreparedRequest, *arguments: Any, **settings: Any) -> Response:
        ends = time.monotonic() + 2 * self._patience
        settings |= {"timeout": self._patience, "stream": True}
        answer = super().send(request, *arguments, **settings)
        body = bytearray()
        while piece := answer.raw.read1(65_536, decode_content=True):
            body += piece
            if len(body) > _MOST or time.monotonic() > ends:
                answer.close()
                raise RequestException("too long an answer")
        answer.raw.release_conn()
        answer.raw = io.BytesIO(body)
        if answer.is_redirect:
            raise RequestException("sent elsewhere")
        return answer


def _plain(text: object) -> str:
    return "".join(c for c in str(text)[:60] if c.isascii() and (c.isalnum() or c in "_ .-"))
