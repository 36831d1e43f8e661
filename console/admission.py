"""Whom the identity provider sent: with which role they come in, under which name, or why not.

`issuer#sub` is who a person is; the name is what they are called here, and is never taken over from anybody.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from collector.roles import ROLES
from collector.store.people import User
from console import audit, people, sessions
from console.config import Config

PROVIDER: Final = "identity provider"  # in the audit list; a blank is in nobody's name
_LONGEST_SUB: Final = 255  # OpenID Connect Core, section 2


class Refused(Exception):
    """Nobody is signed in: a sentence for the person, and why for the log, without anything secret."""

    def __init__(self, said: str, *, why: str, status: int) -> None:
        super().__init__(said)
        self.why, self.status = why, status


def subject(claims: Mapping[str, Any], config: Config) -> str:
    """Raises Refused."""
    sub = claims.get("sub")
    if not (isinstance(sub, str) and 0 < len(sub) <= _LONGEST_SUB and sub.isprintable()):
        raise Refused(f"{config.provider_title} did not say who you are.", why="the claim sub", status=502)
    return f"{config.oidc_issuer}#{sub}"


def role(claims: Mapping[str, Any], config: Config) -> str:
    """The highest of those the person's groups give. Raises Refused."""
    title, claim = config.provider_title, config.oidc_group_claim
    told = claims.get(claim)
    values = told if isinstance(told, list) else [told]
    given = {config.oidc_groups[one] for one in values if isinstance(one, str) and one in config.oidc_groups}
    if given:
        return max(given, key=ROLES.index)
    elsewhere = claims.get("_claim_names")
    if told is None and isinstance(elsewhere, dict) and claim in elsewhere:
        # Entra leaves them out above 200 groups, and would have us ask another service for them.
        said = f"You are in more groups than {title} sends along, so your role here is not known. Ask an administrator of Tocsin to use app roles."
        why = f"too many groups: {claim} is in _claim_names"
    elif told is None:
        said = f"{title} did not say which role you have here. Ask an administrator of Tocsin."
        why = f"no claim {claim}"
    else:
        said = f"{title} knows you, and none of your roles or groups there may use Tocsin. Ask an administrator of Tocsin."
        why = f"no value of {claim} is in oidc_groups"
    raise Refused(said, why=why, status=403)


def admit(
    session: Session, claims: Mapping[str, Any], granted: str, *, config: Config, now: datetime
) -> User:
    """The user this person is here, made at their first sign-in, with the role of today. Raises Refused."""
    who = subject(claims, config)
    user = session.scalar(select(User).where(User.subject == who))
    if user is None:
        user = User(
            name=_free_name(session, claims, config), role=granted, password_hash="", created_at=now, subject=who
        )  # fmt: skip
        session.add(user)
        session.flush()
        audit.record(
            session, who=PROVIDER, action="user added", subject=user.name, data={"role": granted}, now=now
        )
        return user
    if user.disabled_at is not None:
        said = "An administrator of Tocsin has disabled your account here."
        raise Refused(said, why=f"{user.name} is disabled", status=403)
    if user.role != granted:
        audit.record(
            session, who=PROVIDER, action="role changed", subject=user.name,
            data={"from": user.role, "role": granted}, now=now,
        )  # fmt: skip
        user.role = granted
    return user


def turn_away(session: Session, who: str, *, why: str, now: datetime) -> None:
    """A known person to whom the provider no longer gives a role is signed out wherever they are."""
    user = session.scalar(select(User).where(User.subject == who))
    if user is not None:
        sessions.end_all(session, user.name)
        audit.record(
            session, who=PROVIDER, action="sign-in refused", subject=user.name, data={"why": why}, now=now
        )


def _free_name(session: Session, claims: Mapping[str, Any], config: Config) -> str:
    """Raises Refused."""
    told = claims.get(config.oidc_name_claim)
    name = plain_name(told) if isinstance(told, str) else ""
    if not people.is_name(name):
        said = f"{config.provider_title} sent no name that Tocsin can use. Ask an administrator of Tocsin."
        raise Refused(said, why=f"the claim {config.oidc_name_claim}", status=403)
    if session.scalar(select(User.name).where(func.lower(User.name) == name.lower())) is not None:
        said = f"There is already another user called {name} here. Ask an administrator of Tocsin which name shall be yours."
        raise Refused(said, why=f"the name {name} is taken", status=403)
    return name


def plain_name(told: str) -> str:
    """As names are here: `josé.o'brien@court.gov` becomes `jose.o-brien@court.gov`."""
    plain = unicodedata.normalize("NFKD", told.strip()[:200])
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return re.sub(r"[^A-Za-z0-9_.@-]", "-", letters)[:100]
