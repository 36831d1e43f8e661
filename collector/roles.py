"""What people may do: each role may do what the ones before it may."""

from typing import Final

ROLES: Final = ("viewer", "technician", "lead", "admin")
