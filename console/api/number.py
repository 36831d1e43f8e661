"""The number of a ticket or situation in an address."""

from werkzeug.routing import BaseConverter


class NumberConverter(BaseConverter):
    """Up to nine digits. A longer one is no address at all: with a limit on the value instead, the router says of a
    too large one that the method is wrong."""

    regex = "[0-9]{1,9}"

    def to_python(self, value: str) -> int:
        return int(value)
