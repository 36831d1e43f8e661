"""Who works at devices: devices used-by FILE."""

import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

from collector import used_by
from collector.commands.deciding import _say, _who
from collector.config import Config
from collector.problem import Problem
from collector.store import open_engine, session_maker


def devices_used_by(config: Config, arguments: Namespace) -> int:
    """Devices that the file does not name stay as they are."""
    try:
        body = sys.stdin.buffer.read() if arguments.file == "-" else Path(arguments.file).read_bytes()
    except OSError as error:
        raise Problem(f"{arguments.file}: {error.strerror}") from None
    name = "standard input" if arguments.file == "-" else Path(arguments.file).name
    with session_maker(open_engine(config.url))() as session:
        told = used_by.tell_all(session, body, name, who=_who(), now=datetime.now(UTC))
        if arguments.dry_run:
            session.rollback()
        else:
            session.commit()
    lines = [
        f"{one.host_name or one.device_id[:12]}: {one.before or 'nobody'} → {one.after or 'nobody'}"
        for one in told
    ]
    lines.append(f"{len(told)} {'would change' if arguments.dry_run else 'changed'}")
    rows = [
        {"device_id": one.device_id, "host_name": one.host_name, "before": one.before, "after": one.after}
        for one in told
    ]
    return _say(arguments, {"done": not arguments.dry_run, "changed": rows}, "\n".join(lines))
