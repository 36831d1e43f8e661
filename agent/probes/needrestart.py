"""What `needrestart -b` says, as facts. Pure: text in, facts out."""

import re
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """Names of people (NEEDRESTART-SESS) are counted and not kept."""

    version: tuple[int, ...] = ()
    running: str = ""
    expected: str = ""
    # 0 not known, 1 runs the newest, 2 a newer one of the same interface waits, 3 a newer version waits.
    # None: not looked at, as without the rights.
    kernel: int | None = None
    services: list[str] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)
    sessions: int = 0

    @property
    def kernel_waits(self) -> bool | None:
        return None if self.kernel not in (1, 2, 3) else self.kernel > 1


def parse(text: str) -> Needs:
    rows = re.findall(r"^NEEDRESTART-(\w+): *(.*?) *$", text, re.MULTILINE)
    one = dict(rows)
    state = one.get("KSTA", "")
    return Needs(
        version=tuple(int(part) for part in re.findall(r"\d{1,6}", one.get("VER", ""))),
        running=one.get("KCUR", ""),
        expected=one.get("KEXP", ""),
        kernel=int(state) if re.fullmatch(r"[0-9]", state, re.ASCII) else None,
        services=[value for name, value in rows if name == "SVC"],
        containers=[value for name, value in rows if name == "CONT"],
        sessions=sum(name == "SESS" for name, _ in rows),
    )
