"""A file replaces one list of the parts page: first what it would change, then, on a second word, the change itself."""

import csv
import io
from typing import Final

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from collector.problem import Problem
from collector.spares import kinds, replacing
from collector.spares.cells import whole
from collector.spares.kinds import KINDS, STOCK
from collector.spares.replacing import Changed, Difference
from collector.spares.table_file import Mistakes
from console import database as db
from console import forms, guard
from console.spares import KIND

spares_import = Blueprint("spares_import", __name__, url_prefix="/parts")

BYTES: Final = 8_000_000  # 50,000 rows of a warranty list are 3 MB
_SHOWN: Final = 50  # rows of each part of a difference


def register(app: Flask) -> None:
    app.register_blueprint(spares_import)


@spares_import.url_value_preprocessor
def _may_be_large(_endpoint: str | None, _values: object) -> None:
    """Before anything reads the form, the check of its token included."""
    request.max_content_length = 2 * BYTES
    request.max_form_memory_size = 2 * BYTES


@spares_import.post(f"/{KIND}/look")
def look(kind: str) -> str | tuple[str, int]:
    """Nothing is changed yet."""
    of = KINDS[kind]
    file = request.files.get("file")
    try:
        if file is None or not file.filename:
            raise forms.Mistake("choose a file first")
        body = file.read(BYTES + 1)
        if len(body) > BYTES:
            raise forms.Mistake(f"the file is larger than {BYTES // 10**6} MB")
        name = "".join(c for c in file.filename if c.isprintable())[:100]
        with db.reading() as session:  # the request's own would hold the writer's lock
            version = replacing.last(session)[kind].version
            told = replacing.compare(session, of, body, name, guard.now())
    except Mistakes as mistakes:
        return _page(kind, mistakes=mistakes.sentences), 400
    except Problem as problem:
        return _page(kind, mistakes=[forms.sentence(problem)]), 400
    return _page(kind, told=told, rows=_as_csv(told), version=version, name=name)


@spares_import.post(f"/{KIND}")
def replace(kind: str) -> Response | tuple[str, int]:
    """What was looked at, if nobody changed the list since."""
    session, now = db.session(), guard.now()
    # As it came: the length of a row's text is looked at where it is read.
    body = request.form.get("rows", "").replace("\x00", "").encode("utf-8", "replace")
    name = forms.line("name") or "the file"
    try:
        told = replacing.replace(
            session, KINDS[kind], body, name, who=guard.person().name, now=now, seen=forms.line("version")
        )
    except Changed as problem:
        session.rollback()
        abort(409, f"{problem} Hand the file in again and look at what it would change now.")
    except Mistakes as mistakes:
        session.rollback()
        return _page(kind, mistakes=mistakes.sentences), 400
    session.commit()
    flash(f"{told.kind.title}: {told.words}.", "good")
    return redirect(url_for("spares.listing", kind=kind))


@spares_import.post("/stock/count")
def count() -> Response:
    """Somebody stands in the depot and counts."""
    session, now = db.session(), guard.now()
    depot, part_number = forms.text("depot", 100), forms.text("part_number", 100)
    try:
        found = whole(forms.line("found"))
        seen = whole(forms.line("seen"))
    except ValueError as error:
        session.rollback()
        flash(f"Nothing was changed: {error}.", "bad")
        return _back()
    try:
        replacing.count(session, depot, part_number, seen=seen, found=found, who=guard.person().name, now=now)
    except Changed as problem:
        session.rollback()
        abort(409, f"{problem} Reload the list and count again.")
    session.commit()
    flash(f"{part_number} in {depot}: {found}, counted now.", "good")
    return _back()


def _back() -> Response:
    """To the list as it was filtered."""
    return redirect(
        guard.safe_next(request.form.get("next", "") or url_for("spares.listing", kind=STOCK.name))
    )


def _page(
    kind: str, *, told: Difference | None = None, mistakes: list[str] | None = None, rows: str = "", version: str = "",
    name: str = "",
) -> str:  # fmt: skip
    return render_template(
        "spares_difference.html", kind=KINDS[kind], told=told, mistakes=mistakes or [], rows=rows, version=version, name=name,
        most=_SHOWN, written=kinds.written,
    )  # fmt: skip


def _as_csv(told: Difference) -> str:
    """What was read, to be sent back as it was looked at."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(told.kind.headings)
    for values in told.wanted:
        writer.writerow([kinds.cell(column, values) for column in told.kind.columns])
    return out.getvalue()
