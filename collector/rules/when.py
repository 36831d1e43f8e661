"""When a rule counts, and for which parts: the keys of its row that tie it to a room's hours, bookings and baseline."""

from datetime import timedelta
from typing import Any

from collector.rules.rule import CRITICAL, DURING, ROOM, URGENT, WARNING
from collector.rules.rule_file import Row
from protos import sections


def take(row: Row, values: dict[str, Any]) -> None:
    values["ticket_after"] = row.span("ticket_after", timedelta(0))
    for key in ("during", "part_of"):
        if row.has(key) and values["kind"] not in ("threshold", "state", *ROOM):
            row.problem(key, "is for rules that judge what is so now")
    values["during"] = row.choice("during", DURING, "") if row.has("during") else ""
    part_of = values["part_of"] = row.text("part_of") if row.has("part_of") else ""
    if part_of and part_of not in sections.BY_NAME:
        row.problem("part_of", f"{part_of!r} is no section of the inventory")
    if part_of and values["kind"] in ROOM:
        row.problem("part_of", "a rule of this kind is about parts of the baseline anyhow")
    _urgent(row, values)


def _urgent(row: Row, values: dict[str, Any]) -> None:
    """`urgent_during = "near_session"` with `urgent_hold = "5m"`, `urgent_severity = "critical"` or both."""
    values["urgent_hold"] = row.span("urgent_hold")
    if row.has("urgent_severity"):
        values["urgent_severity"] = row.choice("urgent_severity", (WARNING, CRITICAL))
    changes = [key for key in ("urgent_hold", "urgent_severity") if row.has(key)]
    if not row.has("urgent_during"):
        for key in changes:
            row.problem(key, "needs urgent_during: when that is")
        return
    values["urgent_during"] = row.choice("urgent_during", URGENT)
    if not changes:
        row.problem("urgent_during", "changes nothing without urgent_hold or urgent_severity")
    if values["kind"] not in ("threshold", "state", "silence"):
        row.problem("urgent_during", "is for rules that judge what is so now, and for silence")
    elif values["kind"] == "silence" and row.has("urgent_severity"):
        # What a silent room is worth nobody knows: it is as bad before a session as it was.
        row.problem("urgent_severity", "is not for silence, which only waits less long")
