"""`joyul lr`: measure the learning rate of one stage without training it; a page with the curves."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from joyul.contracts import Step
from joyul.errors import UsageError
from joyul.files import check_writable, next_free, write_text
from joyul.messages import words
from joyul.methods.chain import stage
from joyul.notes import Notes
from joyul.plot import chart
from joyul.recipe.chains import AUTO
from joyul.recipe.resolve import Recipe, from_words
from joyul.report.page import rates_page
from joyul.report.rates import chosen, range_points
from joyul.results import plan_of
from joyul.run import default_name, finish, ready
from joyul.terminal import probe_line

WIDTH = 60  # letters of the drawn curve


@dataclass(frozen=True)
class LearningRate:
    """What was measured: the rate to train with, the usual one, the ends the range test found, each Step, and the page."""

    rate: float
    usual: float
    bracket: tuple[float, float]
    steps: list[Step]
    page: Path

    def record(self) -> dict[str, Any]:
        """The same as JSON."""
        tests = [{"learning_rate": step.learning_rate, "loss": step.loss} for step in self.steps if step.kind == "range"]
        probes = [{"score": step.score, **(step.candidate or {})} for step in self.steps if step.kind == "probe"]
        return {"learning_rate": self.rate, "usual": self.usual, "bracket": list(self.bracket), "range": tests, "probes": probes,
                "page": str(self.page)}  # fmt: skip

    def lines(self) -> list[str]:
        """The same for a terminal: the smoothed range test, the probes, what to type next."""
        lines = [asdict(step) for step in self.steps]
        smooth = range_points(lines)[1]
        low, high = (f"{10**x:.2g}" for x in (smooth[0][0], smooth[-1][0]))
        room = max(0, WIDTH - len(low) - len(high))
        drawn = chart(smooth, WIDTH)
        margin = " " * (len(drawn[0]) - WIDTH)
        ends = words("lr_ends", low=f"{self.bracket[0]:.2g}", high=f"{self.bracket[1]:.2g}")
        probes = sorted((step.learning_rate or 0.0, f"  {probe_line(step)}") for step in self.steps if step.kind == "probe")
        next_ = words("lr_next", rate=f"{self.rate:g}", usual=f"{self.usual:g}", page=str(self.page))
        under = f"{margin}{low}{' ' * room}{high}"
        return [words("lr_range"), *drawn, under, ends, words("lr_probes"), *(text for _, text in probes), next_]


def learning_rate(**settings: Any) -> LearningRate:
    """Measure the rate for a recipe: `joyul.learning_rate(data="reviews.csv", method="full").rate`."""
    return finish(search(from_words("lr", settings), Notes()))


def search(recipe: Recipe, notes: Notes) -> Generator[Step, None, LearningRate]:
    """The search as a generator of Steps. Raises UsageError for a chain and for a stage that moves nothing."""
    if len(recipe.stages) > 1:
        raise UsageError("lr_one_stage", method=recipe.run.method)
    item = recipe.stages[0]
    if "learning_rate" not in item.info.takes:
        raise UsageError("lr_nothing_moves", method=item.method)
    if item.values.get("learning_rate", AUTO) != AUTO:
        notes.say("lr_given", rate=f"{item.values['learning_rate']:g}")
    item.measured("learning_rate", AUTO, words("origin_plain"))
    page = Path(recipe.run.out) if recipe.run.out else next_free(Path("runs") / f"{default_name(recipe)}-lr.html")
    if page.exists():
        raise UsageError("file_exists", found=str(page))
    check_writable(page)
    tuned, methods, _, data = ready(recipe, notes)
    if item.values["learning_rate"] != AUTO:
        raise UsageError("lr_too_few", rows=len(data.train))
    steps = []
    run = recipe.run
    for step in stage(tuned, methods[0], item.settled, data, seed=run.seed, precision=run.precision, notes=notes,
                      usual_rate=item.usual["learning_rate"]):  # fmt: skip
        steps.append(step)
        yield step
        if "chosen" in (step.candidate or {}):  # what follows would be the training
            break
    lines = [asdict(step) for step in steps]
    found = chosen(lines)
    write_text(page, rates_page(lines, plan_of(item.values, found["chosen"], len(data.train)), recipe.run.method, notes.kept))
    return LearningRate(found["chosen"], found["usual"], tuple(found["bracket"]), steps, page)
