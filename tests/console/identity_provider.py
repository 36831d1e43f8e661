"""An identity provider on loopback, for tests: it signs people in, and lies when it is told to."""

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "tocsin-of-the-tests", "s3cret-of-the-tests~+/%"


def new_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"}, private=True)


class IdentityProvider:
    """`person` is who sits before the browser, `lie` what is wrong with the next answers."""

    def __init__(self, address: str, key: RSAKey, other_key: RSAKey) -> None:
        self.issuer = address
        self._first, self.other_key = key, other_key
        self.codes: dict[str, dict[str, str]] = {}
        self.told: list[str] = []  # codes, tokens, verifiers: nothing that may stand in a log
        self.hang = threading.Event()
        self.truth()

    def truth(self) -> None:
        """As it was at the start: what one test told it is no other test's business."""
        self.person: dict[str, Any] = {"sub": "0a1b", "preferred_username": "ada@court.example", "roles": ["Tocsin.Technician"]}  # fmt: skip
        self.lie = ""
        self.key = self._first
        self.published = [self._first]
        self.asks = False  # a page with a button before it sends people back
        self.description: dict[str, Any] = {}  # instead of what it says of itself
        self.answer_claims: dict[str, Any] = {}  # instead of what it signs
        self.asked: list[str] = []
        self.codes.clear()
        self.told.clear()
        self.hang.clear()

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys", "end_session_endpoint": f"{self.issuer}/leave",
            "response_types_supported": ["code"], "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        } | self.description  # fmt: skip

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes from here."""
        assert query["client_id"] == CLIENT and query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256" and "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        self.told.append(code)
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.told += [form.get("code_verifier", "-" * 9), SECRET]
        begun = self.codes.pop(form.get("code", ""), None)  # once
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        fits = (
            begun is not None
            and begun["redirect_uri"] == form.get("redirect_uri")
            and begun["code_challenge"] == base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        )
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        if not fits or begun is None:
            return 400, {"error": "invalid_grant", "error_description": "a code is good once"}
        access = secrets.token_urlsafe(16)
        signed = self.signed(begun["nonce"])
        self.told += [access, signed]
        return 200, {"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": signed}

    def signed(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "nbf": now, "exp": now + 300, "nonce": nonce, "ver": "2.0",
        } | self.person | self.answer_claims  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        header: dict[str, Any] = {"alg": "RS256", "kid": self.key.kid}
        match self.lie:
            case "none":
                parts = [json.dumps({"alg": "none"}), json.dumps(claims)]
                return ".".join(base64.urlsafe_b64encode(p.encode()).rstrip(b"=").decode() for p in parts) + "."  # fmt: skip
            case "HS256 with the public key":
                public = OctKey.import_key(self.key.as_pem(private=False))
                return jwt.encode(header | {"alg": "HS256"}, claims, public, algorithms=["HS256"])
            case "an unknown key":
                return jwt.encode(header | {"kid": "nobody-knows-it"}, claims, self.other_key)
            case "another key under the same name":
                return jwt.encode(header, claims, self.other_key)
            case "changed afterwards":
                head, _, tail = jwt.encode(header, claims, self.key).split(".")
                body = base64.urlsafe_b64encode(json.dumps(claims | {"roles": ["Tocsin.Admin"]}).encode())
                return f"{head}.{body.rstrip(b'=').decode()}.{tail}"
        return jwt.encode(header, claims, self.key)


def _handler(provider: IdentityProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = self._asked(self.path)
            match path:
                case "/.well-known/openid-configuration":
                    self._json(200, provider.metadata())
                case "/keys":
                    self._json(200, {"keys": [key.as_dict(private=False) for key in provider.published]})
                case "/authorize":
                    back = provider.authorize(query)
                    if not provider.asks:
                        return self._answer(302, b"", Location=back)
                    link = f'<!doctype html><html lang="en"><title>Provider</title><a id="go" href="{back.replace("&", "&amp;")}">I am Ada</a>'  # fmt: skip
                    self._answer(200, link.encode(), Content_Type="text/html")
                case "/leave":
                    self._answer(200, b"<!doctype html><title>Left</title>gone", Content_Type="text/html")
                case "/favicon.ico":
                    self._answer(204, b"")
                case _:
                    self._answer(404, b"")
            return None

        def do_POST(self) -> None:
            path, _ = self._asked(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            match provider.lie:
                case "token 500":
                    return self._json(500, {"error": "server_error"})
                case "token hangs":
                    provider.hang.wait(20)
                    return None
                case "token elsewhere":
                    return self._answer(307, b"", Location=f"{provider.issuer}/elsewhere")
                case "token is a page":
                    return self._answer(200, b"<html>welcome</html>", Content_Type="text/html")
                case "token is a list":
                    return self._json(200, ["id_token"])
                case "token without an ID token":
                    return self._json(200, {"access_token": "x", "token_type": "Bearer"})
                case "token without end":
                    whole = json.dumps(provider.token(form)[1]).encode()
                    return self._answer(200, whole + b" " * 3_000_000, Content_Type="application/json")
            self._json(*provider.token(form)) if path == "/token" else self._answer(404, b"")
            return None

        def _asked(self, target: str) -> tuple[str, dict[str, str]]:
            parts = urlsplit(target)
            provider.asked.append(parts.path)
            return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}

        def _json(self, status: int, body: Any) -> None:
            self._answer(status, json.dumps(body).encode(), Content_Type="application/json")

        def _answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):  # the other side may have had enough
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def served() -> Iterator[IdentityProvider]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    provider = IdentityProvider(f"http://127.0.0.1:{server.server_port}", new_key("k1"), new_key("k2"))
    server.RequestHandlerClass = _handler(provider)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield provider
    provider.hang.set()
    server.shutdown()
    thread.join()
    server.server_close()
