"""WMI through real COM: rows as wine gives them (wine), refusals, threads."""

import os
import sys
import threading
import time

import pytest

from agent.probe import Unavailable
from agent.windows import CIMV2, com, rows, wmi
from agent.windows.live import Live

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="runs under the Windows Python")

# Classes wine answers with rows, and a property each of them must have.
CLASSES = {
    "Win32_OperatingSystem": "buildnumber",
    "Win32_BIOS": "manufacturer",
    "Win32_DiskDrive": "deviceid",
    "Win32_PhysicalMemory": "capacity",
    "Win32_SoundDevice": "name",
    "Win32_VideoController": "caption",
    "Win32_Processor": "addresswidth",
    "Win32_ComputerSystem": "totalphysicalmemory",
    "Win32_ComputerSystemProduct": "uuid",
    "Win32_BaseBoard": "manufacturer",
    "Win32_SystemEnclosure": "chassistypes",
    "Win32_LogicalDisk": "deviceid",
    "Win32_DiskPartition": "deviceid",
    "Win32_NetworkAdapter": "deviceid",
    "Win32_NetworkAdapterConfiguration": "index",
    "Win32_PnPEntity": "deviceid",
    "Win32_Service": "startmode",
    "Win32_Process": "processid",
    "Win32_QuickFixEngineering": "hotfixid",
    "Win32_PhysicalMedia": "tag",
    "Win32_DesktopMonitor": "name",
    "Win32_PageFileUsage": "name",
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_has_rows_with_lower_case_names(name: str) -> None:
    found = Live().rows(CIMV2, name)
    assert found
    for row in found:
        assert all(key == key.lower() for key in row)
        assert None not in row.values()
    assert CLASSES[name] in found[0]


def test_values_come_as_the_readers_take_them() -> None:
    (system,) = Live().rows(CIMV2, "Win32_ComputerSystem")
    assert isinstance(system["totalphysicalmemory"], str), "64-bit numbers are text"
    assert (rows.whole(system, "totalphysicalmemory") or 0) > 2**28
    (enclosure,) = Live().rows(CIMV2, "Win32_SystemEnclosure")
    assert isinstance(enclosure["chassistypes"], tuple)
    (started,) = Live().rows(CIMV2, "Win32_OperatingSystem")
    assert rows.moment(started, "lastbootuptime") is not None
    assert rows.truth(system, "hypervisorpresent") is not None


def test_a_condition_chooses_rows() -> None:
    found = Live().rows(CIMV2, "Win32_Service", "Name = 'BITS'")
    assert [row["name"] for row in found] == ["BITS"]
    assert Live().rows(CIMV2, "Win32_Service", "Name = 'NoSuchService'") == []


@pytest.mark.parametrize("namespace", [r"root\ccm", r"root\Microsoft\Windows\Defender", r"root\nothing"])
def test_a_namespace_that_is_not_there_is_unavailable(namespace: str) -> None:
    with pytest.raises(Unavailable, match=r"there is no such namespace \(0x8004100E\)"):
        Live().rows(namespace, "Anything")


def test_a_method_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="there is no such method"):
        Live().call(r"root\default", "StdRegProv", "NoSuchMethod")


def test_a_method_gives_its_results() -> None:
    given = Live().call(CIMV2, f'Win32_Process.Handle="{os.getpid()}"', "GetOwner")
    assert given["returnvalue"] == 0
    assert given["user"]


def test_a_question_that_makes_no_sense_is_a_failure_and_not_an_absence() -> None:
    with pytest.raises(OSError, match="0x80041017"):
        Live().rows(CIMV2, "Win32_Service", "= nonsense =")


def test_a_provider_that_does_not_answer_in_time_is_given_up() -> None:
    """Wine waits for ever whatever it is told, so the enumerator is a COM object of ours: it says S_TIMEDOUT."""
    import comtypes

    class Silent(comtypes.COMObject):  # type: ignore[misc]
        _com_interfaces_ = [wmi.interfaces().enumerator]
        waits: list[int] = []

        def IEnumWbemClassObject_Next(self, this: object, wait: int, *_: object) -> int:
            self.waits.append(wait)
            return 0x40004

    with com.apartment():
        silent = Silent()
        found = silent.QueryInterface(wmi.interfaces().enumerator)
        with pytest.raises(TimeoutError, match="did not answer in time for the thing"):
            wmi.fetch(found, "the thing", time.monotonic() + 5)
        assert 4000 < silent.waits[0] <= 5000, "milliseconds, and never for ever"
        with pytest.raises(TimeoutError):
            wmi.fetch(found, "the thing", time.monotonic() - 5)
        assert silent.waits[1] == 0
        del found, silent


def test_threads_that_come_and_go_can_all_ask() -> None:
    counts: list[int] = []

    def ask() -> None:
        counts.append(len(Live().rows(CIMV2, "Win32_BIOS")))

    for _ in range(10):
        together = [threading.Thread(target=ask) for _ in range(4)]
        for thread in together:
            thread.start()
        for thread in together:
            thread.join(30)
    assert counts == [1] * 40


def test_asking_again_and_again_keeps_no_handles() -> None:
    import psutil

    me = psutil.Process()
    Live().rows(CIMV2, "Win32_Service")
    before = me.num_handles()
    for _ in range(50):
        Live().rows(CIMV2, "Win32_BIOS")
        with pytest.raises(Unavailable):
            Live().rows(r"root\ccm", "SMS_Client")
    assert me.num_handles() - before < 20
