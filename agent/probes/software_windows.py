"""Obtains what software.py tells on Windows: the Uninstall keys of both views and of each signed-in user."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from agent.probe import Place, Taken, Unavailable, item
from agent.windows import Sources, Value
from agent.windows.live import sources
from protos.report_pb2 import Item

_UNINSTALL = r"Software\Microsoft\Windows\CurrentVersion\Uninstall"
_APPX = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore\Applications"
_ENVIRONMENT = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
# People, of this machine, of a domain or of the cloud; not services and not the hives of classes.
_PERSON = re.compile(r"S-1-(?:5-21|12-1)(?:-\d+)+", re.ASCII | re.IGNORECASE)
_MOST_KIB = 2**40  # what is more is no size


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    name: str
    version: str | None
    scope: str  # machine, user
    bits: int | None = None  # of the view it stands in; per user there is only one
    maker: str | None = None
    installed_bytes: int | None = None
    installed_on: str | None = None


def read(place: Place) -> Taken:
    source = sources(place)
    programs, lost = _programs(source)
    taken = Taken(sections={"software": rows(programs)}, reason="; ".join(lost))
    try:
        packages = source.subkeys(_APPX)
    except Unavailable as error:
        packages, taken.reason = None, taken.reason or str(error)
    if packages is not None:
        taken.sections["appx"] = [item("appx", packages=len(packages))]
    return taken


def _programs(source: Sources) -> tuple[list[Program], list[str]]:
    lost: list[str] = []
    programs: list[Program] = []
    one_view = (source.values(_ENVIRONMENT) or {}).get("PROCESSOR_ARCHITECTURE") == "x86"
    found = unread = False
    for view in (32,) if one_view else (64, 32):
        path = rf"HKLM\{_UNINSTALL}"
        names = source.subkeys(path, view)
        found = found or names is not None
        more, closed = _below(source, path, names or [], "machine", view)
        programs += more
        if closed:
            lost.append(f"entries of the {view}-bit view that may not be read: {closed}")
    if not found:
        raise Unavailable("there are no uninstall keys in the registry")
    for person in source.subkeys("HKU") or []:
        if not _PERSON.fullmatch(person):
            continue
        path = rf"HKU\{person}\{_UNINSTALL}"
        try:
            more, closed = _below(source, path, source.subkeys(path) or [], "user", None)
        except Unavailable:
            more, closed = [], 1
        programs += more
        unread = unread or bool(closed)
    if unread:  # its own words would name the person
        lost.append("software of somebody who is signed in may not be read")
    return programs, lost


def _below(
    source: Sources, path: str, names: list[str], scope: str, bits: int | None
) -> tuple[list[Program], int]:
    """What stands in these keys, and how many of them may not be read."""
    programs, closed = [], 0
    for name in names:
        try:
            values = source.values(rf"{path}\{name}", bits or 64)
        except Unavailable:
            closed += 1
            continue
        made = program(values, scope, bits) if values else None
        if made is not None:
            programs.append(made)
    return programs, closed


def program(values: Mapping[str, Value], scope: str, bits: int | None) -> Program | None:
    """None for what Windows does not list either: parts of others, updates, entries without a name."""
    known = {name.lower(): value for name, value in values.items()}
    name = _text(known, "displayname")
    if name is None or known.get("systemcomponent") == 1:
        return None
    if any(_text(known, mark) for mark in ("parentkeyname", "parentdisplayname", "releasetype")):
        return None  # an update of another entry
    size = known.get("estimatedsize")
    return Program(
        name=name,
        version=_text(known, "displayversion"),
        scope=scope,
        bits=bits,
        maker=_text(known, "publisher"),
        installed_bytes=size * 1024 if isinstance(size, int) and 0 < size < _MOST_KIB else None,
        installed_on=_day(_text(known, "installdate")),
    )


def _text(values: Mapping[str, Value], name: str) -> str | None:
    value = values.get(name)
    return " ".join(value.replace("\0", " ").split()) or None if isinstance(value, str) else None


def _day(text: str | None) -> str | None:
    """`20240131`. Some installers write the day their own way, which cannot be told from another."""
    if not re.fullmatch(r"\d{8}", text or "", re.ASCII):
        return None
    try:
        return date.fromisoformat(text or "").isoformat()
    except ValueError:
        return None


def rows(programs: list[Program]) -> list[Item]:
    """One item a product, in a fixed order; one that stands in both views is one, and so is one that several
    people installed for themselves."""
    products: dict[tuple[str, str, str], list[Program]] = {}
    for each in programs:
        products.setdefault((each.name, each.scope, each.version or ""), []).append(each)
    items: dict[str, Item] = {}
    for (name, scope, version), entries in sorted(products.items()):
        key = name
        if key in items:
            key = f"{name} ({scope})" if scope == "user" else f"{name}#{version}"
        if key in items:
            key = f"{name} ({scope})#{version}"
        if key in items:
            key = f"{key} {len(items)}"
        first = entries[0]
        items[key] = item(
            key,
            name=name,
            version=first.version,
            architecture=_architecture(entries),
            scope=scope,
            maker=first.maker,
            installed_bytes=first.installed_bytes,
            installed_on=first.installed_on,
        )
    return list(items.values())


def _architecture(entries: list[Program]) -> str | None:
    bits = sorted({each.bits for each in entries if each.bits}, reverse=True)
    return " and ".join(f"{each}-bit" for each in bits) or None
