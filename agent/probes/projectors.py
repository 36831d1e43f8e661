"""The room's projectors, asked by PJLink. Questions only: none is ever switched or muted.

Source: PJLink (TCP 4352) of the projectors in room.toml; rated lamp hours from room.toml, else from lamp_life.json.
Rights: none; a password file must be readable to the agent.
Cost: 2 to 5 s of waiting, 40 s where a projector is slow, in a process of its own; one connection and 10 to 18 short questions for each.
Unavailable: room.toml lists no projector, or cannot be used.

Several are asked at the same time, each over one connection and with a pause between two questions: two projectors
of one maker were seen to stop answering at all after somebody polled them hard. Who they are is asked each time too.
The process keeps nothing between two runs, a section replaces the former one whole, and 4 to 9 more questions in five
minutes over a connection that is open anyway are no burden; asking for it only sometimes would make serial and model
vanish in between. In standby many answer "not now": what they do not tell is then absent, and that is not a fault.

A projector that could not be reached is `projector_reachable_state` 0, also when it is simply without mains; where this
device itself has no network there is no such reading. What a projector told of itself before is not in the section
then. Authentication by SHA-256 (class 2.10) was never tried on a projector.
"""

import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from agent.probe import Place, Taken, Unavailable, item, reading
from agent.probes import pjlink
from agent.probes.pjlink import Heard, Manners, Reply
from agent.room import Projector
from protos.placeholders import is_placeholder
from protos.report_pb2 import Item, Reading

SECTION = "projectors"
_FAULTS = ("fan", "lamp", "temperature", "cover", "filter", "other")  # in the order of ERST
_AT_ONCE: Final = 16  # two rounds of them end within the probe's limit
_ALL_SECONDS: Final = 82.0
_PASSWORD_BYTES: Final = 1024
_HOUR: Final = 3600.0
_UNVERIFIED = "SHA-256 was used, which was never tried on a projector"


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What the answers say. None: not asked, not answered, or not understood."""

    power: int | None = None
    faults: tuple[int | None, ...] = (None,) * len(_FAULTS)
    lamp_hours: tuple[int, ...] | None = None  # empty: it has no lamp that could be counted
    filter_hours: int | None = None
    blanked: bool | None = None
    signal: bool | None = None
    resolution: str | None = None
    input: str | None = None
    broken: bool = False  # it answered ERR4


def read(place: Place) -> Taken:
    if place.room is not None and place.room.problem:
        raise Unavailable(place.room.problem)
    if place.room is None or not place.room.projectors:
        raise Unavailable("no projectors are listed in room.toml")
    return taken(place.room.projectors, ask_all(place.room.projectors))


def ask_all(projectors: Sequence[Projector], manners: Manners = pjlink.POLITE) -> list[Heard]:
    """Not a pool: looking up a name can take longer than the probe may, and a pool would wait for it at its end."""
    heard = [Heard(problem="was not asked to the end", no_network=True) for _ in projectors]
    waiting = list(range(len(projectors)))

    def work() -> None:
        while waiting:
            try:
                one = waiting.pop(0)
            except IndexError:  # another thread was faster
                return
            heard[one] = _ask(projectors[one], manners)

    threads = [threading.Thread(target=work, daemon=True) for _ in projectors[:_AT_ONCE]]
    for thread in threads:
        thread.start()
    until = time.monotonic() + _ALL_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return list(heard)


def _ask(projector: Projector, manners: Manners) -> Heard:
    password, problem = None, ""
    if projector.password_file is not None:
        password, problem = _password(projector.password_file)
    heard = pjlink.ask(projector.host, projector.port, password, manners)
    if problem and heard.greeted and heard.authentication is None:
        heard.problem = problem
    return heard


def _password(path: Path) -> tuple[str | None, str]:
    try:
        with path.open("rb") as file:
            text = file.read(_PASSWORD_BYTES).decode("utf-8").strip("\r\n")
    except UnicodeDecodeError:
        return None, "asks for a password, and its password file is not UTF-8 text"
    except OSError as error:
        return None, f"asks for a password, and its password file cannot be read ({type(error).__name__})"
    return (text, "") if text else (None, "asks for a password, and its password file is empty")


def taken(projectors: Sequence[Projector], heard: Sequence[Heard]) -> Taken:
    made = Taken(sections={SECTION: []})
    remarks = []
    for projector, one in zip(projectors, heard, strict=True):
        state = parse(one.answers)
        rated = projector.rated_lamp_hours or rated_hours(
            _said(one, pjlink.MANUFACTURER), _said(one, pjlink.MODEL)
        )
        problem = one.problem or ("says that it has failed (ERR4)" if state.broken else None)
        made.readings += _readings(projector, one, state, rated)
        made.sections[SECTION].append(_row(projector, one, state, rated, problem))
        if one.problem:
            remarks.append(f"{projector.name}: {one.problem}")
        elif one.authentication == "sha256":
            remarks.append(f"{projector.name}: {_UNVERIFIED}")
    made.reason = "; ".join(remarks)
    return made


def parse(answers: Mapping[str, Reply]) -> State:
    def value(query: str) -> str | None:
        return (answers.get(query) or Reply()).value

    power = value(pjlink.POWER)
    faults = value(pjlink.ERRORS) or ""
    shown = (value(pjlink.INPUT_2) or value(pjlink.INPUT) or "").upper()
    size = value(pjlink.RESOLUTION) or ""
    found = re.fullmatch(r"([1-9]\d{1,4})\s*[xX]\s*([1-9]\d{1,4})", size, re.ASCII)
    hours = value(pjlink.FILTER) or ""
    return State(
        power=int(power) if power in ("0", "1", "2", "3") else None,
        faults=tuple(int(digit) if digit in "012" else None for digit in faults)
        if len(faults) == len(_FAULTS)
        else (None,) * len(_FAULTS),
        lamp_hours=_lamps(answers.get(pjlink.LAMPS) or Reply()),
        filter_hours=int(hours) if re.fullmatch(r"\d{1,6}", hours, re.ASCII) else None,
        blanked=_blanked(value(pjlink.MUTE), value(pjlink.FREEZE)),
        signal=True if found else (False if size == "-" else None),
        resolution=f"{found[1]}x{found[2]}" if found else None,
        input=shown if shown in pjlink.INPUT_NAMES else None,
        broken=any(reply.error == "ERR4" for reply in answers.values()),
    )


def _lamps(reply: Reply) -> tuple[int, ...] | None:
    """`1234 1 5678 0`: hours, and whether it is lit, of up to eight."""
    if reply.error == "ERR1":
        return ()
    if not re.fullmatch(r"\d{1,6} [01](?: \d{1,6} [01]){0,7}", reply.value or "", re.ASCII):
        return None
    return tuple(int(word) for word in (reply.value or "").split()[::2])


def _blanked(mute: str | None, freeze: str | None) -> bool | None:
    """31 is picture and sound off; 10, 20, 21 and 30 leave the picture."""
    if mute in ("11", "31") or freeze == "1":
        return True
    return False if mute in ("10", "20", "21", "30") else None


@cache
def _lamp_life() -> Mapping[tuple[str, str], float]:
    text = resources.files("agent.probes").joinpath("lamp_life.json").read_text("utf-8")
    return {
        (maker.casefold(), _bare(model)): float(row["hours"])
        for maker, models in json.loads(text)["makers"].items()
        for model, row in models.items()
    }


def rated_hours(maker: str | None, model: str | None) -> float | None:
    return _lamp_life().get(((maker or "").casefold(), _bare(model or "")))


def _bare(model: str) -> str:
    return model.casefold().removeprefix("pt-")


def _said(heard: Heard, query: str) -> str | None:
    return (heard.answers.get(query) or Reply()).value or None


def _readings(projector: Projector, heard: Heard, state: State, rated: float | None) -> list[Reading]:
    model = _said(heard, pjlink.MODEL)
    label = f"{projector.name} ({model})" if model else projector.name
    lamp = max(state.lamp_hours) if state.lamp_hours else None
    numbers: list[tuple[str, float | None]] = [
        ("projector_reachable_state", None if heard.no_network else int(heard.greeted)),
        ("projector_power_state", state.power),
        *(
            (f"projector_{part}_fault_state", digit)
            for part, digit in zip(_FAULTS, state.faults, strict=True)
        ),
        ("projector_lamp_seconds_total", None if lamp is None else lamp * _HOUR),
        ("projector_lamp_used_ratio", None if lamp is None or not rated else lamp / rated),
        (
            "projector_filter_seconds_total",
            None if state.filter_hours is None else state.filter_hours * _HOUR,
        ),
        ("projector_filter_used_ratio", _share(state.filter_hours, projector.filter_hours)),
        ("projector_signal_state", state.signal if state.power == 1 else None),
        ("projector_blanked_state", state.blanked),
    ]
    return [reading(name, value, projector.name, label) for name, value in numbers if value is not None]


def _share(used: float | None, of: float | None) -> float | None:
    return None if used is None or not of else used / of


def _row(projector: Projector, heard: Heard, state: State, rated: float | None, problem: str | None) -> Item:
    serial = _said(heard, pjlink.SERIAL)
    return item(
        projector.name,
        name=_said(heard, pjlink.NAME),
        host=projector.host,
        manufacturer=_said(heard, pjlink.MANUFACTURER),
        model=_said(heard, pjlink.MODEL),
        serial=None if serial is None or is_placeholder(serial) else serial,
        firmware=_said(heard, pjlink.FIRMWARE),
        pjlink_class=pjlink.pjlink_class(heard.answers),
        other=_said(heard, pjlink.OTHER),
        lamp_part=_said(heard, pjlink.LAMP_PART),
        filter_part=_said(heard, pjlink.FILTER_PART),
        input=state.input,
        input_name=_said(heard, pjlink.INPUT_NAMES[state.input]) if state.input else None,
        resolution=state.resolution,
        lamps=None if state.lamp_hours is None else len(state.lamp_hours),
        lamp_rated_hours=None if rated is None else f"{rated:g}",
        authentication=heard.authentication,
        last_error=problem,
    )
