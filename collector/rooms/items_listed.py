"""What room.toml lists: projectors, recorders and what the room's programs talk to, each as it is now. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from collector.rooms.item import FAIL, NOT_CHECKED, PASS, WARN, hours, span
from collector.rooms.look import Look
from collector.rules import words

Facts = Mapping[str, str]

_STANDBY, _ON, _COOLING, _WARMING = 0, 1, 2, 3
_POWER: Final = {_STANDBY: "in standby", _ON: "on", _COOLING: "cooling down", _WARMING: "warming up"}
_FAULTS: Final = ("fan", "lamp", "temperature", "cover", "filter", "other")
_FAULT_WORDS: Final = {"cover": "open cover", "other": "fault of another kind", "filter": "filter"}
_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Said:
    result: str
    words: str
    rules: tuple[str, ...] = ()  # whose findings know since when
    bring: tuple[str, ...] = ()
    decides: bool = True  # False: said, and no part of the verdict


def projector(look: Look, key: str, facts: Facts) -> list[Said]:
    """Nothing is ever switched on to find out."""

    def value(name: str) -> float | None:
        return look.known.value(f"projector_{name}", key)

    error = facts.get("last_error", "")
    reachable = value("reachable_state")
    if reachable is None:
        return [Said(NOT_CHECKED, error or "it was not asked")]
    if not reachable and not look.use.is_wanted:
        return [
            Said(
                NOT_CHECKED,
                f"does not answer now{f' ({error})' if error else ''}: out of hours it may be off",
            )
        ]
    if not reachable:
        return [
            Said(
                # As the rule weighs it: there is time to look after it until a session is near.
                FAIL if look.use.soon else WARN,
                f"does not answer{f' ({error})' if error else ''}: no mains, no network, or no standby network",
                rules=("projector_unreachable",),
            )
        ]  # fmt: skip
    said = list(_faults(look, key, facts))
    said += _lamp(look, key, facts)
    if value("filter_used_ratio") is not None and (value("filter_used_ratio") or 0) >= 1:
        said.append(
            Said(WARN, "its filter is due", rules=("projector_filter_due",), bring=_part(facts, "filter"))
        )
    said += _picture(look, key)
    if all(one.result == PASS for one in said):
        power = value("power_state")
        state = _POWER.get(int(power), "answers") if power is not None else "answers"
        rest = "".join(f", {one.words}" for one in said)
        return [Said(PASS, f"{state}, no fault{rest}")]
    return [one for one in said if one.result != PASS]


def _part(facts: Facts, kind: str) -> tuple[str, ...]:
    number = facts.get(f"{kind}_part")
    return (f"{kind} {number}",) if number else ()


def _faults(look: Look, key: str, facts: Facts) -> Iterator[Said]:
    digits = {part: look.known.value(f"projector_{part}_fault_state", key) for part in _FAULTS}
    if all(digit is None for digit in digits.values()):
        power = look.known.value("projector_power_state", key)
        when = "in standby it does not tell" if power == _STANDBY else "it does not tell"
        yield Said(NOT_CHECKED, f"{when} whether it has a fault")
        return
    for part, digit in digits.items():
        if not digit:
            continue
        bring = _part(facts, part) if part in ("lamp", "filter") else ()
        name = _FAULT_WORDS.get(part, part)
        # A filter's error asks to be cleaned, and the picture goes on.
        if digit >= 2 and part != "filter":
            yield Said(FAIL, f"{name} error", rules=(f"projector_{part}_error",), bring=bring)
        else:
            rules = (f"projector_{part}_warning", f"projector_{part}_first_warning")
            yield Said(WARN, f"{name} warning", rules=rules, bring=bring)


def _lamp(look: Look, key: str, facts: Facts) -> Iterator[Said]:
    used = look.known.value("projector_lamp_seconds_total", key)
    ratio = look.known.value("projector_lamp_used_ratio", key)
    if used is None:
        return
    if not ratio:
        yield Said(PASS, f"lamp {used / _HOUR:,.0f} h, its rated life is not known")
        return
    left = span(used / ratio - used)
    bring = _part(facts, "lamp")
    rules = ("projector_lamp_spent", "projector_lamp_old")
    if left <= timedelta(0):
        yield Said(WARN, f"its lamp is past its rated life ({used / _HOUR:,.0f} h)", rules, bring)
    elif left < look.use.needs:
        yield Said(
            WARN, f"its lamp has {hours(left)} left, the session takes {hours(look.use.needs)}", rules, bring
        )
    else:
        yield Said(PASS, f"lamp has {hours(left)} left")


def _picture(look: Look, key: str) -> Iterator[Said]:
    in_session = look.use.in_session
    power = look.known.value("projector_power_state", key)
    if look.known.value("projector_blanked_state", key) == 1:
        yield Said(
            WARN, "its picture is blanked or frozen, not broken", rules=("projector_blanked",), decides=in_session
        )  # fmt: skip
    if power == _ON and look.known.value("projector_signal_state", key) == 0:
        if in_session:
            yield Said(FAIL, "is on and gets no signal", rules=("projector_no_signal",))
        else:
            yield Said(WARN, "is on and gets no signal", decides=look.use.soon)


def recorder(look: Look, key: str, facts: Facts) -> list[Said]:
    running = look.known.value("recorder_running_state", key)
    growing = look.known.value("recorder_growing_state", key)
    said = []
    if running is None:
        said.append(Said(NOT_CHECKED, "whether its program runs is not told"))
    elif not running:  # some run it only for a hearing
        result = FAIL if look.use.soon else WARN
        said.append(Said(result, "its program does not run", rules=("recorder_stopped",)))
    if facts.get("folder_is_there") == "false":
        said.append(Said(FAIL, "its folder is not there", rules=("recorder_not_growing",)))
    if look.use.in_session and running:
        if growing is None:
            said.append(Said(NOT_CHECKED, "whether its file grows is not told"))
        elif not growing:
            said.append(
                Said(FAIL, "a session is on and its file does not grow", rules=("recorder_not_growing",))
            )
    if not facts.get("folder"):  # nothing was said of where it writes
        return said or [Said(PASS, "runs")]
    space = _space(look, key)
    if space.result != PASS or not said:
        said.append(space)
    return said


def _space(look: Look, key: str) -> Said:
    needs = look.use.needs
    left = look.known.value("recorder_free_seconds", key)
    free = look.known.value("recorder_free_bytes", key)
    if left is None:
        room = f"; {words.say(free, 'bytes')} free" if free is not None else ""
        return Said(
            NOT_CHECKED, f"how long its space lasts is not known{room} (bytes_per_hour in room.toml tells)"
        )
    lasts = f"space for {hours(span(left))}"
    rules = ("recorder_space_gone", "recorder_space_short")
    if left < needs.total_seconds():
        return Said(FAIL, f"{lasts}, the session takes {hours(needs)}", rules)
    if left < 2 * needs.total_seconds():
        return Said(WARN, f"{lasts}, less than twice the session of {hours(needs)}", rules)
    return Said(PASS, f"runs, {lasts}")


def target(look: Look, key: str, facts: Facts) -> list[Said]:
    reached = look.known.value("network_target_reachable_state", key)
    error = facts.get("last_error", "")
    if reached is None:
        return [Said(NOT_CHECKED, error or "it was not tried")]
    if not reached:
        return [
            Said(FAIL, f"cannot be reached{f' ({error})' if error else ''}", rules=("target_unreachable",))
        ]
    return [Said(PASS, "reached")]
