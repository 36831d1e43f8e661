"""What flatpak says and keeps, as facts. Pure: text in, facts out."""

from agent.probe import item
from agent.probes.dpkg import Package
from protos.report_pb2 import Item

# application, version, branch, arch, origin: tabs between them, also where one is empty
COLUMNS = "--columns=application,version,branch,arch,origin"


def parse_updates(text: str) -> list[Item]:
    """Output of `remote-ls --updates` with the columns above."""
    return [
        item(
            f"flatpak {row.name} {row.section}",
            kind="flatpak",
            name=row.name,
            candidate=row.version or None,
            branch=row.section,
            origin=row.source,
        )
        for row in parse_list(text)
    ]


def parse_list(text: str) -> list[Package]:
    """The same columns of `list`. The branch stands in for the section."""
    rows = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != 5 or not fields[0] or fields[0] == "Application ID":
            continue
        name, version, branch, architecture, origin = fields
        rows.append(
            Package(
                name=name,
                version=version,
                architecture=architecture,
                installed_bytes=None,
                source=origin or None,
                section=branch or None,
            )
        )
    return rows
