"""What every page shares: filters and words for the templates, navigation, and errors said in words."""

import re
from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Any, Final

from flask import Flask, render_template, request
from flask_wtf.csrf import CSRFError
from markupsafe import Markup
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter, ValidationError
from werkzeug.wrappers import Response

from collector.roles import ROLES
from collector.store.tickets import TicketEvent
from console import access, format, guard, rule_words, sessions, words
from console.api import problem as api_problem

# endpoint, word: what everybody's day is about …
_NAVIGATION: Final = (
    ("today.page", "Today"),
    ("devices.page", "Devices"),
    ("rooms.page", "Rooms"),
    ("tickets.page", "Tickets"),
    ("situations.page", "Situations"),
    ("maintenance.page", "Planned work"),
    ("spares.page", "Parts"),
    ("rules.page", "Rules"),
    ("coverage.page", "Coverage"),
)
# … and what is looked after now and then, in a menu: no page's name is out of sight on a laptop.
_ADMIN: Final = (
    ("sites.page", "Sites"),
    ("enrolment.page", "Enrolment"),
    ("duplicates.page", "Duplicates"),
    ("outbox.page", "Outbox"),
    ("people.page", "People"),
    ("keys.page", "API keys"),
    ("audit.page", "Audit"),
)
# Blueprint → the one whose word stands at the top.
_PART_OF: Final = {
    "device": "devices",
    "room": "rooms",
    "room_baseline": "rooms",
    "room_history": "rooms",
    "spares_import": "spares",
    "ticket": "tickets",
}
_WORDS: Final = {
    400: ("That request could not be understood", "Go back, reload the page and try again."),
    401: ("You are not signed in", "Sign in, then do it again."),
    403: (
        "Your role does not allow this",
        "Ask an administrator if you need it for your work.",
    ),
    404: ("There is no such page", "It may have been renamed, or the link was cut short."),
    405: (
        "This address does not take that kind of request",
        "Changes are made with the buttons on the pages.",
    ),
    409: ("It has changed in the meantime", "Reload the page, look at what is new, and decide again."),
    413: ("That is too much text", "Shorten it and send it again."),
    429: ("Too many attempts", "Wait 15 minutes, then try again."),
    500: (
        "Something went wrong in the console",
        "Nothing you sent was saved. The details are in the console's log.",
    ),
    503: ("The database does not answer", "The console tries again with each request. Nothing was changed."),
}


# Proxies and browsers have ideas of their own about these in a path, however they are quoted.
_UNSAFE: Final = frozenset("/\\;%?#~")
_ESCAPED: Final = re.compile(r"(?:~[0-9A-F]{2})+")


class IdConverter(BaseConverter):
    """Ids are plain: an address with ; . % or a slash in one is no address of ours."""

    regex = "[A-Za-z0-9_-]{1,64}"


class NameConverter(BaseConverter):
    """Section and user names."""

    regex = "[A-Za-z0-9_.@ -]{1,100}"


class PlaceConverter(BaseConverter):
    """Names of sites and rooms: any text of one line or many. What a path cannot carry safely, a slash above all,
    is written as the bytes it is made of: `~2F`. Each name has one spelling and no other."""

    regex = "[^/]{1,1200}"

    def to_url(self, value: str) -> str:
        return super().to_url(_spelt(value))

    def to_python(self, value: str) -> str:
        try:
            name = _ESCAPED.sub(lambda found: bytes.fromhex(found[0].replace("~", "")).decode(), value)
        except ValueError:
            raise ValidationError from None
        if _spelt(name) != value or "\x00" in name:  # no database takes NUL
            raise ValidationError
        return name


def _spelt(name: str) -> str:
    return "".join(
        c if c.isprintable() and c not in _UNSAFE and not (c == "." and place == 0) else _bytes(c)
        for place, c in enumerate(name)
    )


def _bytes(letter: str) -> str:
    return "".join(f"~{byte:02X}" for byte in letter.encode(errors="replace"))


def register(app: Flask) -> None:
    app.url_map.converters["id"] = IdConverter
    app.url_map.converters["name"] = NameConverter
    app.url_map.converters["place"] = PlaceConverter
    filters: dict[str, Any] = {
        "value": lambda number, metric: format.value(metric, number),
        "metric": words.metric,
        "plain": words.plain,
        "size": format.size,
        "percent": format.percent,
        "duration": format.duration,
        "ago": ago,
        "moment": moment,
        "lasting": lasting,
        "happening": happening,
        "until": until,
        "day": day,
        "stretch": stretch,
        "judged": rule_words.judged,
    }
    app.jinja_env.filters.update(filters)
    app.jinja_env.globals.update(
        words=words, plural=words.plural, is_stale=is_stale, fact=format.fact, same=same
    )
    app.context_processor(_shared)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(OperationalError, _database_error)
    app.register_error_handler(500, _failure)


def _shared() -> dict[str, Any]:
    who = None
    if request.endpoint != "static":
        try:
            who = sessions.person(guard.now())
        except OperationalError:  # the page that says so must not need the database
            who = None
    return {
        "person": who,
        "navigation": [item for item in _NAVIGATION if who and access.allows(who.role, item[0])],
        # Whoever only has keys of their own finds them on the page of their account.
        "administration": [item for item in _ADMIN if who and access.allows(who.role, item[0])]
        if who and access.allows(who.role, _ADMIN[0][0])
        else [],
        "here": f"{_PART_OF.get(request.blueprint or '', request.blueprint)}.page",
        "may": lambda endpoint: bool(who and access.allows(who.role, endpoint)),
        "now": guard.now(),
        "roles": ROLES,
    }


def ago(at: datetime | None, probe: str | None = None) -> Markup:
    """Age, with the exact time on hover. With a probe's name (or ''), grey and said so when stale."""
    stale = probe is not None and format.is_stale(at, guard.now(), probe)
    text = format.ago(at, guard.now())
    return format.time_tag(
        at, f"{text}, stale" if stale and at else text, sessions.config().zone, stale=stale
    )


def until(at: datetime | None) -> Markup:
    """For moments that may lie ahead."""
    return format.time_tag(at, format.ago(at, guard.now()), sessions.config().zone)


def moment(at: object) -> Markup | str:
    """A time that evidence holds as text."""
    try:
        return ago(datetime.fromisoformat(str(at)))
    except (ValueError, TypeError):
        return format.UNKNOWN


def day(at: datetime, zone: tzinfo | None = None) -> Markup:
    """Day and time there, or where the console is."""
    there = zone or sessions.config().zone
    return format.time_tag(at, format.day(at, there), there)


def stretch(begins: datetime, ends: datetime, zone: tzinfo) -> Markup:
    """`Sun 22 Nov 2026 07:30 – 09:30`; the day is said twice only when it is another."""
    until = format.day(ends, zone)
    first, last = (at.astimezone(zone) for at in (begins, ends))
    if first.date() == last.date():
        until = f"{last:%H:%M}"
    return Markup("{} – {}").format(
        format.time_tag(begins, format.day(begins, zone), zone), format.time_tag(ends, until, zone)
    )


def lasting(at: datetime) -> Markup:
    """How long it has been so."""
    now = guard.now()
    return format.time_tag(at, format.span((now - at).total_seconds()), sessions.config().zone)


def happening(event: TicketEvent) -> str:
    """What a line of a ticket's history says, its states in people's words."""
    data = event.data or {}
    old, new = str(data.get("from", "")), str(data.get("to", ""))
    machine = f"{old} → {new}"
    if event.kind != "moved" or not event.text.startswith(machine):
        return event.text
    said = [words.STATE[state].word if state in words.STATE else state for state in (old, new)]
    return f"{said[0]} → {said[1]}{event.text[len(machine) :]}"


def is_stale(at: datetime | None, probe: str = "") -> bool:
    return format.is_stale(at, guard.now(), probe)


def _page(status: int, detail: str = "", **more: Any) -> tuple[str, int]:
    title, advice = _WORDS.get(status, ("That did not work", "Go back and try again."))
    return render_template(
        "error.html", status=status, title=title, advice=advice, detail=detail, **more
    ), status


def _http_error(problem: HTTPException) -> Response | tuple[str, int] | HTTPException:
    status = problem.code or 500
    if problem.response is not None or status < 400:
        return problem  # a redirect, or an answer made by hand
    # Werkzeug's own sentences are for programmers; ours are given with abort(code, "…").
    own = type(problem).description
    detail = problem.description if problem.description and problem.description != own else ""
    if api_problem.is_wanted():
        return api_problem.answer(status, detail, problem)
    return _page(status, detail)


def _csrf_error(_problem: CSRFError) -> tuple[str, int]:
    return _page(
        400, "The form was too old, or came from another place. Open the page anew and send it again."
    )


def _database_error(problem: OperationalError) -> Response | tuple[str, int]:
    from flask import current_app

    current_app.logger.error("database: %s", problem.orig)
    return api_problem.answer(503) if api_problem.is_wanted() else _page(503)


def _failure(_problem: Exception) -> Response | tuple[str, int]:
    return api_problem.answer(500) if api_problem.is_wanted() else _page(500)


def same(options: Iterable[str]) -> list[tuple[str, str]]:
    """Choices whose word is their value."""
    return [(option, option) for option in options]
