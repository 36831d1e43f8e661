"""The room on one printed page, to hang up in it: verdict, parts with sockets and serials, boxes to tick. What somebody
needs who is sent there is the brief (console/brief_room.py)."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import segno
from flask import Blueprint, Flask, current_app, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from collector.rooms.baseline import SAME
from collector.rooms.item import Item
from collector.rooms.parts import LINKS
from console import database as db
from console import guard, room_facts
from console.room_facts import Part, Shown

room_sheet = Blueprint("room_sheet", __name__, url_prefix="/rooms/<place:site>/<place:name>")

# One page of Letter, the shorter of the two papers, has so many lines. What differs from the baseline comes first.
_LINES: Final = 40
_MOST_PARTS: Final = 28
_FEWEST_PARTS: Final = 6
_MOST_LINES: Final = 6
_LONGEST_NOTE: Final = 500
_LONGEST_ADDRESS: Final = 900  # of a code that a telephone still reads from paper


def register(app: Flask) -> None:
    app.register_blueprint(room_sheet)


@room_sheet.get("/sheet")
def page(site: str, name: str) -> Response:
    """With ?save=1 as one file that needs nothing else."""
    now, save = guard.now(), request.args.get("save") == "1"
    shown = room_facts.shown(db.session(), site, name, now)
    style = Path(current_app.static_folder or "", "console.css").read_text(encoding="utf-8") if save else ""
    address = url_for("room.page", site=site, name=name, _external=True)
    note = short_note(shown.room.note)
    boxes = _boxes(shown.items)
    most = _room_for_parts(shown, boxes, note)
    body = render_template(
        "room_sheet_saved.html" if save else "room_sheet.html",
        shown=shown,
        room=shown.room,
        at={"site": site, "name": name},
        note=note,
        parts_list=_parts(shown.parts)[:most],
        left_out=len(shown.parts) - most,
        boxes=boxes,
        most=_MOST_LINES,
        old=shown.data_at is None or now - shown.data_at > room_facts.OLD,
        code=code(address),
        style=Markup(style),  # noqa: S704 - our own file
    )
    saved = {"Content-Disposition": 'attachment; filename="room.html"'} if save else {}
    return Response(body, mimetype="text/html", headers=saved)


def _boxes(items: Sequence[Item]) -> list[Item]:
    """What is known to be wrong; what nobody knows has its own list."""
    return [one for one in items if one.is_bad]


def short_note(note: str) -> str:
    lines = note[:_LONGEST_NOTE].splitlines()[:_MOST_LINES]
    kept = "\n".join(lines)
    return kept if len(kept) == len(note) else f"{kept} … the rest is in the console"


def _room_for_parts(shown: Shown, boxes: Sequence[Item], note: str) -> int:
    """What is above the parts takes its lines first; a sentence in a column takes two."""
    right = min(len(shown.tickets), _MOST_LINES) + min(len(shown.unknown), _MOST_LINES) + 1
    above = 2 * max(min(len(boxes), _MOST_LINES), right)
    if note:
        above += 2 + sum(1 + len(line) // 100 for line in note.splitlines())
    above += -(-min(len(shown.verdict.bring), _MOST_LINES) // 3)
    return max(_FEWEST_PARTS, min(_MOST_PARTS, _LINES - 6 - above))


def _parts(parts: Sequence[Part]) -> list[Part]:
    """Sockets last: the parts behind them have rows of their own."""
    return sorted(parts, key=lambda part: (part.row.what == SAME, part.row.section == LINKS))


def code(address: str) -> Markup:
    """The page's address for a telephone; empty when it is too long to be read from paper."""
    if len(address) > _LONGEST_ADDRESS:
        return Markup("")
    out = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        out, kind="svg", scale=2, border=2, xmldecl=False, svgns=False, nl=False, dark="#000", light="#fff",
        svgclass="matrix", lineclass=None, omitsize=True,
    )  # fmt: skip
    return Markup(out.getvalue().decode())  # noqa: S704 - made of the matrix, no text of the address in it
