"""The page that tells a technician what to do: named by a rule, or made for all of them from one setting."""

import re
from typing import Final
from urllib.parse import quote, urlsplit

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*")
_PRINTABLE: Final = re.compile(r"[!-~]{1,500}")
_HOLE: Final = "{rule}"


def problem(text: str) -> str:
    """What is wrong with a rule's `runbook`; empty: nothing."""
    if _NAME.fullmatch(text) or is_link(text):
        return ""
    return f"must be a web address (https://…) or the name of a page such as disks/replace, not {text!r}"


def template_problem(text: str) -> str:
    """What is wrong with the setting `runbook_url`; empty: nothing."""
    if text.count(_HOLE) == 1 and is_link(text.replace(_HOLE, "rule")):
        return ""
    return f"a web address with {_HOLE} in it is wanted, such as https://wiki.example/runbooks/{_HOLE}, not {text!r}"


def is_link(text: str) -> bool:
    """Only the web: a javascript: or file: link in a ticket would be an attack."""
    if not _PRINTABLE.fullmatch(text) or any(c in text for c in "\"'<>\\^`{|}"):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def page(name: str, rule: str, template: str) -> str:
    """What a ticket of this rule shows: a full address, else the name of the page, else nothing.

    The house's own address is made of the rule's page where it names one, of the rule's name where not.
    """
    if is_link(name) or not template:
        return name
    return template.replace(_HOLE, quote(name or rule))
