"""Impact × urgency: how soon a ticket's turn comes, 1 to 5, and how the machine knows both."""

from typing import Final

# Impact: 1 a site, 2 a team, a room or a public counter, 3 one person.
# Urgency: 1 work stands still or will within 72 hours, 2 worse than it should be, 3 can be planned.
MATRIX: Final = {
    (1, 1): 1,
    (1, 2): 2, (2, 1): 2,
    (1, 3): 3, (2, 2): 3, (3, 1): 3,
    (2, 3): 4, (3, 2): 4,
    (3, 3): 5,
}  # fmt: skip
# A room's machine concerns everybody in the room, a server everybody who uses it; a desk is one person's.
_IMPACT: Final = {"av_host": 2, "server": 2}
_URGENCY: Final = {"critical": 1, "warning": 2}


def computed(severity: str, device_class: str) -> int:
    """What the machine says; a person may say otherwise (lifecycle.set_priority)."""
    return MATRIX[_IMPACT.get(device_class, 3), _URGENCY.get(severity, 2)]
