"""Commands that only read: devices list, tickets list, tickets explain, why-not, rules check."""

from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from collector.commands.output import as_json, as_table
from collector.config import Config
from collector.rules.load import load
from collector.rules.rule import RuleError
from collector.store import open_engine, reader_maker
from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.tickets import Ticket
from collector.tickets import explain as explaining


def _session(config: Config) -> Session:
    return reader_maker(open_engine(config.url))()


def rules_of(config: Config) -> Any:
    return load([Path(file) for file in config.rules]) if config.rules else load()


def devices_list(config: Config, arguments: Namespace) -> int:
    with _session(config) as session:
        rows = [
            {
                "id": d.id, "host_name": d.host_name, "site": d.site, "room": d.room, "group": d.group,
                "device_class": d.device_class, "presence": d.presence, "seen_at": d.seen_at,
                "reported_at": d.reported_at, "worst_severity": d.worst_severity, "open_findings": d.open_findings,
                "patch_state": d.patch_state, "patch_reason": d.patch_reason, "os_name": d.os_name,
                "maker": d.maker, "model": d.model, "system_serial": d.system_serial,
                "agent_version": d.agent_version, "clock_skew_seconds": d.clock_skew_seconds,
                "revoked_at": d.revoked_at, "possible_duplicate_of": d.possible_duplicate_of,
            }
            for d in session.scalars(select(Device).order_by(Device.host_name, Device.id))
        ]  # fmt: skip
    if arguments.json:
        print(as_json(rows))
    elif rows:
        print(
            as_table(
                rows, ("host_name", "site", "presence", "seen_at", "worst_severity", "patch_state", "id")
            )
        )
    else:
        print("No devices yet. Make a token with: tocsin-collector token create")
    return 0


def devices_missing(config: Config, arguments: Namespace) -> int:
    """Devices that nobody heard of for long. A laptop that is away gets no ticket: once a week it stands here."""
    since = datetime.now(UTC) - timedelta(days=arguments.days)
    with _session(config) as session:
        rows = [
            {
                "id": d.id, "host_name": d.host_name, "site": d.site, "room": d.room, "device_class": d.device_class,
                "model": f"{d.maker} {d.model}".strip(), "system_serial": d.system_serial, "seen_at": d.seen_at,
                "enrolled_at": d.enrolled_at,
            }
            for d in session.scalars(
                select(Device)
                .where(
                    Device.revoked_at.is_(None),
                    func.coalesce(Device.seen_at, Device.enrolled_at) < since,
                    *([Device.device_class == arguments.device_class] if arguments.device_class else []),
                )
                .order_by(Device.seen_at, Device.host_name)
            )
        ]  # fmt: skip
    if arguments.json:
        print(as_json(rows))
    elif rows:
        print(as_table(rows, ("host_name", "device_class", "site", "room", "model", "seen_at")))
    else:
        print(f"Every device was heard of within {arguments.days} days.")
    return 0


def tickets_list(config: Config, arguments: Namespace) -> int:
    with _session(config) as session:
        findings: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for f in session.scalars(select(Finding).where(Finding.ticket_id != "")):
            findings.setdefault((f.device_id, f.ticket_id), []).append(
                {
                    "rule": f.rule, "component": f.component, "state": f.state, "severity": f.severity,
                    "summary": f.summary, "opened_at": f.opened_at, "cleared_at": f.cleared_at,
                    "intermittent": f.intermittent, "stale_at": f.stale_at,
                }
            )  # fmt: skip
        query = select(Ticket, Device).join(Device, Device.id == Ticket.device_id).order_by(Ticket.number)
        if arguments.open:
            query = query.where(Ticket.state.in_(("new", "assigned", "in_progress", "pending")))
        rows = [
            {
                "number": t.number, "id": t.id, "device_id": d.id, "host_name": d.host_name, "group": t.group,
                "state": t.state, "severity": t.severity, "priority": t.priority, "title": t.title,
                "assignee": t.assignee, "opened_at": t.opened_at, "resolved_at": t.resolved_at,
                "resolved_by": t.resolved_by, "reopened": t.reopened, "outcome": t.outcome,
                "part_used": t.part_used, "proof": t.proof, "priority_by": t.priority_by,
                "findings": findings.get((d.id, t.id), []),
            }
            for t, d in session.execute(query)
        ]  # fmt: skip
    if arguments.json:
        print(as_json(rows))
    elif rows:
        print(as_table(rows, ("number", "priority", "state", "host_name", "opened_at", "title")))
    else:
        print("No tickets.")
    return 0


def tickets_explain(config: Config, arguments: Namespace) -> int:
    rules = rules_of(config)
    with _session(config) as session:
        ticket = explaining.find_ticket(session, arguments.id)
        parts = explaining.explain(session, rules, ticket.device_id, ticket.id)
        around = explaining.circumstances(session, rules, ticket, datetime.now(UTC))
        if arguments.json:
            head = {"number": ticket.number, "title": ticket.title, "state": ticket.state}
            print(as_json(head | around | {"findings": parts}))
            return 0
        print(f"Ticket {ticket.number}, {ticket.state}: {ticket.title}")
        for line in _around(around):
            print(line)
        for part in parts:
            print(_explained(part))
    return 0


def _around(around: dict[str, Any]) -> list[str]:
    by = f", set by {around['priority_by']}: {around['priority_why']}" if around["priority_by"] else ""
    lines = [f"  priority {around['priority']}{by}"]
    lines += [f"  {clock['text']}" for clock in around["clocks"]]
    lines += [f"  {told['text']}" for told in around["in_force"]]
    labels = (
        ("outcome", "outcome"),
        ("part_used", "part used"),
        ("proposal", "proposal"),
        ("proof", "proof of repair"),
    )
    return lines + [f"  {words}: {around[name]}" for name, words in labels if around[name]]


def _explained(part: dict[str, Any]) -> str:
    lines = [
        "",
        f"{part['summary']}",
        f"  rule {part['rule']} (version {part['rule_version']}), {part['severity']}, {part['state']}",
        f"  bad since {part['since_at']:%Y-%m-%d %H:%M:%S} UTC, opened {part['opened_at']:%Y-%m-%d %H:%M:%S} UTC"
        f" after {part['held_for_seconds']:.0f} s of hold",
    ]
    lines += [f"  because {clause['text']}" for clause in part["clauses"]]
    lines += [f"  {text}" for text in part["waited"]]
    lines += [
        f"  {h['at']:%Y-%m-%d %H:%M:%S} UTC  {h['from']} → {h['to']} ({h['reason']})" for h in part["history"]
    ]
    if part["rule_changed_since"]:
        lines.append("  the rule has been changed since")
    lines += [f"  {part[name]}" for name in ("meaning", "advice", "bring") if part[name]]
    return "\n".join(lines)


def why_not(config: Config, arguments: Namespace) -> int:
    rules = rules_of(config)
    with _session(config) as session:
        device = explaining.find_device(session, arguments.device)
        sentences = explaining.why_not(session, rules, device, arguments.rule, datetime.now(UTC))
    if arguments.json:
        print(as_json({"device": device.id, "rule": arguments.rule, "sentences": sentences}))
    else:
        print("\n".join(sentences))
    return 0


def rules_check(config: Config, arguments: Namespace) -> int:
    try:
        rules = load([Path(file) for file in arguments.file]) if arguments.file else load()
    except RuleError as error:
        print(error)
        return 1
    print(f"{len(rules)} rules, no mistakes")
    return 0
