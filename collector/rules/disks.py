"""One word on a disk, from its open findings."""

from typing import Final

from collector.rules.rule import Rules
from collector.rules.state import OPEN, DeviceState

FAILING, WEARING_OUT, CABLE, HEALTHY, UNREADABLE = "failing", "wearing_out", "cable", "healthy", "unreadable"
_WORST_FIRST: Final = (FAILING, WEARING_OUT, CABLE)


def verdict(rules: Rules, state: DeviceState, component: str, *, readable: bool | None) -> str:
    """`readable`: what disk_readable_state said last. What is open stays open while it cannot be read."""
    names = {name for (name, of), track in state.tracks.items() if of == component and track.state == OPEN}
    said = {rules.by_name[name].verdict for name in names if name in rules.by_name}
    worst = next((word for word in _WORST_FIRST if word in said), "")
    if worst:
        return worst
    return HEALTHY if readable else UNREADABLE
