"""Serials that makers left unfilled. They name no machine and no part: nothing may be matched by them."""

import re
from typing import Final

# Compared in lower case with blanks at the ends removed.
PLACEHOLDER_SERIALS: Final = frozenset(
    {
        "to be filled by o.e.m.",
        "to be filled by o.e.m",
        "default string",
        "default",
        "system serial number",
        "system product name",
        "system manufacturer",
        "system uuid",
        "chassis serial number",
        "base board serial number",
        "board serial number",
        "serial number",
        "serial",
        "not specified",
        "not applicable",
        "not available",
        "not settable",
        "not present",
        "no asset information",
        "no asset tag",
        "asset-1234567890",
        "o.e.m.",
        "oem",
        "none",
        "null",
        "unknown",
        "undefined",
        "invalid",
        "empty",
        "n/a",
        "na",
        "<bad index>",
        "<out of spec>",
        "123456789",
        "1234567890",
        "0123456789",
        "0123456789abcdef",
        "0123456789abcdef0123456789abcdef",
        "123456789abcdef",
        "03000200-0400-0500-0006-000700080009",  # the UUID of unfilled boards of several makers
        "4c4c4544-0000-2010-8020-80c04f202020",  # Dell's, made from an empty service tag
    }
)


def is_placeholder(text: str) -> bool:
    """True for an unfilled text, and for one made of a single sign: `0000`, `xxxx`, `----`, zero UUIDs."""
    plain = text.strip().lower()
    if plain in PLACEHOLDER_SERIALS:
        return True
    return len(set(re.sub(r"[\s.:_-]", "", plain))) <= 1
