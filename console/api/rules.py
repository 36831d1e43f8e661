"""Rules: what each watches, in words and as its file has it."""

from typing import Any, Literal

from flask import Blueprint, Flask, url_for
from pydantic import Field

from collector.rules.rule import Rule
from console import rule_sentences, rule_words
from console.api import listing
from console.api.fields import Asked, Filter, Shown
from console.api.operation import operation
from console.api.problem import Stopped

api_rules = Blueprint("api_rules", __name__, url_prefix="/api/v1/rules")


def register(app: Flask) -> None:
    app.register_blueprint(api_rules)


class RuleShown(Shown):
    name: str = Field(examples=["filesystem_nearly_full"])
    url: str = ""
    kind: str = Field(examples=["threshold"])
    metric: str
    severity: str = Field(examples=["warning"])
    enabled: bool
    bad: str = Field("", description="When it is true, in words")
    well: str = Field("", description="When it is over, in words")
    hash: str = Field(description="Of its version")
    source: dict[str, Any] = Field(description="As its file has it: the keys that an override may change")


class RulesAsked(Asked):
    q: Filter = Field("", description="Part of a name or of what it says")
    severity: Literal["", "warning", "critical"] = ""


class RulePage(listing.Page[RuleShown]):
    """All that match, at once."""


@api_rules.get("")
@operation(noun="Rules", answer=RulePage, asked=RulesAsked)
def every(asked: RulesAsked) -> RulePage:
    """The rules, all at once: `next` is always null."""
    text = asked.q.casefold()
    shown = [_shown(rule) for rule in rule_words.all_rules() if asked.severity in ("", rule.severity)]
    items = [one for one in shown if text in f"{one.name} {one.bad}".casefold()]
    return RulePage(items=items, total=len(items), next=None)


@api_rules.get("/<id:rule>")
@operation(noun="Rules", answer=RuleShown, is_one=True)
def one(rule: str) -> RuleShown:
    """One rule as it is written, without overrides."""
    return _shown(found(rule))


def found(name: str) -> Rule:
    rule = rule_words.of(name)
    if rule is None:
        raise Stopped(404, "There is no rule of this name.")
    return rule


def _shown(rule: Rule) -> RuleShown:
    shown = RuleShown.model_validate(rule)
    shown.url, shown.bad, shown.well = (
        url_for("api_rules.one", rule=rule.name),
        rule_sentences.bad(rule),
        rule_sentences.well(rule),
    )
    return shown
