"""How this device is protected: Secure Boot, TPM, disk encryption, firewall, antivirus. Read, never changed.

Source: Linux: EFI variables, /sys/class/tpm, the device-mapper chain below the root filesystem, the firewall's units and `nft -j list ruleset`, /sys/kernel/security; Windows: the registry (SecureBoot, firewall profiles), Win32_Tpm, Win32_EncryptableVolume, MSFT_MpComputerStatus, AntiVirusProduct.
Rights: Windows: administrator for TPM and BitLocker. Linux: the rules in force need CAP_NET_ADMIN, which the agent's unit does not give; the rest needs none.
Cost: 30 ms on Linux, some WMI queries on Windows.
Unavailable: none of it can be read. A part that cannot be read has no facts: unknown is neither on nor off.

Keys and recovery passwords are never asked for. Whether a BitLocker key is kept by somebody (escrow) cannot be told from
the device, so it is not said. A disk that encrypts itself (OPAL) looks like one that is not encrypted.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from agent.probe import Place, Taken, Unavailable, item, reading
from protos.report_pb2 import Item

SECTION = "security_state"


@dataclass(slots=True)
class Found:
    """What the parts of one platform found; a part that could not be read leaves a remark."""

    readings: list[tuple[str, bool, str, str]] = field(
        default_factory=list
    )  # metric, state, component, label
    items: list[Item] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def state(self, metric: str, value: bool | None, component: str = "", label: str = "") -> None:
        if value is not None:
            self.readings.append((metric, value, component, label))

    def fact(self, key: str, **facts: object) -> None:
        """Nothing known: no item."""
        if any(value is not None for value in facts.values()):
            self.items.append(item(key, **facts))


def read(place: Place) -> Taken:
    if place.is_windows:
        from agent.probes import security_state_windows

        found = security_state_windows.find(place)
    else:
        from agent.probes import security_state_linux

        found = security_state_linux.find(place)
    if not found.items:
        raise Unavailable("; ".join(found.remarks) or "nothing here tells how this device is protected")
    return Taken(
        readings=[reading(*row[:3], label=row[3]) for row in found.readings],
        sections={SECTION: found.items},
        reason="; ".join(found.remarks),
    )


def secure_boot_variable(data: bytes | None) -> bool | None:
    """The EFI variable as efivarfs shows it: four bytes of attributes, then the value."""
    if data is None or len(data) != 5 or data[4] > 1:
        return None
    return data[4] == 1


def encryption(uuid: str) -> str | None:
    """`luks2` from a device-mapper UUID such as CRYPT-LUKS2-0a1b…-name; None: this layer does not encrypt."""
    kind, _, rest = uuid.partition("-")
    if kind != "CRYPT":
        return None
    return rest.partition("-")[0].lower() or "crypt"


def root_mount(mountinfo: str) -> tuple[str, str, str] | None:
    """(`253:0`, filesystem type, source) of what is mounted on / last: what lies below is hidden."""
    found = None
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(" - ")
        fields, tail = before.split(), after.split()
        if dash and len(fields) >= 5 and fields[4] == "/" and len(tail) >= 2:
            found = fields[2], tail[0], tail[1]
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruleset:
    """What nftables holds against packets to this device."""

    chains: int  # base chains on hook input
    filtering: bool  # one of them drops by default or has rules


def ruleset(text: str) -> Ruleset | None:
    """`nft -j list ruleset`; None when it is not that. iptables-nft shows here as well."""
    try:
        rows = json.loads(text)["nftables"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(rows, list):
        return None
    chains: dict[tuple[object, ...], bool] = {}
    for chain in _parts(rows, "chain"):
        if chain.get("hook") in ("input", "ingress") and chain.get("type") == "filter":
            chains[_name(chain, "name")] = chain.get("policy") == "drop"
    for rule in _parts(rows, "rule"):
        if _name(rule, "chain") in chains:
            chains[_name(rule, "chain")] = True
    return Ruleset(chains=len(chains), filtering=any(chains.values()))


def _parts(rows: list[Any], kind: str) -> list[dict[str, Any]]:
    return [row[kind] for row in rows if isinstance(row, dict) and isinstance(row.get(kind), dict)]


def _name(part: dict[str, Any], last: str) -> tuple[object, ...]:
    return tuple(str(part.get(name)) for name in ("family", "table", last))
