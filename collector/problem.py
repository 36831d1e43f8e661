"""The one error whose text is meant for the person at the command line."""


class Problem(Exception):
    """Something the person can understand and mend; the command ends with exit code 1."""
