"""repomd.xml, the head of an RPM repository, as facts. Pure: text in, facts out."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from agent.probes.apt import MIRROR_GOOD_FOR

_MADE_AT = re.compile(r"<timestamp>(\d{1,11})(?:\.\d*)?</timestamp>", re.ASCII)


def parse_made_at(text: str) -> float | None:
    """When the newest of its lists was made, by its maker's clock."""
    times = [float(found) for found in _MADE_AT.findall(text)]
    return max(times, default=None)


def doubt(heads: Iterable[str], now: datetime) -> str:
    """Why metadata that is refreshed with success still tells nothing of today: mirrors that stopped.

    A release's base repository never changes, so only when none of them has is it said.
    """
    times = [time for text in heads if (time := parse_made_at(text)) is not None]
    if times and now.timestamp() - max(times) > MIRROR_GOOD_FOR.total_seconds():
        return f"no mirror has changed since {datetime.fromtimestamp(max(times), UTC):%Y-%m-%d}"
    return ""
