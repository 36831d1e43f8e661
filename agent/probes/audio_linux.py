"""Obtains what audio.py tells on Linux: the sound server of the session on the screen, and ALSA's files.

A sound server belongs to an account and answers that account alone. So its programs run as that one, with its
XDG_RUNTIME_DIR and no more. Only what the table below lists is ever run. None of it opens a stream.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from agent import commands, on_terminal
from agent.probe import Place, Taken, Unavailable
from agent.probes import audio_facts, pipewire, sessions_linux, sound_cards_linux
from agent.probes.audio_facts import ACTIVE, MICROPHONE, SPEAKER, UNPLUGGED, Default, Endpoint
from agent.probes.pipewire import Server
from agent.probes.sessions_linux import Session
from agent.probes.sound_cards_linux import Card, Pcm, Wait

QUESTIONS: Final = {
    "info": ("pactl", "-f", "json", "info"),
    "sinks": ("pactl", "-f", "json", "list", "sinks"),
    "sources": ("pactl", "-f", "json", "list", "sources"),
    # Before PulseAudio 16 pactl knew no JSON, and that of 16 no letter beyond ASCII.
    "plain info": ("pactl", "info"),
    "plain sinks": ("pactl", "list", "sinks"),
    "plain sources": ("pactl", "list", "sources"),
    "dump": ("pw-dump",),
    "status": ("wpctl", "status"),
    # The first pictures come before the server has told of its work.
    "top": ("pw-top", "-b", "-n", "5"),
    # Before PipeWire 0.3.78 it only drew, without end.
    "drawn top": ("pw-top",),
}
# A picture a second; from the third one on they tell.
_DRAWN_SECONDS: Final = 4.8
_LIMIT_SECONDS: Final = 5.0
_FLOWS: Final = {"sink": SPEAKER, "source": MICROPHONE}
_NO_SUCH_OPTION: Final = "invalid option"


@dataclass(frozen=True, slots=True)
class _Answer:
    server: Server
    endpoints: list[pipewire.Endpoint]
    drop_outs: Mapping[str, int] = field(default_factory=dict)  # by the name of an endpoint that runs
    lost: str = ""  # why they are not known


def read(place: Place, wait: Wait = time.sleep) -> Taken:
    no_cards = "this kernel tells of no sound card"
    try:
        cards = sound_cards_linux.cards(place, wait)
    except ValueError as error:
        cards, no_cards = None, f"ALSA cannot be read: {error}"
    answer, lost = _asked(place)
    if answer is not None:
        return _by_server(place, answer, cards or [])
    if cards is None:
        raise Unavailable(f"{lost}, and {no_cards}")
    endpoints = [_by_card(place, card, pcm) for card in cards for pcm in card.pcms]
    unknown = [Default(role=SPEAKER), Default(role=MICROPHONE)]
    return audio_facts.taken(endpoints, unknown, f"{lost}: only what ALSA knows, no defaults")


def _asked(place: Place) -> tuple[_Answer | None, str]:
    """What the first sound server that answers says; else why none did."""
    lost = "nobody is signed in"
    for session in sessions_linux.sessions(place):
        try:
            answer = _ask(place, session)
            # Who came by ssh has no right to the devices: that such a session sees none says nothing.
            if session.is_on_screen is not False or any(each.is_real for each in answer.endpoints):
                return answer, ""
            lost = "nobody is at the screen"
        except Unavailable as error:
            lost = str(error)
        except PermissionError:
            lost = "the sound server of another account answers only root"
    return None, lost


def _ask(place: Place, session: Session) -> _Answer:
    """Raises Unavailable where nothing runs yet: a socket of systemd's would start the server, and we start none."""
    pulse = session.folder / "pulse"
    lost = "the session has no sound server"
    if (pulse / "native").exists() and (pulse / "pid").exists():
        # Named, so that libpulse never starts a server of its own when this one is gone.
        asking = _Asking(place, session, {"PULSE_SERVER": f"unix:{pulse / 'native'}"})
        try:
            return _with_drop_outs(asking, _by_pactl(asking))
        except (Unavailable, ValueError) as error:
            lost = str(error)
    if (session.folder / "pipewire-0").exists() and (session.folder / "pipewire-0.lock").exists():
        asking = _Asking(place, session, {})
        for way in (_by_dump, _by_status):
            try:
                return _with_drop_outs(asking, way(asking))
            except (Unavailable, ValueError) as error:
                lost = f"{lost}; {error}"
    raise Unavailable(lost)


class _Asking:
    """The programs of QUESTIONS, in one session."""

    def __init__(self, place: Place, session: Session, variables: dict[str, str]) -> None:
        self._place = place
        self._account = commands.Account(session.uid, session.gid)
        self._variables = {
            "XDG_RUNTIME_DIR": str(session.folder),
            # Nobody's: libpulse would make itself a file there.
            "HOME": "/nonexistent",
            **variables,
        }

    def __call__(self, name: str, limit_seconds: float = _LIMIT_SECONDS) -> str:
        program, *arguments = QUESTIONS[name]
        if reason := commands.why_not(self._place, program):
            raise Unavailable(reason)
        finished = commands.run(
            program,
            *arguments,
            limit_seconds=limit_seconds,
            account=self._account,
            variables=self._variables,
        )
        if finished.status != 0:
            words = (finished.errors or finished.output).strip().splitlines()
            raise Unavailable(f"{program}: {words[0][:100] if words else 'no answer'}")
        return finished.output

    def draw(self, name: str) -> str:
        """For a program that only draws."""
        (program,) = QUESTIONS[name]
        return on_terminal.shown(
            program, for_seconds=_DRAWN_SECONDS, account=self._account, variables=self._variables
        )


def _with_drop_outs(ask: _Asking, answer: _Answer) -> _Answer:
    """Only while something runs: else nothing can drop out, and pw-top takes its seconds."""
    if not any(each.is_real and each.state == "RUNNING" for each in answer.endpoints):
        return answer
    if "pipewire" not in (answer.server.name or "").lower():
        return replace(answer, lost="drop-outs are not known: PulseAudio does not count them")
    try:
        try:
            found = pipewire.parse_top(ask("top", 2 * _DRAWN_SECONDS), has_ended=True)
        except Unavailable as error:
            if _NO_SUCH_OPTION not in str(error):
                raise
            found = pipewire.parse_top(ask.draw("drawn top"), has_ended=False)
    except (Unavailable, TimeoutError, OSError, ValueError) as error:
        return replace(answer, lost=f"drop-outs are not known: {error}")
    return replace(answer, drop_outs=found)


def _by_pactl(ask: _Asking) -> _Answer:
    try:
        server = pipewire.parse_info(ask("info"))
        texts = {flow: ask(f"{flow}s") for flow in _FLOWS}
    except Unavailable as error:
        if _NO_SUCH_OPTION not in str(error):
            raise
        server = pipewire.parse_info_text(ask("plain info"))
        texts = {}
    endpoints = []
    for flow in _FLOWS:
        text = texts.get(flow, pipewire.NOT_WRITTEN)
        if pipewire.NOT_WRITTEN in text:
            endpoints += pipewire.parse_endpoints_text(ask(f"plain {flow}s"), flow)
        else:
            endpoints += pipewire.parse_endpoints(text, flow)
    return _Answer(server, endpoints)


def _by_dump(ask: _Asking) -> _Answer:
    return _Answer(*pipewire.parse_dump(ask("dump")))


def _by_status(ask: _Asking) -> _Answer:
    """It knows descriptions only: they stand for the names."""
    rows = pipewire.parse_wpctl_status(ask("status"))
    chosen = {row.flow: row.description for row in rows if row.is_default}
    dummy = "Dummy Output"
    server = Server(
        name="PipeWire",
        default_sink=None if chosen.get("sink") == dummy else chosen.get("sink"),
        default_source=chosen.get("source"),
    )
    return _Answer(
        server,
        [
            pipewire.Endpoint(
                name=row.description,
                flow=row.flow,
                description=row.description,
                is_muted=row.is_muted,
                volume_ratio=row.volume_ratio,
            )
            for row in rows
            if row.description != dummy
        ],
    )


def _by_server(place: Place, answer: _Answer, cards: Sequence[Card]) -> Taken:
    pairs = [
        (each, replace(_endpoint(place, each, cards), drop_outs=answer.drop_outs.get(each.name)))
        for each in answer.endpoints
        if each.is_real
    ]
    endpoints = [endpoint for _, endpoint in pairs]
    server = answer.server
    defaults = []
    for flow, role, is_none, name in (
        ("sink", SPEAKER, server.has_no_speaker, server.default_sink),
        ("source", MICROPHONE, server.has_no_microphone, server.default_source),
    ):
        if is_none or name is None:
            defaults.append(audio_facts.none(role, endpoints))
            continue
        found = next((made for one, made in pairs if (one.flow, one.name) == (flow, name)), None)
        # Chosen, and gone since: the next look tells what took its place.
        defaults.append(
            Default(role=role, endpoint=found.key, name=found.name) if found else Default(role=role)
        )
    return audio_facts.taken(endpoints, defaults, answer.lost)


def _endpoint(place: Place, told: pipewire.Endpoint, cards: Sequence[Card]) -> Endpoint:
    flow = _FLOWS[told.flow]
    card = next((card for card in cards if str(card.number) == told.card), None)
    path = told.sysfs_path
    bus = told.bus or (card.bus if card else None) or sound_cards_linux.bus_of(path)
    key, name = audio_facts.told(bus, told.name, told.description, place.room is not None)
    streams = [pcm for pcm in (card.pcms if card else ()) if pcm.flow == flow]
    streams = [pcm for pcm in streams if told.device in (None, str(pcm.device))]
    stuck = [pcm.stuck for pcm in streams if pcm.stuck is not None]
    return Endpoint(
        key=key,
        flow=flow,
        name=name,
        bus=bus,
        id=(card.usb_id if card else None) or told.id,
        usb_path=(card.socket if card else None)
        or sound_cards_linux.socket_of(path)
        or (sound_cards_linux.usb_socket(place, told.bus_path) if told.bus_path else None),
        state=UNPLUGGED if told.port_is_available is False else ACTIVE,
        muted=told.is_muted,
        volume_ratio=told.volume_ratio,
        in_use=_in_use(told.state, streams),
        stuck=any(stuck) if stuck else None,
    )


def _in_use(state: str | None, streams: Sequence[Pcm]) -> bool | None:
    """A server that let go of a card whose stream runs: a program has it without the server."""
    if state is None:
        return None
    return state == "RUNNING" or (state == "SUSPENDED" and any(pcm.is_running for pcm in streams))


def _by_card(place: Place, card: Card, pcm: Pcm) -> Endpoint:
    """Without a session. Whether it can be used is not known: a jack may be empty, a profile off."""
    letter = "p" if pcm.flow == SPEAKER else "c"
    key, name = audio_facts.told(
        card.bus, f"alsa:{card.id}:{pcm.device}{letter}", f"{card.name} {pcm.name or ''}".strip(),
        place.room is not None,
    )  # fmt: skip
    return Endpoint(
        key=key,
        flow=pcm.flow,
        name=name,
        bus=card.bus,
        id=card.usb_id,
        usb_path=card.socket,
        in_use=pcm.is_running,
        stuck=pcm.stuck,
    )
