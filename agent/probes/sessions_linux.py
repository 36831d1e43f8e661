"""Whose session is on the screen: the folders below /run/user, in the order of what systemd says of them.

Source: `/run/user/UID`, `/run/systemd/sessions/*`. Names of people stand in those files and are not taken.

Traps this reader knows: the greeter has a session and a sound server of its own; who came by ssh has a folder
too, and no right to the devices; without systemd-logind there are only the folders.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.probe import Place
from agent.probes import kernel_files

_FIRST_PERSON: Final = 1000  # below are services; 0 is a device somebody works at as root
_LAST: Final = (True, True, True)
_GRAPHICAL: Final = frozenset({"x11", "wayland", "mir"})
_NOT_A_PERSON: Final = frozenset({"greeter", "lock-screen", "background", "manager", "manager-early"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """One file of /run/systemd/sessions."""

    uid: int
    is_a_person: bool
    is_active: bool
    is_graphical: bool
    is_local: bool  # at a seat: with the devices

    @property
    def rank(self) -> tuple[bool, bool, bool]:
        """The lower the nearer to the screen."""
        return (not self.is_local, not self.is_active, not self.is_graphical)


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    uid: int
    gid: int
    folder: Path  # its XDG_RUNTIME_DIR
    is_on_screen: bool | None  # with the right to the devices; None: nobody says, there is no logind


def parse_login(text: str) -> Login | None:
    """None: no session of one account."""
    fields = dict(line.partition("=")[::2] for line in text.splitlines())
    uid = fields.get("UID", "").strip()
    if not uid.isascii() or not uid.isdecimal() or len(uid) > 10:
        return None
    return Login(
        uid=int(uid),
        is_a_person=fields.get("CLASS", "user") not in _NOT_A_PERSON,
        is_active=fields.get("ACTIVE") == "1",
        is_graphical=fields.get("TYPE") in _GRAPHICAL,
        is_local=bool(fields.get("SEAT")) and fields.get("REMOTE") != "1",
    )


def sessions(place: Place) -> list[Session]:
    """The one on the screen first. One that was switched away from is none: it lost the devices, and would tell that
    they are gone."""
    logins = list(_logins(place))
    ranks: dict[int, tuple[bool, bool, bool]] = {}
    for login in logins:
        if login.is_a_person:
            ranks[login.uid] = min(login.rank, ranks.get(login.uid, login.rank))
    on_screen = {login.uid for login in logins if login.is_a_person and login.is_local and login.is_active}
    away = {login.uid for login in logins if login.is_local} - on_screen
    greeters = {login.uid for login in logins} - ranks.keys()
    found = []
    for folder in sorted(place.path("/run/user").glob("*")):
        try:
            owner = folder.stat()
        except OSError:
            continue
        uid = owner.st_uid
        if folder.name != str(uid) or 0 < uid < _FIRST_PERSON or uid in greeters | away:
            continue
        found.append(
            Session(
                uid=uid,
                gid=owner.st_gid,
                folder=folder,
                is_on_screen=uid in on_screen if logins else None,
            )
        )
    return sorted(found, key=lambda session: (ranks.get(session.uid, _LAST), session.uid))


def _logins(place: Place) -> Iterator[Login]:
    # Beside each file may lie a FIFO `1.ref`: never opened.
    for path in sorted(place.path("/run/systemd/sessions").glob("*")):
        if not path.is_file():
            continue
        login = parse_login(kernel_files.text(path) or "")
        if login is not None:
            yield login
