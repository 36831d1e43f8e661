"""The pages: Flask, one blueprint a noun. Reads the store, writes only what people decide."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from console.config import Config


def create_app(config: "Config") -> "Flask":
    """The WSGI application. Loaded here and not above: `tocsin-console --help` must not wait for Flask."""
    from console.app import create_app as made

    return made(config)
