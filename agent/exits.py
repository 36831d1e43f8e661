"""How the command ends: the numbers are a promise to scripts."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    PROBLEM = 1  # something was found wrong
    USAGE = 2
    CONFIGURATION = 3
    UNREACHABLE = 4
    CREDENTIAL = 5


class Stop(Exception):
    """Ends the command with a text for a person."""

    def __init__(self, code: Exit, text: str) -> None:
        super().__init__(text)
        self.code = code
