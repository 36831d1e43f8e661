"""The rules: what each watches and says, with other numbers for parts of the fleet, and versions held back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Flask, abort, flash, redirect, render_template, url_for
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from collector import decide
from collector.rules.override import changed as changed_rule
from collector.rules.rule import Rule
from collector.rules.rule_file import RuleError
from collector.store.devices import Device, Site
from collector.store.findings import CLEARED, Finding
from collector.store.overrides import SCOPES, Override, RuleHold
from collector.store.tickets import Ticket
from console import database as db
from console import (
    forms,
    guard,
    lists,
    maintenance,
    rule_form,
    rule_precision,
    rule_preview,
    rule_sentences,
    rule_words,
    sessions,
    words,
)
from console.rule_precision import Said
from console.rule_preview import Preview

rules = Blueprint("rules", __name__, url_prefix="/rules")

_PAST_OVERRIDES: Final = 50
_SHOWN_FINDINGS: Final = 50
CLASSES: Final = ("desktop", "laptop", "av_host", "server", "virtual", "unknown")


@dataclass(frozen=True, slots=True)
class Row:
    rule: Rule
    subject: str  # of its file
    bad: str
    well: str
    open: int
    suppressed: int  # of them: without a ticket for a stated reason
    overrides: int
    right: Said | None  # None: no ticket of it was closed lately


@dataclass(frozen=True, slots=True)
class Shown:
    """An override as the page shows it."""

    row: Override
    where: str
    device: Device | None
    says: list[str]
    in_force: bool
    misfit: str  # why it no longer fits its rule; empty: it does


def register(app: Flask) -> None:
    app.register_blueprint(rules)


@rules.get("")
def page() -> str:
    session, query = db.session(), lists.argument("q")
    return render_template(
        "rules.html", rules=listed(session, guard.now(), query), total=len(rule_words.all_rules()),
        held=_held(session), q=query,
    )  # fmt: skip


def listed(session: Session, now: datetime, query: str) -> list[Row]:
    """The rules in whose words this text is, by subject."""
    counted = {
        rule: (count, suppressed)
        for rule, count, suppressed in session.execute(
            select(Finding.rule, func.count(), func.count(func.nullif(Finding.suppressed, "")))
            .where(Finding.state != CLEARED)
            .group_by(Finding.rule)
        )
    }
    holding = select(Override.rule, func.count()).where(in_force(now)).group_by(Override.rule)
    overrides = {row[0]: row[1] for row in session.execute(holding)}
    right = rule_precision.by_rule(session, now)
    every = [_row(rule, counted.get(rule.name, (0, 0)), overrides, right) for rule in rule_words.all_rules()]
    text = query.casefold()
    found = [
        row for row in every if text in f"{row.rule.name} {words.plain(row.rule.name)} {row.bad}".casefold()
    ]
    return sorted(found, key=lambda row: (row.subject, row.rule.severity, row.rule.name))


def _row(
    rule: Rule, counts: tuple[int, int], overrides: Mapping[str, int], right: Mapping[str, list[Said]]
) -> Row:
    subject = words.plain(rule.file.removesuffix(".toml").rpartition("/")[2])
    return Row(
        rule,
        subject,
        rule_sentences.bad(rule),
        rule_sentences.well(rule),
        *counts,
        overrides.get(rule.name, 0),
        right[rule.name][-1] if rule.name in right else None,
    )


def in_force(now: datetime) -> Any:
    return Override.ended_at.is_(None) & or_(Override.until_at.is_(None), Override.until_at > now)


def _held(session: Session) -> Sequence[RuleHold]:
    """Versions that wait for a person's word."""
    return session.scalars(
        select(RuleHold).where(RuleHold.released_at.is_(None)).order_by(RuleHold.held_at, RuleHold.rule)
    ).all()


def _found(name: str) -> Rule:
    rule = rule_words.of(name)
    if rule is None:
        abort(404, "There is no rule of this name.")
    return rule


@rules.get("/<id:rule>")
def one(rule: str) -> str:
    return _page(rule, {name: lists.argument(name) for name in ("scope", "device", "component", "site")})


def _page(name: str, typed: Mapping[str, str], problem: str = "", preview: Preview | None = None) -> str:
    session, now, rule = db.session(), guard.now(), _found(name)
    overrides = [
        _shown(rule, row, device, now)
        for row, device in session.execute(
            select(Override, Device)
            .outerjoin(Device, (Device.id == Override.name) & Override.scope.in_(("device", "component")))
            .where(Override.rule == name)
            .order_by(Override.created_at.desc(), Override.id)
            .limit(_PAST_OVERRIDES)
        )
    ]
    findings = session.execute(
        select(Finding, Device, Ticket.number)
        .join(Device, Device.id == Finding.device_id)
        .outerjoin(Ticket, (Ticket.device_id == Finding.device_id) & (Ticket.id == Finding.ticket_id))
        .where(Finding.rule == name, Finding.state != CLEARED)
        .order_by(Finding.severity, Finding.opened_at, Finding.id)
        .limit(_SHOWN_FINDINGS)
    ).all()
    return render_template(
        "rule.html",
        rule=rule,
        bad=rule_sentences.bad(rule),
        well=rule_sentences.well(rule),
        template=rule_sentences.template,
        in_force=[one for one in overrides if one.in_force],
        past=[one for one in overrides if not one.in_force],
        held=[row for row in _held(session) if row.rule == name],
        findings=findings,
        most=_SHOWN_FINDINGS,
        fields=rule_form.fields(rule),
        sites=session.scalars(select(Site.name).order_by(Site.name)).all(),
        classes=CLASSES,
        typed=typed,
        problem=problem,
        preview=preview,
        days=rule_preview.DAYS,
        right=rule_precision.by_rule(session, now, name).get(name, []),
        weeks=rule_precision.WEEKS,
    )


def _shown(rule: Rule, row: Override, device: Device | None, now: datetime) -> Shown:
    misfit = ""
    try:
        changed_rule(rule, row.changes)
    except RuleError as error:
        misfit = error.problem
    where = {
        "device_class": words.CLASSES.get(row.name, row.name),
        "site": row.site,
        "room": f"{row.site}, {row.name}",
        "device": row.name if device is None else "",
        "component": f"{row.name if device is None else ''} {row.component}".strip(),
    }.get(row.scope, "")
    holds = row.ended_at is None and (row.until_at is None or row.until_at > now)
    return Shown(row, where, device, rule_form.said(rule, row.changes), holds, misfit)


@rules.post("/<id:rule>/overrides")
def override(rule: str) -> Response | str | tuple[str, int]:
    """Put it in force; or, where that was asked for, show first what it would have changed in the last days."""
    session, known = db.session(), _found(rule)
    try:
        made = _override(session, known)
        if forms.line("preview"):
            changed_rule(known, made["changes"])
            return _page(rule, _typed(known), preview=rule_preview.of(session, known, made, guard.now()))
        decide.override(
            session, rule_words.all_rules(), rule=rule, who=guard.person().name, now=guard.now(), **made
        )
    except (forms.Mistake, decide.Refused, RuleError) as problem:
        session.rollback()
        return _page(rule, _typed(known), forms.sentence(_plainly(str(problem), rule))), 400
    session.commit()
    flash("In force: the next report of each of these devices is judged by it.", "good")
    return redirect(url_for("rules.one", rule=rule) + "#overrides")


def _typed(rule: Rule) -> dict[str, str]:
    names = [
        "scope",
        "site",
        "device_class",
        "room",
        "device",
        "component",
        "enabled",
        "severity",
        "until",
        "why",
    ]
    return {name: forms.text(name) for name in names + [field.key for field in rule_form.fields(rule)]}


def _plainly(text: str, rule: str) -> str:
    """The loader names file and line of a mistake; an override has neither."""
    return text.replace(f"override of {rule}, line 0, ", "")


def _override(session: Session, rule: Rule) -> dict[str, Any]:
    """The form's fields as `decide.override` takes them. Raises Mistake."""
    scope = forms.line("scope")
    if scope not in SCOPES:
        raise forms.Mistake("choose for which devices it shall hold")
    name = ""
    if scope == "device_class":
        name = forms.line("device_class")
        if name not in CLASSES:
            raise forms.Mistake("choose a kind of device")
    elif scope == "room":
        name = forms.line("room")
    elif scope in ("device", "component"):
        name = maintenance.device_id(session, forms.line("device", 255))
    keys = ["enabled", "severity", *(field.key for field in rule_form.fields(rule))]
    made = rule_form.changes(rule, {key: forms.line(key) for key in keys})
    if not made:
        raise forms.Mistake("nothing would be different: change at least one thing")
    return {
        "scope": scope,
        "site": forms.line("site") if scope in ("site", "room") else "",
        "name": name,
        "component": forms.line("component", 255) if scope == "component" else "",
        "changes": made,
        "until_at": forms.end_of_day("until", "Until", sessions.config().zone),
        "why": forms.text("why"),
    }


@rules.post("/<id:rule>/overrides/<id:override_id>/end")
def end(rule: str, override_id: str) -> Response:
    session = db.session()
    _found(rule)
    try:
        decide.end_override(session, override_id, who=guard.person().name, now=guard.now())
    except decide.Refused as problem:
        session.rollback()
        flash(forms.sentence(problem), "bad")
    else:
        session.commit()
        flash("Ended: the rule holds there as it is written.", "good")
    return redirect(url_for("rules.one", rule=rule) + "#overrides")


@rules.post("/<id:rule>/versions/<id:rule_hash>/release")
def release(rule: str, rule_hash: str) -> Response:
    """A person has seen how many tickets it would open."""
    session = db.session()
    _found(rule)
    try:
        decide.release_rule(
            session, rule, rule_hash, who=guard.person().name, now=guard.now(), why=forms.text("why")
        )
    except decide.Refused as problem:
        session.rollback()
        flash(forms.sentence(problem), "bad")
    else:
        session.commit()
        flash("Let go: what is still bad gets its ticket, the worst first.", "good")
    return redirect(url_for("rules.one", rule=rule))
