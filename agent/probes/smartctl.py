"""Runs smartctl and hands its answers to smart.py. Only asks; nothing on a disk is changed or started.

`--scan` and not `--scan-open`: the latter opens every device, and that wakes sleeping ones. `--scan` knows the
slots of a MegaRAID controller by itself. Not those of an HP Smart Array and no USB bridge that is missing in
smartctl's own table: for these two there is a second question below.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from agent import commands
from agent.probes import smart
from agent.probes.smart import DiskFacts, Found

DISK_LIMIT_SECONDS: Final = 30.0  # a dying disk may take that long; a healthy one answers within one
ALL_LIMIT_SECONDS: Final = 75.0  # within the probe's own limit, or the answers of all disks would be lost
_UNKNOWN_BRIDGE: Final = re.compile(r"Unknown USB bridge \[0x([0-9a-f]{4}):", re.IGNORECASE)
# How NVMe is asked through a bridge is each maker's own command, which may mean anything to the chip of another:
# it is only said to a chip of that maker.
_NVME_BRIDGES: Final = {"152d": "sntjmicron", "174c": "sntasmedia", "0bda": "sntrealtek"}
_SMART_ARRAY: Final = re.compile(r"^(HPE?|COMPAQ)\b.*\bLOGICAL VOLUME\b", re.IGNORECASE)
_SMART_ARRAY_SLOTS: Final = 16


class Round:
    """One look at all disks, with one time limit for all of them."""

    def __init__(self) -> None:
        self._stop_at = time.monotonic() + ALL_LIMIT_SECONDS

    def disks(self) -> list[DiskFacts]:
        """Every disk smartctl knows of."""
        return [self.ask(found) for found in self._scan()]

    def ask(self, found: Found) -> DiskFacts:
        """One disk's facts; whatever goes wrong is that disk's own reason and costs no other disk."""
        facts = self._ask(found)
        for type_ in other_types(facts):
            again = self._ask(replace(found, type=type_))
            if again.readable or again.standby:
                return again
        return facts

    def slots(self, volume: DiskFacts) -> Iterator[DiskFacts]:
        """The drives behind a volume of an HP Smart Array; smartctl has to be asked slot by slot."""
        if not is_smart_array(volume):
            return
        for slot in range(_SMART_ARRAY_SLOTS):
            facts = self._ask(Found(name=volume.device or "", type=f"cciss,{slot}", protocol="SCSI"))
            if not (facts.readable or facts.standby or facts.serial):
                return  # past the last one it cannot be opened
            yield facts

    def _scan(self) -> list[Found]:
        finished = commands.run("smartctl", "--scan", "--json", limit_seconds=DISK_LIMIT_SECONDS)
        try:
            found = smart.parse_scan(finished.output)
            # An answer about one device instead of a list: a wrapper that serves a single disk.
            one = smart.parse(finished.output) if not found else None
        except ValueError:
            return []
        if one is not None and (one.device is not None or one.readable is False):
            return [Found(name=one.device or "unknown", type=one.device_type, protocol=one.protocol)]
        return found

    def _ask(self, found: Found) -> DiskFacts:
        blank = DiskFacts(device=found.name, device_type=found.type, protocol=found.protocol, readable=False)
        if time.monotonic() > self._stop_at:
            return replace(blank, unreadable_reason="not asked: other disks took too long to answer")
        kind = ("-d", found.type) if found.type else ()
        try:
            finished = commands.run(
                "smartctl", "--json", "-x", "-n", "standby", *kind, found.name,
                limit_seconds=DISK_LIMIT_SECONDS,
            )  # fmt: skip
            facts = smart.parse(finished.output)
        except TimeoutError as error:
            return replace(blank, unreadable_reason=str(error))
        except ValueError:
            # Older than 7.0 it knows no JSON and prints its help.
            return replace(blank, unreadable_reason="smartctl gave no JSON: version 7 or newer is needed")
        return replace(
            facts,
            device=facts.device or found.name,
            device_type=facts.device_type or found.type,
            protocol=facts.protocol or found.protocol,
        )


def other_types(facts: DiskFacts) -> tuple[str, ...]:
    """How else a disk behind a USB bridge unknown to smartctl may be asked.

    First `sat`, the standard for SATA, which an NVMe bridge refuses; then its maker's way to NVMe.
    """
    bridge = _UNKNOWN_BRIDGE.search(facts.unreadable_reason or "")
    if bridge is None:
        return ()
    own = _NVME_BRIDGES.get(bridge[1].lower())
    return ("sat", own) if own else ("sat",)


def is_smart_array(facts: DiskFacts) -> bool:
    return not facts.readable and bool(_SMART_ARRAY.match(facts.model or ""))


def attach(found: list[DiskFacts], more: Callable[[DiskFacts], Iterator[DiskFacts]]) -> list[DiskFacts]:
    """`found`, each followed by the drives behind it."""
    return [facts for one in found for facts in (one, *more(one))]
