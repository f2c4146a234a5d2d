"""What a finished run is measured by: scores with intervals, costs, versions; written into its folder, metrics.json last."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joyul import artifact
from joyul.bases.anatomy import parameter_count
from joyul.contracts import Example, Method, Prediction, Step
from joyul.engine import checkpoint, device
from joyul.engine.diagnose import diagnose
from joyul.engine.evaluate import Evaluation, evaluate
from joyul.files import folder_bytes, write_json, write_lines, write_text
from joyul.methods.chain import Data, Tuned, encode
from joyul.notes import Notes
from joyul.recipe.resolve import Recipe
from joyul.report.page import RunFacts, card, render

if TYPE_CHECKING:
    from joyul.data.gather import Gathered

PACKAGES = ("joyul", "torch", "transformers", "accelerate", "datasets", "safetensors", "tokenizers")


@dataclass(frozen=True)
class Finished:
    """What is known when the last stage has ended."""

    recipe: Recipe
    tuned: Tuned
    gathered: Gathered | None
    data: Data
    steps: Sequence[Step]
    methods: Sequence[Method]
    seconds: Mapping[str, float]
    lineage: Sequence[Mapping[str, str]]
    stopped: str | None = None


def write(folder: Path, run: Finished, notes: Notes) -> tuple[dict[str, Any], dict[str, Evaluation]]:
    """Evaluate, save everything; what metrics.json holds, and the evaluations by split."""
    artifact.save_weights(folder, run.tuned)
    evaluations, row_seconds = _evaluations(run, notes)
    metrics = _metrics(folder, run, evaluations, row_seconds, notes)
    test = evaluations.get("test")
    examples: Sequence[Example] = (run.gathered.splits.test or ()) if run.gathered and test else ()
    lines = _lines(examples, test)
    write_lines(folder / "predictions.jsonl", lines)
    texts = [{**line, "text": example.inputs["text"]} for line, example in zip(lines, examples, strict=True)]
    settings = {key: (str(value), origin) for key, value, origin in run.recipe.rows()}
    settings["out"] = (str(folder), "")
    metrics["bytes"] = folder_bytes(folder) - folder_bytes(folder / checkpoint.FOLDER)  # they go when all is written
    facts = RunFacts(
        recipe=settings, steps=[asdict(step) for step in run.steps], metrics=metrics, predictions=texts, notes=notes.kept
    )  # fmt: skip
    write_text(folder / "report.html", render(facts))
    write_text(folder / "README.md", card(facts))
    write_json(folder / artifact.METRICS_FILE, metrics)
    return metrics, evaluations


def _evaluations(run: Finished, notes: Notes) -> tuple[dict[str, Evaluation], float | None]:
    """Validation, then the test rows: read here, once. And the seconds a row took, tokenising included."""
    if run.gathered is None or not run.gathered.labelled:
        return {}, None
    limits = [stage.values[key] for stage in run.recipe.stages for key in ("micro_batch", "batch_size") if key in stage.values]
    most = min(limits, default=None)  # as in training
    found, rows_seen, started = {}, 0, time.perf_counter()
    for name, examples in (("valid", run.data.valid), ("test", run.gathered.splits.test)):
        if examples:
            rows = encode(run.tuned.form, examples, notes)
            found[name] = evaluate(run.tuned.model, run.tuned.form, rows, notes, most)
            rows_seen += len(rows)
    return found, (time.perf_counter() - started) / rows_seen if rows_seen else None


def scored(evaluation: Evaluation, task: Any) -> dict[str, Any]:
    """`{metric: {"value", "interval"}}`."""
    intervals = task.intervals(evaluation.targets, [prediction.value for prediction in evaluation.predictions])
    return {name: {"value": value, "interval": list(intervals[name])} for name, value in evaluation.metrics.items()}


def _metrics(
    folder: Path, run: Finished, evaluations: Mapping[str, Evaluation], row_seconds: float | None, notes: Notes
) -> dict[str, Any]:
    task, settings = run.tuned.form.setting.task, run.recipe.run
    baseline = _baseline(run, evaluations.get("test") or evaluations.get("valid"))
    floor = _baseline(run, evaluations.get("valid"))
    moving = [p for method in run.methods for group in method.moves(run.tuned.model) for p in group.parameters.values()]
    return {
        "task": task.name, "method": settings.method, "base": settings.base, "metric": task.metric,
        "scores": {name: scored(evaluation, task) for name, evaluation in evaluations.items()},
        "baseline": baseline,
        "rows": _row_counts(run), "seconds": dict(run.seconds), "row_seconds": row_seconds, "peak_memory": device.peak(),
        "parameters": parameter_count(run.tuned.model), "trainable": sum({id(p): p.numel() for p in moving}.values()),
        "diagnosis": diagnose(run.steps, task.metric, floor[task.metric] if floor else None),
        "stopped": run.stopped, "warnings": [text for level, text in notes.kept if level == "warn"],
        "data": {"source": settings.data, "fingerprint": run.gathered.fingerprint if run.gathered else None},
        "versions": versions(), "device": device.describe(), "lineage": list(run.lineage),
        "plain_loadable": artifact.plain_loadable(run.tuned, folder),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }  # fmt: skip


def _baseline(run: Finished, evaluation: Evaluation | None) -> dict[str, Any] | None:
    """The best answer that ignores the text, scored on the same rows."""
    if evaluation is None:
        return None
    task = run.tuned.form.setting.task
    answer = task.baseline([example.target for example in run.data.train])
    scores = task.metrics(evaluation.targets, [answer] * len(evaluation.targets))
    return {task.metric: scores[task.metric], "prediction": answer}


def _row_counts(run: Finished) -> dict[str, int]:
    test = run.gathered.splits.test if run.gathered else None
    return {"train": len(run.data.train), "valid": len(run.data.valid), "test": len(test) if test else 0}


def _lines(examples: Sequence[Example], evaluation: Evaluation | None) -> list[dict[str, Any]]:
    if evaluation is None:
        return []
    rows = zip(examples, evaluation.targets, evaluation.predictions, strict=True)
    return [{"id": example.id, "target": target, **answer(prediction)} for example, target, prediction in rows]


def answer(prediction: Prediction) -> dict[str, Any]:
    """A Prediction as a line of predictions.jsonl writes it."""
    line: dict[str, Any] = {"prediction": prediction.value, "score": prediction.score}
    return line if prediction.scores is None else {**line, "scores": dict(prediction.scores)}


def versions() -> dict[str, str]:
    """Of Python, Joyul and what it stands on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def step_line(step: Step) -> str:
    """A line of steps.jsonl: the fields that are set."""
    return json.dumps({key: value for key, value in asdict(step).items() if value is not None}, ensure_ascii=False) + "\n"
