"""What pacman says and keeps, as facts. Pure: text in, facts out."""

import re

from agent.probes.dpkg import Package
from agent.probes.updates import Update

# name old -> new, and [ignored] where somebody holds it
_UPDATE = re.compile(r"^(?P<name>\S+) (?P<old>\S+) -> (?P<new>\S+?)(?P<held> \[.*\])?\s*$")
# `arch-audit -u`: openssl is affected by CVE-…. High risk! Update to at least 3.0.2-1!
_AUDIT = re.compile(
    r"^(?:Package )?(?P<name>\S+) is affected by .*?(?P<severity>Critical|High|Medium|Low) risk!"
)
_SIZE = re.compile(r"^([\d.]{1,20}) ([KMGT]i)?B$")
_UNITS = {None: 1, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4}


def parse_updates(text: str, vulnerable: dict[str, str] | None = None) -> list[Update]:
    """Output of `checkupdates` or `pacman -Qu`. Arch gives updates no class; arch-audit knows some of it."""
    return [
        Update(
            name=found["name"],
            installed=found["old"],
            candidate=found["new"],
            held=found["held"] is not None,
            security=None if vulnerable is None else found["name"] in vulnerable,
            severity=None if vulnerable is None else vulnerable.get(found["name"]),
        )
        for line in text.splitlines()
        if (found := _UPDATE.match(line))
    ]


def parse_audit(text: str) -> dict[str, str]:
    """Output of `arch-audit --upgradable`: packages with a known fault that an update mends, and how bad."""
    return {found["name"]: found["severity"] for line in text.splitlines() if (found := _AUDIT.match(line))}


def parse_ignored(text: str) -> list[str]:
    """IgnorePkg and IgnoreGroup of pacman.conf."""
    lines = re.findall(r"^[ \t]*Ignore(?:Pkg|Group)[ \t]*=[ \t]*(.*)$", text, re.MULTILINE)
    return [name for line in lines for name in line.partition("#")[0].split()]


def parse_description(text: str) -> Package | None:
    """A `desc` file of /var/lib/pacman/local: a name between percent signs, then its values."""
    fields: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if re.fullmatch(r"%[A-Z]+%", line):
            fields.setdefault(line.strip("%"), next(lines, "").strip())
    if not fields.get("NAME") or not fields.get("VERSION"):
        return None
    size = fields.get("SIZE", "")
    return Package(
        name=fields["NAME"],
        version=fields["VERSION"],
        architecture=_known(fields.get("ARCH")) or "",
        installed_bytes=int(size) if size.isdecimal() and len(size) < 19 else None,
        source=_known(fields.get("BASE")),
        section=_known(fields.get("GROUPS")),
    )


def parse_information(text: str) -> list[Package]:
    """Output of `pacman -Qi`: the same as people read it."""
    result = []
    for part in re.split(r"\n\s*\n", text):
        fields = {
            found[1].strip(): found[2].strip()
            for line in part.splitlines()
            if (found := re.match(r"^([A-Z][\w ]{0,20}?) +: (.*)$", line))
        }
        if fields.get("Name") and fields.get("Version"):
            result.append(
                Package(
                    name=fields["Name"],
                    version=fields["Version"],
                    architecture=_known(fields.get("Architecture")) or "",
                    installed_bytes=_bytes(fields.get("Installed Size", "")),
                    source=None,
                    section=_known(fields.get("Groups")),
                )
            )
    return result


def _bytes(text: str) -> int | None:
    found = _SIZE.match(text)
    try:
        return int(float(found[1]) * _UNITS[found[2]]) if found else None
    except ValueError:
        return None


def _known(text: str | None) -> str | None:
    return text if text not in (None, "", "None") else None
