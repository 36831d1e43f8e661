"""Tests the Windows lane leaves out, by file or by `file::test`, and why. Everything else of the agent's runs there."""

_SHELL = "plays a program of Linux with a shell script"
_FUZZ = "the same pure parsers, at a quarter of the speed"
_WHOLE = "slow, and done with the collector itself in tests/end_to_end/test_windows_agent.py"
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
    "tests/agent/probes/test_cameras.py": _TREE,
    "tests/agent/probes/test_disk_fuzz.py": _FUZZ,
    "tests/agent/probes/test_smart.py::test_a_strange_answer_is_read_or_refused_and_never_breaks_the_probe": _FUZZ,
    "tests/agent/test_command.py::test_a_directive_refreshes_everything_with_its_items": _WHOLE,
    "tests/agent/test_command.py::test_kill_9_of_the_agent_loses_and_doubles_nothing": _WHOLE,
    "tests/fuzz": _FUZZ,
    "tests/test_captured_drives.py": _SHELL,
    "tests/test_rule_examples.py": "the collector judges, and it runs on Linux",
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
