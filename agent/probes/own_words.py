"""What a part says of itself, as far as it may be shown. Firmware puts all sorts of bytes where a name belongs."""

from typing import Final

LONGEST: Final = 126  # letters of a text in USB; nothing but a name fits into them


def own_words(told: str | None) -> str | None:
    """None where no word is left."""
    return "".join(c for c in (told or "")[:LONGEST] if c.isprintable()).strip() or None
