"""How a Linux device is protected: trees written by us after the kernel's documentation (`documented`)."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import security_state
from protos.catalogue import BY_NAME
from protos.sections import BY_NAME as SECTIONS
from tests.conftest import only_on_linux

pytestmark = only_on_linux("Windows has a test of its own beside this one")


def facts(taken: Taken) -> dict[str, dict[str, str]]:
    return {item.key: dict(item.facts) for item in taken.sections["security_state"]}


def states(taken: Taken) -> dict[tuple[str, str], float]:
    for reading in taken.readings:
        assert BY_NAME[reading.metric].probe == "security_state"
    return {(reading.metric, reading.component): reading.last for reading in taken.readings}


def read(place: Place) -> Taken:
    taken = security_state.read(place)
    for item in taken.sections["security_state"]:
        assert item.facts.keys() <= SECTIONS["security_state"].names, item.key
    return taken


def tree(root: Path, files: Mapping[str, str | bytes]) -> Place:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Place(root=root)


EFI = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


@pytest.mark.parametrize(
    "value, on", [(b"\6\0\0\0\1", 1), (b"\6\0\0\0\0", 0), (b"\6\0\0\0", None), (b"", None)]
)
def test_secure_boot_is_the_fifth_byte(tmp_path: Path, value: bytes, on: int | None) -> None:
    taken = read(tree(tmp_path, {EFI: value}))
    assert states(taken).get(("secure_boot_state", "")) == on
    assert facts(taken)["secure_boot"]["firmware"] == "uefi"


def test_a_device_without_efi_is_a_fact_and_no_state(tmp_path: Path) -> None:
    taken = read(tree(tmp_path, {"sys/firmware/dmi/x": ""}))
    assert facts(taken)["secure_boot"] == {"firmware": "legacy"}
    assert states(taken) == {}


def test_the_chip_tells_its_version(tmp_path: Path) -> None:
    place = tree(tmp_path, {"sys/class/tpm/tpm0/tpm_version_major": "2\n"})
    assert facts(read(place))["tpm"] == {"present": "true", "version": "2"}


def block(
    name: str, number: str, uuid: str = "", slaves: tuple[str, ...] = (), title: str = ""
) -> dict[str, str]:
    node = f"sys/class/block/{name}"
    files = {f"{node}/dev": number + "\n", **{f"{node}/slaves/{slave}": "" for slave in slaves}}
    return files | ({f"{node}/dm/uuid": uuid + "\n", f"{node}/dm/name": title + "\n"} if uuid else {})


def mounted(number: str, source: str, kind: str = "ext4") -> dict[str, str]:
    line = f"28 1 {number} / / rw,relatime shared:1 - {kind} {source} rw\n"
    return {
        "proc/self/mountinfo": f"1 1 0:2 / / rw - rootfs rootfs rw\n{line}29 28 8:1 / /boot rw - ext4 /dev/sda1 rw\n"
    }


LUKS = "CRYPT-LUKS2-6f7a2b0c9d8e4f10a1b2c3d4e5f60718-sda3_crypt"


def test_logical_volumes_on_an_encrypted_partition_are_encrypted(tmp_path: Path) -> None:
    place = tree(
        tmp_path,
        mounted("253:1", "/dev/mapper/vg-root")
        | block("sda3", "8:3")
        | block("dm-0", "253:0", LUKS, ("sda3",), "sda3_crypt")
        | block("dm-1", "253:1", "LVM-abcdef", ("dm-0",), "vg-root"),
    )
    taken = read(place)
    assert facts(taken)["disk_encryption /"] == {"encrypted": "true", "by": "luks2"}
    assert states(taken) == {("disk_encrypted_state", "/"): 1}


def test_a_volume_over_two_disks_is_encrypted_only_when_both_are(tmp_path: Path) -> None:
    place = tree(
        tmp_path,
        mounted("253:1", "/dev/mapper/vg-root")
        | block("sda3", "8:3")
        | block("sdb1", "8:17")
        | block("dm-0", "253:0", LUKS, ("sda3",), "sda3_crypt")
        | block("dm-1", "253:1", "LVM-abcdef", ("dm-0", "sdb1"), "vg-root"),
    )
    assert states(read(place)) == {("disk_encrypted_state", "/"): 0}


def test_btrfs_is_found_by_its_source_for_its_number_is_invented(tmp_path: Path) -> None:
    place = tree(
        tmp_path,
        mounted("0:26", "/dev/dm-0", "btrfs")
        | block("dm-0", "253:0", LUKS, ("sda3",), "luks")
        | block("sda3", "8:3"),
    )
    assert states(read(place)) == {("disk_encrypted_state", "/"): 1}


@pytest.mark.parametrize(
    "kind, source", [("overlay", "overlay"), ("zfs", "rpool/ROOT"), ("nfs4", "server:/root")]
)
def test_a_root_that_is_no_block_device_says_nothing_about_encryption(
    tmp_path: Path, kind: str, source: str
) -> None:
    with pytest.raises(Unavailable):
        read(tree(tmp_path, mounted("0:50", source, kind)))


def test_layers_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    place = tree(tmp_path, mounted("253:0", "/dev/dm-0") | block("dm-0", "253:0", "LVM-a", ("dm-0",), "a"))
    assert states(read(place)) == {("disk_encrypted_state", "/"): 0}


def test_a_firewall_that_is_enabled_and_cannot_be_asked_is_configured_and_nothing_more(
    tmp_path: Path,
) -> None:
    place = tree(
        tmp_path,
        {
            "etc/systemd/system/multi-user.target.wants/ufw.service": "",
            "etc/ufw/ufw.conf": "ENABLED=yes\nLOGLEVEL=low\n",
        },
    )
    taken = read(place)
    assert facts(taken)["firewall"] == {"configured": "ufw"}
    assert states(taken) == {}


def test_ufw_as_debian_installs_it_is_not_switched_on(tmp_path: Path) -> None:
    place = tree(
        tmp_path,
        {"etc/systemd/system/multi-user.target.wants/ufw.service": "", "etc/ufw/ufw.conf": "ENABLED=no\n"},
    )
    assert facts(read(place))["firewall"] == {"configured": "none"}


def rules(*parts: dict[str, object]) -> str:
    return json.dumps({"nftables": [{"metainfo": {"json_schema_version": 1}}, *parts]})


def chain(policy: str = "accept", hook: str | None = "input", kind: str = "filter") -> dict[str, object]:
    return {
        "chain": {"family": "inet", "table": "t", "name": "in", "type": kind, "hook": hook, "policy": policy}
    }


@pytest.mark.parametrize(
    "text, filtering",
    [
        (rules(), False),
        (rules(chain()), False),  # iptables-nft leaves this behind when its rules are gone
        (rules(chain("drop")), True),
        (rules(chain(), {"rule": {"family": "inet", "table": "t", "chain": "in", "expr": []}}), True),
        (rules(chain(), {"rule": {"family": "ip", "table": "nat", "chain": "in", "expr": []}}), False),
        (rules(chain("drop", "forward")), False),  # containers make it: it guards them, not the device
    ],
)
def test_only_chains_on_input_guard_the_device(text: str, filtering: bool) -> None:
    told = security_state.ruleset(text)
    assert told is not None
    assert told.filtering is filtering


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"nftables": 1}', '{"nftables": [1, {"chain": 2}'])
def test_what_is_no_ruleset_is_unknown(text: str) -> None:
    assert security_state.ruleset(text) is None


def test_programs_put_on_path_answer_for_a_captured_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    for name, said in (("nft", rules()), ("systemctl", "inactive")):
        (programs / name).parent.mkdir(exist_ok=True)
        (programs / name).write_text(f"#!/bin/sh\ncat <<'X'\n{said}\nX\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    place = tree(
        tmp_path / "root",
        {
            "etc/systemd/system/multi-user.target.wants/nftables.service": "",
            "run/systemd/system/x": "",
            "sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
        },
    )
    taken = read(place)
    assert states(taken) == {("firewall_state", "nftables"): 0}
    assert facts(taken)["kernel"] == {"lockdown": "integrity"}


@settings(max_examples=200, deadline=None)
@given(some.text(max_size=300), some.binary(max_size=8))
def test_strange_kernel_texts_break_nothing(text: str, data: bytes) -> None:
    security_state.root_mount(text)
    security_state.encryption(text)
    security_state.ruleset(text)
    security_state.secure_boot_variable(data)
