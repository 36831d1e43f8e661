"""What security_state.py reads on Windows: the registry and four WMI namespaces, each of which may be missing."""

import re
from collections.abc import Callable

from agent.probe import Place, Unavailable
from agent.probes.security_state import Found
from agent.windows import Row, Sources, rows
from agent.windows.live import sources

_CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
_FIREWALL = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
_FIREWALL_POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall"
_TPM = r"root\CIMV2\Security\MicrosoftTpm"
_BITLOCKER = r"root\CIMV2\Security\MicrosoftVolumeEncryption"
_DEFENDER = r"root\Microsoft\Windows\Defender"
_SECURITY_CENTER = r"root\SecurityCenter2"

# our word, the key below FirewallPolicy (StandardProfile is what the settings call private), the policy's key
_PROFILES = (
    ("domain", "DomainProfile", "DomainProfile"),
    ("private", "StandardProfile", "PrivateProfile"),
    ("public", "PublicProfile", "PublicProfile"),
)
_CONVERSION = (
    "decrypted",
    "encrypted",
    "encrypting",
    "decrypting",
    "encryption paused",
    "decryption paused",
)
_PROTECTION = ("off", "on")  # 2, unknown: the volume is locked
_METHODS = {
    0: "none", 1: "AES-128 with diffuser", 2: "AES-256 with diffuser", 3: "AES-128", 4: "AES-256",
    5: "hardware", 6: "XTS-AES-128", 7: "XTS-AES-256",
}  # fmt: skip
_PORTABLE = 2


def find(place: Place) -> Found:
    found, source = Found(), sources(place)
    parts: tuple[tuple[str, Callable[[Sources, Found], None]], ...] = (
        ("secure boot", _secure_boot),
        ("TPM", _tpm),
        ("disk encryption", _bitlocker),
        ("antivirus", _antivirus),
        ("firewall", _firewall),
    )
    for name, part in parts:
        try:
            part(source, found)
        except Unavailable as reason:
            found.remarks.append(f"{name}: {reason}")
    return found


def _secure_boot(source: Sources, found: Found) -> None:
    control = source.values(_CONTROL) or {}
    firmware = {1: "legacy", 2: "uefi"}.get(rows.whole(control, "PEFirmwareType") or 0)
    state = source.values(_CONTROL + r"\SecureBoot\State") or {}
    on = _flag(state.get("UEFISecureBootEnabled"))
    if firmware == "legacy":
        on = None  # it cannot have it: a fact, not a state that is off
    found.state("secure_boot_state", on)
    found.fact("secure_boot", firmware=firmware, on=on)


def _tpm(source: Sources, found: Found) -> None:
    chips = source.rows(_TPM, "Win32_Tpm")
    if not chips:
        found.fact("tpm", present=False)
        return
    version = re.match(r"\d+(?:\.\d+)?", rows.text(chips[0], "specversion") or "", re.ASCII)
    found.fact(
        "tpm",
        present=True,
        version=version[0] if version else None,
        enabled=rows.truth(chips[0], "isenabled_initialvalue"),
        activated=rows.truth(chips[0], "isactivated_initialvalue"),
        owned=rows.truth(chips[0], "isowned_initialvalue"),
    )


def _bitlocker(source: Sources, found: Found) -> None:
    for row in source.rows(_BITLOCKER, "Win32_EncryptableVolume"):
        device = rows.text(row, "deviceid") or ""
        guid = re.search(r"\{[0-9A-Fa-f-]{36}\}", device, re.ASCII)
        if guid is None or rows.whole(row, "volumetype") == _PORTABLE:
            continue
        volume, letter = guid[0].lower(), rows.text(row, "driveletter")
        conversion = rows.whole(row, "conversionstatus")
        if conversion is None:  # before Windows 10 it is a method only
            conversion = _asked(source, device, "GetConversionStatus", "conversionstatus")
        protection = rows.whole(row, "protectionstatus")
        if protection is None:
            protection = _asked(source, device, "GetProtectionStatus", "protectionstatus")
        encrypted = conversion == 1 if conversion in range(len(_CONVERSION)) else None
        # Fully encrypted with the key in the clear on the disk: anybody can read it, and it looks encrypted.
        suspended = protection == 0 if encrypted and protection in (0, 1) else None
        found.state("disk_encrypted_state", encrypted, volume, letter or "")
        found.state("disk_encryption_suspended_state", suspended, volume, letter or "")
        found.fact(
            f"disk_encryption {letter or volume}",
            encrypted=encrypted,
            suspended=suspended,
            conversion=_word(_CONVERSION, conversion),
            protection=_word(_PROTECTION, protection),
            by="BitLocker" if encrypted else None,
            method=_METHODS.get(method) if (method := rows.whole(row, "encryptionmethod")) else None,
            system_volume=rows.whole(row, "volumetype") == 0 if "volumetype" in row else None,
        )


def _asked(source: Sources, device: str, method: str, name: str) -> int | None:
    quoted = device.replace("\\", "\\\\")
    try:
        return rows.whole(
            source.call(_BITLOCKER, f'Win32_EncryptableVolume.DeviceID="{quoted}"', method), name
        )
    except Unavailable:
        return None


def _word(words: tuple[str, ...], number: int | None) -> str | None:
    return words[number] if number is not None and number < len(words) else None


def _antivirus(source: Sources, found: Found) -> None:
    others = False
    try:
        products = source.rows(_SECURITY_CENTER, "AntiVirusProduct")
    except Unavailable:
        products = []  # Windows Server has no security centre
    for row in products:
        name, state = rows.text(row, "displayname"), rows.whole(row, "productstate")
        if name is None:
            continue
        on, current = product_state(state)
        others = others or (bool(on) and "Defender" not in name)
        found.fact(f"antivirus {name}", product=name, on=on, definitions_current=current)
    told = source.rows(_DEFENDER, "MSFT_MpComputerStatus")
    if told:
        _defender(told[0], others, found)


def product_state(state: int | None) -> tuple[bool | None, bool | None]:
    """(on, definitions up to date). No document of the maker says it; practice agrees on these two bytes."""
    if state is None:
        return None, None
    on = {0x10: True, 0x11: True, 0x00: False, 0x01: False, 0x20: False, 0x21: False, 0x30: False}.get(
        state >> 8 & 0xFF
    )
    return on, {0x00: True, 0x10: False}.get(state & 0xFF)


def _defender(row: Row, others: bool, found: Found) -> None:
    mode = rows.text(row, "amrunningmode")
    enabled = rows.truth(row, "antivirusenabled")
    real_time = rows.truth(row, "realtimeprotectionenabled")
    # Normal; else `Passive Mode`, `SxS Passive Mode`, `EDR Block Mode` beside another product, `Not running`.
    # Versions of before 2020 do not tell the mode: then it is active unless another product is on.
    active = mode == "Normal" if mode else not others
    if mode == "Not running" and not others:
        active = True  # it should be, and nothing else is
    if active:
        found.state("real_time_protection_state", real_time)
    found.fact(
        "defender",
        mode=mode,
        active=active,
        antivirus=enabled,
        real_time_protection=real_time,
        tamper_protection=rows.truth(row, "istamperprotected"),
    )


def _firewall(source: Sources, found: Found) -> None:
    others = _other_firewall(source)
    for word, own, policy in _PROFILES:
        decided = _flag((source.values(rf"{_FIREWALL_POLICY}\{policy}") or {}).get("EnableFirewall"))
        if decided is None and policy == "PrivateProfile":  # policies of Windows XP's template
            decided = _flag(
                (source.values(rf"{_FIREWALL_POLICY}\StandardProfile") or {}).get("EnableFirewall")
            )
        set_here = _flag((source.values(rf"{_FIREWALL}\{own}") or {}).get("EnableFirewall"))
        on = set_here if decided is None else decided
        if on is None:
            continue
        if others is None:
            found.state("firewall_state", on, word, word)
            found.state("firewall_by_policy_state", decided is not None, word, word)
        found.fact(f"firewall {word}", on=on, by_policy=decided is not None, other_product=others)


def _other_firewall(source: Sources) -> str | None:
    """The product that took over from the one of Windows, which is then rightly off."""
    try:
        products = source.rows(_SECURITY_CENTER, "FirewallProduct")
    except Unavailable:
        return None
    names = (
        rows.text(row, "displayname") for row in products if product_state(rows.whole(row, "productstate"))[0]
    )
    return next((name for name in names if name and "Windows" not in name), None)


def _flag(value: object) -> bool | None:
    return {0: False, 1: True}.get(value) if isinstance(value, int) else None
