"""Speakers and microphones: which are there, which of them programs use if nobody chooses, and whether one is muted or stuck.

Source: Linux the sound server of the session on the screen, asked as that session's account with `pactl info` and `pactl list` (else `pw-dump`, `wpctl status`), its column of drop-outs with `pw-top`, and /proc/asound; Windows the registry's MMDevices and the Core Audio API (IMMDeviceEnumerator, IAudioEndpointVolume).
Rights: Linux root, or the account of that session; Windows none.
Cost: Linux three short programs, 30 to 70 ms, 30 ms of processor time, and a second's wait while a stream runs, five for PipeWire's drop-outs; Windows a quarter of a second, seen under wine.
Unavailable: a kernel without sound and no session; a registry without MMDevices. Without a session the cards are told by ALSA, and the defaults are not known. Drop-outs are known of PipeWire, of an endpoint that runs, and only those within a look of two or three seconds: no total is kept by every version, PulseAudio, ALSA and Windows keep no count that can be asked for, and PipeWire 0.3.65 writes none to the journal.

No stream is opened, neither to play nor to record: nothing of what is said in a room passes this probe.
"""

from agent.probe import Place, Taken
from agent.probes import audio_linux, audio_windows


def read(place: Place) -> Taken:
    return audio_windows.read(place) if place.is_windows else audio_linux.read(place)
