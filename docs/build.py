"""Make docs/probes.md, docs/metrics.md, docs/privacy.md, docs/rules.md and the man pages from the code: `python -m docs.build`.

A test compares them, so that they stay true.
"""

import argparse
import importlib
import inspect
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import agent.__main__
import collector.__main__
import console.__main__
from agent.probe import Pace
from agent.probes.table import PROBES
from collector.rules.load import load
from collector.rules.rule import Rule
from docs import rule_examples
from protos.catalogue import METRICS
from protos.sections import SECTIONS

ROOT = Path(__file__).resolve().parent.parent
PARSERS = {
    "tocsin-agent": agent.__main__.parser,
    "tocsin-collector": collector.__main__.parser,
    "tocsin-console": console.__main__.parser,
}


_PACES: Final = {
    Pace.SAMPLE: "each minute",
    Pace.SLOW: "every 4 hours",
    Pace.INVENTORY: "each hour",
    Pace.PRESENCE: "each minute where the device serves a room, else each hour",
    Pace.POLL: "with each report (5 minutes) where the device serves a room, else each hour",
}


def pages() -> dict[str, str]:
    """Path below the repository → text."""
    made = {
        "docs/probes.md": probes(),
        "docs/metrics.md": metrics(),
        "docs/privacy.md": privacy(),
        "docs/rules.md": rules(),
    }
    for program, parser in PARSERS.items():
        made[f"docs/man/{program}.8"] = man(program, parser())
    return made


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    )


def probes() -> str:
    """One part a probe, from its module's docstring."""
    parts = [
        "# Probes",
        "What the agent reads, where from, with which rights and at what cost. Made from the code by "
        "`python -m docs.build`.",
    ]
    for probe in PROBES:
        module = importlib.import_module(probe.read.__module__)
        first, _, rest = (inspect.getdoc(module) or "").partition("\n")
        pace = _PACES[probe.pace]
        where = "in a process of its own" if probe.child else "in the agent"
        parts.append(
            f"## {probe.name}\n\n{first}\n\nRead {pace}, {where}, at most {probe.limit_seconds:g} s."
        )
        parts.append("\n".join(_facts(rest)))
        own = [metric for metric in METRICS if metric.probe == probe.name]
        if own:
            parts.append(
                table(
                    ("metric", "component", "meaning"), ((f"`{m.name}`", m.component, m.meaning) for m in own)
                )
            )
        filled = [section for section in SECTIONS if section.probe == probe.name]
        if filled:
            parts.append(
                "Sections: "
                + "; ".join(f"`{s.name}` ({s.meaning.rstrip('.').lower()})" for s in filled)
                + "."
            )
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(text: str) -> Iterator[str]:
    """`Source: …` lines as a list; the paragraphs after them as they are."""
    for block in text.strip().split("\n\n"):
        lines: list[str] = []
        for line in block.splitlines():
            label, colon, _ = line.partition(": ")
            if colon and label in ("Source", "Rights", "Cost", "Unavailable"):
                lines.append(line)
            elif lines:
                lines[-1] += " " + line.strip()
            else:
                lines.append(line.strip())
        if lines and lines[0].startswith(("Source: ", "Rights: ", "Cost: ", "Unavailable: ")):
            yield from (f"- **{line.partition(': ')[0]}:** {line.partition(': ')[2]}" for line in lines)
        else:
            yield ""
            yield " ".join(lines)


def metrics() -> str:
    head = (
        "# Metrics\n\nEvery number of a report. The unit is the last word; ratios are 0 to 1. *At once* is the step "
        "that makes the agent report before its next turn. Made from `protos/catalogue.py`.\n\n"
    )
    rows = (
        (f"`{m.name}`", m.probe, m.component, m.meaning, "" if m.change is None else m.change or "any change")
        for m in METRICS
    )
    return head + table(("metric", "probe", "component", "meaning", "at once"), rows) + "\n"


# What is not in the tables of protos/: the parts of a report that every report has.
_ALWAYS = (
    ("header", "host name, boot id, uptime, agent version and build, the device's clock"),
    (
        "at enrolment",
        "host name, system, system serial, SMBIOS UUID, asset tag, wired MAC addresses, maker, model",
    ),
    ("readings", "metric, component and its label (a mount point, a model, a unit, a method), the number"),
    ("patches", "compliant, missing or unknown, and why"),
    ("outcomes", "probe, how it ended, the reason in words, how long it took"),
)


def privacy() -> str:
    """Everything that leaves a device. The assembler keeps back what the table of sections does not name."""
    head = """# Privacy: what leaves a device

Numbers and facts, all of them named below; made from `protos/catalogue.py` and `protos/sections.py` by `python -m
docs.build`. The agent itself keeps back every fact that does not stand here (`agent/assembler.py`), so this page cannot
fall behind the code.

Never: file names beyond mount points and devices, window titles, browsing, documents, the words of log entries, user
names (installed programs of single users and backups are told without whose they are), passwords, keys or recovery
keys, sound, pictures. Serials of USB memory sticks, cameras and telephones stay here too: they are people's own things.
It opens no listening port, and nothing can be sent to it but numbers (see the test
`test_nothing_but_numbers_and_enums_can_reach_a_device_through_intake`).

`tocsin-agent once --json` prints exactly what would be sent, and sends nothing. The collector adds the address a call
came from and the device's clock skew. Who works at a device stands in the collector only where your own people said so.

## With every report

"""
    facts = (
        "\n## Facts, by section\n\nEach row of a section has a key, the part it is about: a serial, a slot, a package, a unit, a "
        "volume. What is not known is left out. Names that people gave travel as they gave them: of the device, of mount "
        "points, volumes, services and drives, so a home of its own disk is told as `/home/anna`.\n\n"
    )
    numbers = "\n## Numbers, by probe\n\nTheir meaning is in [metrics.md](metrics.md).\n\n"
    by_probe = {probe.name: [m.name for m in METRICS if m.probe == probe.name] for probe in PROBES}
    return (
        head
        + table(("what", "fields"), _ALWAYS)
        + "\n"
        + facts
        + table(
            ("section", "what it is", "fields"),
            ((f"`{row.name}`", row.meaning, _named(row.facts.split())) for row in SECTIONS),
        )
        + "\n"
        + numbers
        + table(("probe", "numbers"), ((name, _named(own)) for name, own in by_probe.items() if own))
        + "\n"
    )


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def rules() -> str:
    """Each rule with its limits, its reason, and the words of its ticket."""
    found = load()
    parts = [
        "# Rules",
        f"The {len(list(found))} rules that are shipped, with the reason for each number, and the words of its ticket "
        "with example numbers. Made from `collector/rules/*.toml`.",
        "A ticket adds where the device stands (site, room, desk), since when it is so by the site's clock, and of "
        "the part itself what the inventory knows: class, form factor, interface, size, model, serial, slot.",
    ]
    for rule in found:
        parts.append(f"## {rule.name}\n\n{rule.severity.capitalize()}, {rule.kind}, watches `{rule.metric}`.")
        parts.append("\n".join(_limits(rule)))
        parts.append(_ticket(rule))
    return "\n\n".join(part for part in parts if part) + "\n"


def _ticket(rule: Rule) -> str:
    """As a person gets it."""
    said = rule_examples.ticket(rule)
    lines = [f"**{said.title}**", said.meaning, f"What to do: {said.advice}"]
    if said.bring:
        lines.append(f"Bring: {said.bring}")
    if rule.runbook:
        lines.append(f"Runbook: {rule.runbook}")
    return "\n>\n".join(f"> {line}" for line in lines)


def _limits(rule: Rule) -> Iterator[str]:
    """The rule's own lines of TOML that hold a number, with the comment above each."""
    comments: list[str] = []
    lines = (ROOT / "collector/rules" / rule.file).read_text().splitlines()
    for line in lines[rule.line :]:
        if line.startswith("[["):
            return
        if line.startswith("#"):
            comments.append(line[1:].strip())
        elif line.partition(" = ")[0] in (
            "name",
            "kind",
            "metric",
            "severity",
            "title",
            "meaning",
            "advice",
            "bring",
            "runbook",
        ):
            comments.clear()
        elif line.strip():
            yield f"- `{line.strip()}`" + (f" — {' '.join(comments)}" if comments else "")
            comments.clear()


def man(program: str, parser: argparse.ArgumentParser) -> str:
    """A man page in troff, from the command line itself."""
    parser.prog = program
    lines = [
        f'.TH {program.upper()} 8 "" "Tocsin"',
        ".SH NAME",
        f"{program} \\- {_troff((parser.description or '').splitlines()[0])}",
        ".SH SYNOPSIS",
        f".B {program}",
        "[OPTION]... COMMAND [ARGUMENT]...",
        ".SH OPTIONS",
        *_options(parser),
        ".SH COMMANDS",
    ]
    for name, words_of, command in _commands(parser, ()):
        lines += [f".SS {name}", _troff(words_of), *_options(command, inner=True)]
    lines += [
        ".SH EXIT STATUS",
        "0 ok, 1 problem found, 2 usage, 3 configuration, 4 unreachable, 5 credential.",
        ".SH ENVIRONMENT",
        "Every setting can be given as TOCSIN_ and its name in capitals; flags win over the environment, the "
        "environment over the file.",
    ]
    return "\n".join(lines) + "\n"


def _options(parser: argparse.ArgumentParser, inner: bool = False) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, (argparse._SubParsersAction, argparse._HelpAction)):
            continue
        if inner and action.dest in ("config", "state_dir", "database", "root", "log_level"):
            continue  # told once, at the top
        name = ", ".join(action.option_strings) or (
            action.metavar if isinstance(action.metavar, str) else action.dest
        )
        yield ".TP"
        yield f".B {_troff(name)}"
        yield _troff(action.help or "")


def _commands(
    parser: argparse.ArgumentParser, path: tuple[str, ...]
) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, command in action.choices.items():
            inner = list(_commands(command, (*path, name)))
            if inner:
                yield from inner
            else:
                yield " ".join((*path, name)), helps.get(name, ""), command


def _troff(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")


def main() -> int:
    for name, text in pages().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
