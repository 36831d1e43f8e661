"""A rule's numbers as people read them: when it is bad, when it is well again."""

import re
from datetime import timedelta

from collector.rules import words as rule_text
from collector.rules.rule import Excuse, Limit, Rule
from console import words


def bad(rule: Rule) -> str:
    """`Filesystem used above 90 % and filesystem free below 10 GB, for 30 minutes`."""
    said = _watched(rule)
    if rule.and_raises is not None:
        said += f" and {low(words.metric(rule.and_metric))} {_limit(rule.and_raises, rule.and_metric)}"
    if rule.unless:
        said += ", unless " + " and ".join(map(_excuse, rule.unless))
    if rule.hold > timedelta(0) and rule.kind != "silence":
        said += f", for {rule_text.span(rule.hold)}"
    if rule.part_of:
        said += "; only what is in the room's accepted baseline"
    if rule.during:
        said += f"; only {rule_text.during(rule.during)}"
    if rule.urgent_during:
        said += f"; {rule_text.during(rule.urgent_during)}, {_urgent(rule)}"
    if rule.ticket_after:
        said += f"; a ticket only if it lasts {rule_text.span(rule.ticket_after)}"
    return said


def _watched(rule: Rule) -> str:
    name = words.metric(rule.metric)
    match rule.kind:
        case "growth":
            first = f"; at first sight {_limit(rule.first, rule.metric)}" if rule.first is not None else ""
            grown = rule_text.say(rule.grows_by, _unit(rule.metric))
            return f"{name} grew by {grown} or more since first seen{first}"
        case "age":
            return f"{name} for longer than {rule_text.span(rule.older_than or timedelta(0))}"
        case "silence":
            return f"not heard of for {rule_text.span(rule.hold)}"
        case "occurs":
            window = rule_text.span(rule.window or timedelta(0))
            return f"{name}: {rule.times or 0:g} times or more within {window}"
        case "forecast" if rule.raises is not None:
            within = rule_text.span(rule.within or timedelta(0))
            return f"{name} will be {_limit(rule.raises, rule.metric)} within {within}"
        case "median" if rule.raises is not None:
            return f"{name} {_limit(rule.raises, rule.metric)}, as the median of the last {rule.points}"
        case "absence":
            return "a part that was built in is no longer seen"
        case "missing":
            return f"one of the {_section(rule)} in the room's accepted baseline is not there"
        case "swapped":
            return f"another one stands in the place of one of the {_section(rule)} in the room's accepted baseline"
        case "changed":
            lower = "is lower than" if rule.worse == "lower" else "is not"
            return f"{_section(rule)}: {rule.fact.replace('_', ' ')} {lower} as the room's accepted baseline has it"
        case "branch":
            return "a USB hub of the room's accepted baseline is gone with two or more parts behind it"
    if rule.compare_metric:
        return f"{name} {rule_text.how(rule.compare)} the {low(words.metric(rule.compare_metric))}"
    if rule.raises is None:
        return name
    return f"{name} {_limit(rule.raises, rule.metric)}{' either way' if rule.magnitude else ''}"


def _urgent(rule: Rule) -> str:
    said = []
    if rule.urgent_hold is not None:
        short = f"after {rule_text.span(rule.urgent_hold)} already" if rule.urgent_hold else "at once"
        said.append(short)
    if rule.urgent_severity:
        said.append(f"as {rule.urgent_severity}")
    return " and ".join(said)


def _section(rule: Rule) -> str:
    return rule.section.replace("_", " ")


def well(rule: Rule) -> str:
    """When its findings end."""
    if rule.clears == "part_replaced":
        return "another serial in its place"
    if rule.clears == "steady":
        return f"no further growth for {rule_text.span(rule.steady_for or timedelta(0))}"
    if rule.clear is not None:
        said = _limit(rule.clear, rule.metric)
        if rule.and_clear is not None:
            said += f", or {low(words.metric(rule.and_metric))} {_limit(rule.and_clear, rule.and_metric)}"
        return said
    if rule.kind == "forecast" and rule.clear_beyond is not None:
        return f"not before {rule_text.span(rule.clear_beyond)}"
    if rule.kind == "age" and rule.younger_than is not None:
        return f"younger than {rule_text.span(rule.younger_than)}"
    if rule.kind == "occurs":
        return f"{rule.clear_times:g} times or fewer"
    if rule.kind == "silence":
        return "as soon as it is heard of again"
    return "as soon as it is no longer so"


def template(text: str) -> str:
    """What a finding will say, with a gap where its own words and numbers come."""
    return re.sub(r"\{\w+\}", "…", text)


def _limit(limit: Limit, metric: str) -> str:
    if limit.how == "at":
        if metric.endswith("_state"):
            state = words.STATES.get(metric, {0: "no", 1: "yes"}).get(int(limit.value))
            return f"is “{state or f'{limit.value:g}'}”"
        return f"is {rule_text.say(limit.value, _unit(metric))}"
    if limit.how == "bits" and metric == "disk_critical_warning_state":
        return f"names {words.critical_warning(int(limit.value))}"
    return rule_text.limit(limit, _unit(metric))


def _excuse(excuse: Excuse) -> str:
    name = low(words.metric(excuse.metric))
    if excuse.other:
        return f"{name} is {rule_text.how(excuse.how)} the {low(words.metric(excuse.other))}"
    return f"{name} {_limit(Limit(excuse.how, excuse.value), excuse.metric)}"


def _unit(metric: str) -> str:
    return metric.rsplit("_", 1)[-1]


def low(text: str) -> str:
    """As within a sentence; abbreviations stay."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
