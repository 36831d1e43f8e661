"""What a command says when the database fails it: a sentence and what to do, instead of a traceback."""

from sqlalchemy.exc import DBAPIError

from collector.config import Config
from collector.store import open_engine, schema


def words(error: Exception, config: Config) -> str:
    """Empty: it is no fault of the database, or none that can be put into words."""
    if not isinstance(error, DBAPIError):
        return ""
    engine = open_engine(config.url)
    try:
        at = schema.current(engine)
    except DBAPIError as away:
        return f"the database does not answer: {_first_line(away)}"
    finally:
        engine.dispose()
    if at != schema.newest():
        return (
            f"the database is at revision {at or 'none'} and this Tocsin is written for {schema.newest()}: "
            "start `tocsin-collector serve` once, which brings it up to date."
        )
    return ""


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).strip().splitlines() or ["no reason given"])[0]
