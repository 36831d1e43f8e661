"""What answers the port: gunicorn on Linux (workers, TLS), waitress on Windows (behind a proxy)."""

import gc
import sys
from typing import Any

from console import create_app
from console.config import Config

_THREADS = 4  # per worker: a slow client must not hold the others
# New objects between two looks for rings of garbage. A board of rooms makes a hundred thousand, none of them garbage
# before its end: at Python's own 700, looking through them over and over was half of the page's time.
_NEW_OBJECTS = 50_000


def serve(config: Config) -> None:
    """Until it is told to end."""
    calm()
    if sys.platform == "win32":
        _serve_waitress(config)
    else:
        _serve_gunicorn(config)


def calm() -> None:
    """For a process that answers pages."""
    gc.set_threshold(_NEW_OBJECTS, 20, 50)


def _serve_waitress(config: Config) -> None:
    import waitress  # type: ignore[import-not-found,import-untyped,unused-ignore]

    waitress.serve(create_app(config), listen=config.listen, threads=_THREADS * config.workers, ident=None)


def _serve_gunicorn(config: Config) -> None:
    from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

    settings: dict[str, Any] = {
        "bind": config.listen,
        "workers": config.workers,
        "worker_class": "gthread",
        "threads": _THREADS,
        "timeout": 60,
        "graceful_timeout": 10,
        "certfile": config.tls_certificate or None,
        "keyfile": config.tls_key or None,
        # gunicorn believes X-Forwarded-Proto of a proxy on this machine by itself; who is believed is our setting.
        "forwarded_allow_ips": "",
        "limit_request_line": 4094,
        "accesslog": None,
        "errorlog": "-",
        "proc_name": "tocsin-console",
        "control_socket_disable": True,
    }

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in settings.items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self) -> Any:
            # In each worker, after the fork: a database connection must not cross one.
            return create_app(config)

    Server().run()
