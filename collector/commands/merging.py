"""One machine enrolled twice: devices merge, devices unmerge."""

from argparse import Namespace
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from collector import merging
from collector.commands.deciding import Row, _change, _say, _who
from collector.config import Config
from collector.problem import Problem
from collector.store import open_engine, reader_maker
from collector.store.devices import Device
from collector.tickets.explain import find_device

_WORDS: Final = {
    "overrides": "overrides",
    "accepted_values": "accepted values",
    "planned_work": "planned work",
    "baseline_parts": "accepted parts of the room",
    "place": "of site, room, group and class",
    "stays": "stay behind: the new one has its own, or stands in another room",
    "tickets_cancelled": "tickets cancelled as duplicates",
    "findings_ended": "open findings that end with the collector's next sweep",
    "same_finding_open": "of them open on the new one too",
}


def devices_merge(config: Config, arguments: Namespace) -> int:
    now = datetime.now(UTC)

    def work(session: Session) -> Row:
        old, new = _both(session, arguments)
        return _answer(old, new, merging.merge(session, old.id, new.id, who=_who(), now=now))

    if arguments.dry_run:
        with reader_maker(open_engine(config.url))() as session:
            old, new = _both(session, arguments)
            row = _answer(old, new, merging.look(session, [(old, new)], now)[old.id, new.id])
    else:
        row = _change(config, work)
    lead = "would live on as" if arguments.dry_run else "lives on as"
    lines = [f"{row['old_name']} ({row['old'][:12]}) {lead} {row['new_name']} ({row['new'][:12]})"]
    lines += [f"{row[name]:>6}  {words}" for name, words in _WORDS.items() if row[name]]
    return _say(arguments, row, "\n".join(lines))


def devices_unmerge(config: Config, arguments: Namespace) -> int:
    now = datetime.now(UTC)

    def work(session: Session) -> Row:
        old = find_device(session, arguments.old)
        if not old.lives_on_as:
            raise Problem(f"{_name(old)} was not merged into another device")
        after = session.get_one(Device, old.lives_on_as)
        merging.undo(session, old.id, after.id, who=_who(), now=now)
        return {"old": old.id, "old_name": _name(old), "lived_on_as": after.id, "new_name": _name(after)}

    row = _change(config, work)
    return _say(
        arguments, row,
        f"{row['old_name']} is a device of its own again, and revoked. What was carried stays with {row['new_name']}: "
        "look at its overrides, accepted values and planned work.",
    )  # fmt: skip


def _both(session: Session, arguments: Namespace) -> tuple[Device, Device]:
    old, new = (find_device(session, text) for text in (arguments.old, arguments.new))
    if old.id == new.id:
        raise Problem("a device cannot be merged into itself")
    return old, new


def _answer(old: Device, new: Device, luggage: merging.Luggage) -> Row:
    return {
        "old": old.id, "old_name": _name(old), "new": new.id, "new_name": _name(new), **luggage.numbers()
    }  # fmt: skip


def _name(device: Device) -> str:
    return device.host_name or device.id[:12]
