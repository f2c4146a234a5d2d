"""The comparison as a table in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joyul.messages import words
from joyul.report.units import count, duration, size
from joyul.terminal import messages, results, show_table, with_interval

if TYPE_CHECKING:
    from joyul.compare.result import Comparison


def show_row(row: dict[str, Any]) -> None:
    """A first figure, as soon as a method has one."""
    if row["error"] is None and row["score"] is not None:
        name = f"{row['name']}, {row['draw']}" if row.get("draw") else row["name"]
        messages.print(words("first_figure", method=name, score=_score(row)))


def show_comparison(comparison: Comparison) -> None:
    """The table, the verdict, and what to type next."""
    record = comparison.record
    headers = [words("col_method"), f"{record['metric']} ({words('col_' + record['scored_on'])})", words("col_valid")]
    headers += [words(f"col_{name}") for name in ("seconds", "memory", "size", "trained", "row")]
    ranked = sorted(record["methods"], key=lambda row: -(row["score"] if row["score"] is not None else -1.0))
    show_table(headers, [_cells(row, record["verdict"]) for row in ranked])
    for row in ranked:
        if row["error"] is not None:
            results.print(words("method_failed", method=row["name"], reason=row["error"]), soft_wrap=True, markup=False)
    results.print(f"\n{record['verdict']['text']}", soft_wrap=True, markup=False)
    messages.print(words("comparison_saved", folder=comparison.folder, best=comparison.best), soft_wrap=True)


def _cells(row: dict[str, Any], verdict: dict[str, Any]) -> list[str]:
    """Shipped: *, tied with it: =."""
    name = ("* " if row["name"] == verdict["name"] else "= " if row["name"] in verdict["tied"] else "  ") + row["name"]
    if row["error"] is not None:
        return [name, words("col_failed"), "", "", "", "", "", ""]
    return [
        name, _score(row), "–" if row["valid_score"] is None else f"{row['valid_score']:.3f}",
        duration(row["train_seconds"]), size(row["peak_memory"]), size(row["bytes"]),
        count(row["trainable"]), duration(row["row_seconds"]),
    ]  # fmt: skip


def _score(row: dict[str, Any]) -> str:
    return "–" if row["score"] is None else with_interval({"value": row["score"], "interval": row["interval"]})

