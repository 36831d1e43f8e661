"""A measured figure, and how a table of them is printed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    part: str
    name: str
    value: float
    unit: str
    runs: list[float] = field(default_factory=list)  # what the median is of
    goal: str = ""
    note: str = ""

    def words(self) -> tuple[str, str, str, str]:
        spread = f"{_short(min(self.runs))}–{_short(max(self.runs))}" if len(self.runs) > 1 else ""
        return (
            f"{self.part}: {self.name}",
            f"{_short(self.value)} {self.unit}".strip(),
            spread,
            "; ".join(filter(None, (self.goal and f"goal {self.goal}", self.note))),
        )

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def of_runs(part: str, name: str, runs: Sequence[float], unit: str, goal: str = "", note: str = "") -> Figure:
    return Figure(part, name, median(runs), unit, list(runs), goal, note)


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(figures: Sequence[Figure]) -> str:
    rows = [("figure", "median", "from–to", ""), *(figure.words() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        + f" | {row[3]} |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|---|")
    return "\n".join(lines)


def _short(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"
