"""The time service of Windows.

The English lines are documented (administrators' pages show them); the French and German ones are made by us in
their shape, as the numbers and their order are the same.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.probe import Place, Unavailable
from agent.probes import clock, clock_windows
from protos.sections import BY_NAME
from tests.agent.windows.captured import Captured, Values

ENGLISH = """Leap Indicator: 0(no warning)
Stratum: 4 (secondary reference - syncd by (S)NTP)
Precision: -23 (119.209ns per tick)
Root Delay: 0.0320969s
Root Dispersion: 7.8023460s
ReferenceId: 0x28779411 (source IP:  40.119.148.17)
Last Successful Sync Time: 6/19/2026 9:14:02 AM
Source: time.windows.com,0x9
Poll Interval: 10 (1024s)

Phase Offset: -0.0117411s
ClockRate: 0.0156250s
State Machine: 2 (Sync)
Time Source Flags: 0 (None)
Server Role: 0 (None)
Last Sync Error: 0 (The command completed successfully.)
Time since Last Good Sync Time: 55.2936105s
"""
FRENCH = """Indicateur de dérive : 0(aucun avertissement)
Couche : 3 (référence secondaire - synchronisée par (S)NTP)
Précision : -23 (119.209ns par battement)
Délai de racine : 0.0312500s
Dispersion de racine : 0.0402343s
ID de référence : 0xC0A80001 (IP source : 192.168.0.1)
Dernière synchronisation réussie : 19/06/2026 09:14:02
Source : dc01.exemple.fr
Intervalle d’interrogation : 10 (1024s)

Décalage de phase : 1,5000000s
"""
GERMAN_UNSYNCHRONISED = """Sprungindikator: 3(nicht synchronisiert)
Stratum: 0 (nicht angegeben)
Präzision: -23 (119.209ns pro Tick)
Stammverzögerung: 0.0000000s
Stammabweichung: 0.0000000s
Referenz-ID: 0x00000000 (nicht angegeben)
Letzte erfolgr. Synchronisierungszeit: nicht angegeben
Quelle: Local CMOS Clock
Abrufintervall: 6 (64s)

Phasenoffset: 0.0000000s
"""


def test_a_kept_clock_says_how_far_it_is_off() -> None:
    status = clock_windows.parse(ENGLISH)
    assert (status.synchronised, status.stratum, status.offset_seconds) == (True, 4, -0.0117411)


def test_the_language_does_not_matter() -> None:
    status = clock_windows.parse(FRENCH)
    assert (status.synchronised, status.stratum, status.offset_seconds) == (True, 3, 1.5)
    assert clock_windows.parse(GERMAN_UNSYNCHRONISED).synchronised is False


def test_a_device_that_follows_its_own_clock_is_not_synchronised() -> None:
    own = ENGLISH.replace("0x28779411 (source IP:  40.119.148.17)", '0x4C4F434C (source name:  "LOCL")')
    assert clock_windows.parse(own).synchronised is False


def test_a_virtual_machine_kept_by_its_host_is_synchronised() -> None:
    host = ENGLISH.replace("0x28779411 (source IP:  40.119.148.17)", '0x564D5450 (source name:  "VMTP")')
    assert clock_windows.parse(host).synchronised is True


def test_the_short_answer_has_no_offset() -> None:
    assert clock_windows.parse(ENGLISH.partition("\n\n")[0]).offset_seconds is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The following error occurred: Access is denied. (0x80070005)",
        ENGLISH.partition("\n")[2],
        "a: b\n" * 20,
    ],
)
def test_what_is_not_understood_is_unknown(text: str) -> None:
    with pytest.raises(Unavailable):
        clock_windows.parse(text)


@given(some.text(max_size=60), some.integers(0, 16))
def test_strange_lines_break_nothing(text: str, number: int) -> None:
    lines = ENGLISH.splitlines()
    lines.insert(number, text)
    try:
        clock_windows.parse("\n".join(lines))
    except Unavailable:
        return


SERVICE = r"HKLM\SYSTEM\CurrentControlSet\Services\W32Time"


def device(service: Values, parameters: Values) -> Place:
    return Place(windows=Captured(registry={SERVICE: service, SERVICE + r"\Parameters": parameters}))


@pytest.mark.parametrize(("start", "kind"), [(4, "NTP"), (3, "NoSync")])
def test_switched_off_is_not_called_unsynchronised(start: int, kind: str) -> None:
    taken = clock.read(
        device({"Start": start}, {"Type": kind, "NtpServer": "time.windows.com,0x9 10.0.0.1,0x8"})
    )
    assert taken.readings == []
    assert "switched off" in taken.reason
    assert taken.sections["time_service"][0].facts.keys() <= BY_NAME["time_service"].names
    assert taken.sections["time_service"][0].facts["servers"] == "time.windows.com 10.0.0.1"


def test_a_member_of_a_domain_follows_the_domain() -> None:
    place = device({"Start": 3}, {"Type": "NT5DS", "NtpServer": "time.windows.com,0x9"})
    assert place.windows
    assert clock_windows.settings(place.windows) == {
        "service": "W32Time",
        "start": "enabled",
        "type": "NT5DS",
        "servers": None,
    }


def test_without_the_service_it_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="not installed"):
        clock.read(Place(windows=Captured()))
