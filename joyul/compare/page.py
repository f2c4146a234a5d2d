"""A comparison as one page: what to ship, how sure that is, what each method costs, and where they disagree."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader
from jinja2.sandbox import ImmutableSandboxedEnvironment

from joyul.compare import drawings
from joyul.compare.drawings import Mark
from joyul.compare.nouns import PLAIN, Done, Outcome
from joyul.compare.statistics import LEVEL
from joyul.contracts import Task
from joyul.linear import text_of
from joyul.messages import language, words
from joyul.report import charts, counts, letters, units
from joyul.report import page as run_page
from joyul.report.charts import Figure
from joyul.report.svg import ticks

MOST_ROWS, SHOWN_ROWS = 30, 8  # rows in which methods disagree
MOST_PAIRS = 12
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Facts:
    """What the page is made from: the record, and the answers of one draw with the texts they were given to."""

    record: Mapping[str, Any]
    answers: Mapping[str, Sequence[Mapping[str, Any]]]  # by entry: id, text, target, prediction, score
    notes: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, record: Mapping[str, Any], done: Done, task: Task, notes: Sequence[tuple[str, str]]) -> Facts:
        """From what was done; the first draw of the largest size speaks for the rows."""
        first = [one for one in done.largest if one.draw.number == done.draws[0].number and one.seed == 0]
        shown = [one for one in first if one.entry.method not in PLAIN and one.entry not in done.failures]
        return cls(record, {one.entry.name: _lines(one, str(record["scored_on"])) for one in shown}, notes)


def _lines(outcome: Outcome, part: str) -> list[dict[str, Any]]:
    answers = outcome.test if part == "test" else outcome.valid
    examples = getattr(outcome.draw.gathered.splits, part)
    assert answers is not None
    rows = zip(examples, answers.ids, answers.targets, answers.predictions, strict=True)
    return [
        {"id": name, "text": text_of(example), "target": target, "prediction": said.value, "score": said.score}
        for example, name, target, said in rows
    ]


def render(facts: Facts) -> str:
    """The whole page: one file without a reference to anything outside it."""
    record = facts.record
    winner = str(record["verdict"]["name"])
    ranked = sorted(record["methods"], key=lambda row: (row["score"] is None, -(row["score"] or 0.0)))
    looks = {row["name"]: place for place, row in enumerate(record["methods"])}
    scored = [row for row in ranked if row["score"] is not None and row["error"] is None]
    best = next(row for row in record["methods"] if row["name"] == winner)
    found = counts.confusion(facts.answers.get(winner, ()), words("report_no_answer"))
    bins = counts.calibration(facts.answers.get(winner, ()))
    content = {
        "record": record, "metric": record["metric"], "metric_name": str(record["metric"]).replace("_", " "), "winner": winner,
        "best": best, "tied": record["verdict"]["tied"], "ranked": ranked, "strips": _strips(scored, looks, winner),
        "cost": _cost(scored, looks, winner, record["metric"]), "curves": _curves(scored, looks, record["metric"]),
        "differences": _differences(record), "pairs": record["differences"], "disagree": disagreements(facts.answers),
        "names": list(facts.answers), "worst": counts.worst(facts.answers.get(winner, ())), "shown": SHOWN_ROWS,
        "confusion": charts.confusion(found) if found else None, "calibration": charts.calibration(bins) if bins else None,
        "warnings": list(dict.fromkeys(text for level, text in facts.notes if level == "warn")),
        "said": [text for level, text in facts.notes if level != "warn"], "language": language(), "level": LEVEL,
        "splits": {name: words(f"col_{name}") for name in ("train", "valid", "test")},
        "command": f"joyul predict BEST {shlex.quote(words('report_your_text'))}",
    }  # fmt: skip
    return run_page.encodable(_environment().get_template("compare.html.jinja").render(content))


def _environment() -> ImmutableSandboxedEnvironment:
    """The filters of a run's page; every value is escaped as HTML."""
    folders = FileSystemLoader([Path(__file__).parent, Path(run_page.__file__).parent])
    made: ImmutableSandboxedEnvironment = run_page.environment(markup=True).overlay(loader=folders)
    made.filters = {**made.filters, "signed": _signed, "p": lambda value: "< 0.001" if value < 0.001 else f"{value:.3f}"}
    return made


def _signed(value: float, metric: str) -> str:
    """A difference of scores: `+1.5` points for shares."""
    return f"{value * 100:+.1f}" if units.is_share(metric) else f"{value:+.4g}"


def _mark(row: Row, looks: Mapping[str, int], winner: str, metric: str, x: float = 0.0) -> Mark:
    low, high = row["interval"] or (row["score"], row["score"])
    tip = f"{row['name']}: {units.score(row['score'], metric)}"
    if row["interval"]:
        tip += f" ({units.interval(row['interval'], metric)})"
    return Mark(row["name"], x, row["score"], low, high, looks[row["name"]], row["name"] == winner, tip)


def _strips(rows: Sequence[Row], looks: Mapping[str, int], winner: str) -> dict[str, str]:
    """An interval for each line of the table, all on one scale."""
    bounds = [value for row in rows for value in (*(row["interval"] or ()), row["score"])]
    scale = ticks(min(bounds), max(bounds))
    return {row["name"]: drawings.strip(_mark(row, looks, winner, ""), scale[0], scale[-1]) for row in rows}


def _share(metric: str) -> drawings.Format:
    return (lambda value: f"{value * 100:.3g} %") if units.is_share(metric) else (lambda value: f"{value:.3g}")


def _cost(rows: Sequence[Row], looks: Mapping[str, int], winner: str, metric: str) -> Figure | None:
    marks = [_mark(row, looks, winner, metric, row["train_seconds"]) for row in rows if row["train_seconds"]]
    if len(marks) < 2:
        return None
    title = words("compare_cost")
    drawing = drawings.scatter(
        marks, name="cost", title=title, desc="; ".join(mark.tip for mark in marks), x_label=words("compare_cost_axis"),
        x_format=units.duration, y_format=_share(metric),
    )  # fmt: skip
    return Figure(title, drawing, words("compare_cost_note"), drawings.numbered(marks))


def _curves(rows: Sequence[Row], looks: Mapping[str, int], metric: str) -> Figure | None:
    lines = []
    for row in rows:
        points = [{**point, "name": row["name"]} for point in row.get("curve", ())]
        if points:
            lines.append((str(row["name"]), [_mark(point, looks, "", metric, point["labels"]) for point in points]))
    if not lines:
        return None
    title = words("compare_curves")
    drawing = drawings.curves(
        lines, name="curves", title=title, desc=words("compare_curves_note"), x_label=words("compare_curves_axis"),
        y_format=_share(metric),
    )  # fmt: skip
    legend = "".join(f'<li><i class="{drawings.look(marks[0].look)}"></i> {letters.text(name)}</li>' for name, marks in lines)
    return Figure(title, drawing, words("compare_curves_note"), f'<ul class="legend">{legend}</ul>')


def _differences(record: Row) -> Figure | None:
    metric = str(record["metric"])
    winner = record["verdict"]["name"]
    own = [pair for pair in record["differences"] if winner in (pair["first"], pair["second"])]
    pairs = sorted(own or record["differences"], key=lambda pair: pair["p_holm"])[:MOST_PAIRS]
    if not pairs:
        return None
    marks = [
        Mark(
            f"{pair['first']} − {pair['second']}", 0.0, pair["difference"], pair["interval"][0], pair["interval"][1],
            best=pair["p_holm"] < LEVEL,
            tip=words(
                "compare_pair", first=pair["first"], second=pair["second"], difference=_signed(pair["difference"], metric),
                p=f"{pair['p_holm']:.3f}",
            ),
        )
        for pair in pairs
    ]  # fmt: skip
    title = words("compare_differences")
    drawing = drawings.forest(
        marks, name="differences", title=title, desc="; ".join(mark.tip for mark in marks), x_format=lambda x: _signed(x, metric)
    )
    return Figure(title, drawing, words("compare_differences_note"))


def disagreements(answers: Mapping[str, Sequence[Row]]) -> list[dict[str, Any]]:
    """The rows that some methods get right and others wrong, the most evenly split first, with what each said."""
    tables = list(answers.values())
    found = []
    for lines in zip(*tables, strict=True) if len(tables) > 1 else ():
        right = [counts.right(line) for line in lines]
        if any(right) and not all(right):
            said = [{"said": line["prediction"], "right": hit} for line, hit in zip(lines, right, strict=True)]
            found.append({**lines[0], "said": said, "even": abs(sum(right) / len(right) - 0.5)})
    return sorted(found, key=lambda row: row["even"])[:MOST_ROWS]
