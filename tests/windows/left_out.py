"""Tests the Windows lane leaves out, by file or by `file::test`, and why. Everything else of the agent's runs there."""

_SHELL = "plays a program of Linux with a shell script"
_TREE = "needs links or mounts of a Linux tree"

LEFT_OUT = {
    "tests/agent/test_commands.py": _SHELL,
    "tests/agent/probes/test_disk_health.py": _SHELL,
    "tests/agent/probes/test_smartctl.py": _SHELL,
    "tests/agent/probes/test_nvme.py": _SHELL,
    "tests/agent/probes/test_volumes.py": _SHELL,
    "tests/agent/probes/test_patches.py": _SHELL,
    "tests/agent/probes/test_patches_dnf.py": _SHELL,
    "tests/agent/probes/test_patches_apt.py": _SHELL,
    "tests/agent/probes/test_patches_apart.py": _SHELL,
    "tests/agent/probes/test_patches_pacman.py": _SHELL,
    "tests/agent/probes/test_patches_zypper.py": _SHELL,
    "tests/agent/probes/test_reboot_pending_linux.py": _SHELL,
    "tests/agent/probes/test_sensors.py": _TREE,
    "tests/agent/probes/test_filesystem.py": _TREE,
    "tests/agent/probes/test_hardware.py": _TREE,
    "tests/agent/probes/test_disk_fuzz.py": "the same pure parsers, at a quarter of the speed",
    "tests/fuzz": "the same pure parsers, at a quarter of the speed",
    "tests/test_captured_drives.py": _SHELL,
    "tests/protos/test_protos.py::test_the_generated_code_is_fresh": "protoc is not in the lane",
    "tests/agent/test_spool.py::test_flipped_bits_never_crash_and_never_pass_as_a_report": "slow, and of sqlite",
}


def why(nodeid: str) -> str | None:
    """`nodeid` is pytest's, or a path below the repository with forward slashes."""
    name = nodeid.partition("[")[0]
    for left_out, reason in LEFT_OUT.items():
        if name == left_out or name.startswith((left_out + "::", left_out + "/")):
            return reason
    return None
