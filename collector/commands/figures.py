"""Figures of the rules: rules precision."""

from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime

from collector.commands.output import as_json, as_table
from collector.config import Config
from collector.store import open_engine, reader_maker
from collector.tickets import precision


def rules_precision(config: Config, arguments: Namespace) -> int:
    with reader_maker(open_engine(config.url))() as session:
        tallies = precision.weeks(session, datetime.now(UTC), arguments.weeks)
    rows = [asdict(tally) | {"n": tally.n, "precision": tally.precision} for tally in tallies]
    if arguments.json:
        print(as_json(rows))
    elif not rows:
        print("No ticket was closed with an outcome in these weeks.")
    else:
        for row in rows:
            share = row["precision"]
            row["week"] = row["week"] or "all"
            row["precision"] = f"{share:.0%}" if share is not None else f"n < {precision.ENOUGH}"
        columns = ("rule", "week", "n", "precision", "real", "false", "nothing_found", "known", "parts_used")
        print(as_table(rows, columns))
    return 0
