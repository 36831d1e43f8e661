"""What the shipped rule files say of themselves: a reason above each number, a verdict on each disk rule."""

import re
from pathlib import Path

from collector.rules.load import shipped as shipped_files
from collector.rules.rule import Rules


def test_every_number_in_the_rule_files_has_its_reason_above_it() -> None:
    limit = re.compile(r"^(raise_|first_raise|grows_by|times|reaches_|older_than|hold|compare_metric)")
    for path in shipped_files():
        for block in _rules_of(path):
            lines = [line for line in block if line.strip()]
            reasons = [n for n, line in enumerate(lines) if line.startswith("#")]
            first = next(n for n, line in enumerate(lines) if limit.match(line))
            assert reasons, f"{path.name}: {lines[0]} has no reason"
            assert min(reasons) <= first + 2, f"{path.name}: {lines[0]}: no reason beside its limit"


def _rules_of(path: Path) -> list[list[str]]:
    return [part.splitlines() for part in path.read_text(encoding="utf-8").split("[[rule]]\n")[1:]]


def test_disk_rules_all_say_what_they_say_of_the_disk(shipped: Rules) -> None:
    silent = {"disk_hot", "disk_gone", "raid_degraded", "raid_parity_mismatch"}
    silent |= {"thin_pool_failed", "thin_pool_data_nearly_full", "thin_pool_metadata_nearly_full"}
    assert {rule.name for rule in shipped.all if rule.probe == "disk_health" and not rule.verdict} == silent
