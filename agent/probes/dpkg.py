"""The packages in /var/lib/dpkg/status. Pure: text in, packages out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_WANTED = frozenset({"Package", "Status", "Version", "Architecture", "Installed-Size", "Source", "Section"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    name: str
    version: str
    architecture: str
    installed_bytes: int | None
    source: str | None
    section: str | None


def parse(lines: Iterable[str]) -> Iterator[Package]:
    """Installed packages only; one that was removed and left its configuration stays in the file."""
    fields: dict[str, str] = {}
    for line in lines:
        if line[:1] in " \t":  # the rest of a description, most of the file
            continue
        name, colon, value = line.partition(":")
        if colon:
            if name in _WANTED:
                fields[name] = value.strip()
        elif not line.strip():
            if package := _package(fields):
                yield package
            fields = {}
    if package := _package(fields):
        yield package


def _package(fields: dict[str, str]) -> Package | None:
    # want, error, state: `hold ok installed` is installed as well
    if fields.get("Status", "").split()[-1:] != ["installed"]:
        return None
    if "Package" not in fields or "Version" not in fields:
        return None
    size = fields.get("Installed-Size", "")
    return Package(
        name=fields["Package"],
        version=fields["Version"],
        architecture=fields.get("Architecture", ""),
        installed_bytes=int(size) * 1024 if size.isdecimal() and len(size) < 15 else None,  # it is in KiB
        source=fields.get("Source", "").partition(" ")[0] or None,
        section=fields.get("Section"),
    )
