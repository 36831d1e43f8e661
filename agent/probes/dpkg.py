"""The packages in /var/lib/dpkg/status. Pure: text in, packages out. `Package` serves the other ones too."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_WANTED = frozenset({"Package", "Status", "Version", "Architecture", "Installed-Size", "Source", "Section"})
_SOUND = frozenset({"installed", "config-files", "not-installed"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    name: str
    version: str
    architecture: str
    installed_bytes: int | None
    source: str | None
    section: str | None
    manager: str = ""  # flatpak, snap: of what came beside the package manager


def parse(lines: Iterable[str]) -> Iterator[Package]:
    """Installed packages only; one that was removed and left its configuration stays in the file."""
    for fields in _stanzas(lines):
        if package := _package(fields):
            yield package


def broken(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(package, state) of those an installation or removal left half done: what `dpkg --audit` would name."""
    for fields in _stanzas(lines):
        status = fields.get("Status", "").split()
        if len(status) != 3 or "Package" not in fields:
            continue
        if status[1] == "reinstreq" or status[2] not in _SOUND:
            yield fields["Package"], status[2]


def _stanzas(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    for line in lines:
        if line[:1] in " \t":  # the rest of a description, most of the file
            continue
        name, colon, value = line.partition(":")
        if colon:
            if name in _WANTED:
                fields[name] = value.strip()
        elif not line.strip():
            if fields:
                yield fields
            fields = {}
    if fields:
        yield fields


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
