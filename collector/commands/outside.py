"""What goes out to other systems: outbox list, retry, test."""

from argparse import Namespace
from datetime import UTC, datetime

from collector.commands.output import as_json, as_table
from collector.config import Config
from collector.outbound import mail, outbox
from collector.outbound.adapter import Undelivered
from collector.problem import Problem
from collector.store import open_engine, reader_maker, session_maker

_HOW = {
    "away": "the mail server could not be used",
    "later": "the mail server put it off",
    "unsure": "nobody knows whether it arrived",
    "refused": "the mail server refused it",
}


def outbox_list(config: Config, arguments: Namespace) -> int:
    with reader_maker(open_engine(config.url))() as session:
        rows = outbox.listing(session)
    way_out = mail.from_config(config)
    if arguments.json:
        print(as_json(rows))
        return 0
    if way_out is None:
        print("No mail is sent: mail_to is not set. What waits is marked as unwanted after some minutes.")
    if rows:
        columns = ("ticket", "kind", "verb", "state", "attempts", "created_at", "next_at", "error", "key")
        print(as_table(rows, columns))
    else:
        print("Nothing waits and nothing failed.")
    return 0


def outbox_retry(config: Config, arguments: Namespace) -> int:
    with session_maker(open_engine(config.url))() as session, session.begin():
        count = outbox.retry(session, arguments.key)
    words = (
        f"{count} {'change is' if count == 1 else 'changes are'} due now, {datetime.now(UTC):%H:%M:%S} UTC"
    )
    print(as_json({"due": count}) if arguments.json else words)
    return 0


def outbox_test(config: Config, arguments: Namespace) -> int:
    """Straight from here, past the outbox: what a person sees is the server's own answer."""
    way_out = mail.from_config(config)
    if way_out is None:
        raise Problem("no mail is set up: mail_to, mail_from and smtp_host say where to")
    to = ", ".join(way_out.to)
    try:
        answer = way_out.deliver(mail.trial(way_out.sender, way_out.to), way_out.to)
    except Undelivered as problem:
        if arguments.json:
            print(as_json({"delivered": False, "to": way_out.to, "how": problem.how, "answer": str(problem)}))
            return 1
        raise Problem(f"not delivered to {to}: {_HOW[problem.how]} ({way_out.name}): {problem}") from None
    if arguments.json:
        print(as_json({"delivered": True, "to": way_out.to, "how": "", "answer": answer}))
    else:
        print(f"delivered to {to}: {way_out.name} answered: {answer}")
    return 0
