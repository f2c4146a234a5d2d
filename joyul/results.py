"""What a finished run is measured by: scores with intervals, costs, versions; written into its folder, metrics.json last."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joyul import artifact
from joyul.answering import answers
from joyul.bases.anatomy import parameter_count
from joyul.bases.hosted import Hosted
from joyul.contracts import Example, Method, Prediction, Step, Task
from joyul.engine import checkpoint, device
from joyul.engine.batches import per_epoch
from joyul.engine.diagnose import diagnose
from joyul.engine.evaluate import Evaluation, evaluate
from joyul.engine.optimise import planned
from joyul.files import folder_bytes, write_json, write_lines, write_text
from joyul.forms.align import joined
from joyul.linear import Counts
from joyul.methods.chain import Data, Tuned, encode
from joyul.notes import Notes
from joyul.recipe.resolve import Recipe
from joyul.record import versions
from joyul.report import units
from joyul.report.page import RunFacts, card, render
from joyul.tasks import constant
from joyul.tasks.tag import Tag

if TYPE_CHECKING:
    from joyul.data.gather import Gathered

MOST_GROUPS, JUDGED_ROWS = 50, 10  # groups listed; rows a group needs before it is called the worst
PREDICTIONS_FILE = "predictions.jsonl"


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
    peak: int = 0  # bytes, of stages that are not part of this process's peak
    stopped: str | None = None


def write(folder: Path, run: Finished, notes: Notes) -> tuple[dict[str, Any], dict[str, Evaluation]]:
    """Evaluate, save everything; what metrics.json holds, and the evaluations by split."""
    _decide(run, notes)
    artifact.save_weights(folder, run.tuned)
    labelled = run.gathered is not None and run.gathered.labelled
    tested = run.gathered.splits.test or () if run.gathered else ()
    evaluations, row_seconds = answers(run.tuned, run.data, tested, _most(run), notes) if labelled else ({}, None)
    metrics = _metrics(folder, run, evaluations, row_seconds, notes)
    test = evaluations.get("test")
    examples: Sequence[Example] = (run.gathered.splits.test or ()) if run.gathered and test else ()
    lines = _lines(examples, test)
    write_lines(folder / PREDICTIONS_FILE, lines)
    task = run.tuned.form.setting.task
    texts = [_shown(task, line, example) for line, example in zip(lines, examples, strict=True)]
    settings = {key: (_typed(value), origin) for key, value, origin in run.recipe.rows()}
    settings["out"] = (str(folder), "")
    metrics["bytes"] = folder_bytes(folder) - folder_bytes(folder / checkpoint.FOLDER)  # they go when all is written
    facts = RunFacts(
        recipe=settings, steps=[asdict(step) for step in run.steps], metrics=metrics, predictions=texts, notes=notes.kept,
        planned=_planned(run),
    )  # fmt: skip
    write_text(folder / "report.html", render(facts))
    write_text(folder / "README.md", card(facts))
    write_json(folder / artifact.METRICS_FILE, metrics)
    return metrics, evaluations


def plan_of(settled: Mapping[str, Any], learning_rate: float, rows: int) -> list[tuple[int, float]]:
    """(update, rate) as a stage with these settings plans them."""
    updates = max(1, round(settled["epochs"] * per_epoch(rows, settled["batch_size"])))
    return planned(settled["schedule"], settled["warmup"], learning_rate, updates)


def _planned(run: Finished) -> dict[int, list[tuple[int, float]]]:
    """For each stage that trained, the rates it had planned, over the steps of the run."""
    found = {}
    for number, stage in enumerate(run.recipe.stages, start=1):
        first = next((step.step for step in run.steps if step.stage == number and step.kind == "update"), None)
        rate = stage.values.get("learning_rate")
        if first is not None and isinstance(rate, float):
            found[number] = [(first + done - 1, value) for done, value in plan_of(stage.values, rate, len(run.data.train))]
    return found


def _most(run: Finished) -> int | None:
    """Rows computed at once: as in training."""
    limits = [stage.values[key] for stage in run.recipe.stages for key in ("micro_batch", "batch_size") if key in stage.values]
    return min(limits, default=None)


def _decide(run: Finished, notes: Notes) -> None:
    """Choose the task's thresholds on the validation rows, now that nothing moves any more."""
    form = run.tuned.form
    task = form.setting.task
    if not task.decides or not run.data.valid:
        return
    found = evaluate(run.tuned.model, form, encode(form, run.data.valid, notes), notes, _most(run))
    task = task.decided(found.targets, found.predictions)
    setting = replace(form.setting, task=task)
    if isinstance(form, Counts):  # its vocabulary is not in prompt.yaml
        run.tuned.form = replace(form, setting=setting)
    else:
        run.tuned.form = type(form).restore(form.spec(), setting)
    chosen = {key: value for key, value in task.spec().items() if key in ("positive", "threshold", "thresholds")}
    notes.say("thresholds_chosen", rows=len(run.data.valid), chosen=units.said(chosen))


def _shown(task: Task, line: Mapping[str, Any], example: Example) -> dict[str, Any]:
    """A line for the report: with its text, and entities instead of tags."""
    text = example.inputs["text"]
    if not isinstance(task, Tag):
        return {**line, "text": text}
    return {**line, "text": joined(task.pieces(text)), **{key: task.shown(line[key], text) for key in ("target", "prediction")}}


def scored(evaluation: Evaluation, task: Task) -> dict[str, Any]:
    """`{metric: {"value", "interval"}}`, those that choices are made by first."""
    intervals = task.intervals(evaluation.targets, [prediction.value for prediction in evaluation.predictions])
    scores = {name: {"value": value, "interval": list(intervals[name])} for name, value in evaluation.metrics.items()}
    further = task.further(evaluation.targets, evaluation.predictions)
    return scores | {name: {"value": score.value, "interval": list(score.interval)} for name, score in further.items()}


def grouped(evaluation: Evaluation, groups: Sequence[str | None], task: Task) -> dict[str, Any] | None:
    """The main score of each group, the largest group first, and the worst of those with enough rows to say so.

    None where rows belong to no group.
    """
    members: dict[str, list[int]] = {}
    for row, group in enumerate(groups):
        if group is not None:
            members.setdefault(group, []).append(row)
    if not members:
        return None
    scores: dict[str, dict[str, Any]] = {}
    for group, rows in sorted(members.items(), key=lambda item: -len(item[1]))[:MOST_GROUPS]:
        targets, values = [evaluation.targets[row] for row in rows], [evaluation.predictions[row].value for row in rows]
        interval = list(task.intervals(targets, values)[task.metric])
        scores[group] = {"rows": len(rows), "value": task.metrics(targets, values)[task.metric], "interval": interval}
    judged = [group for group in scores if scores[group]["rows"] >= JUDGED_ROWS]
    worst = min(judged, key=lambda group: scores[group]["value"], default=None) if len(judged) > 1 else None
    return {"count": len(members), "scores": scores, "worst": worst}


def _metrics(
    folder: Path, run: Finished, evaluations: Mapping[str, Evaluation], row_seconds: float | None, notes: Notes
) -> dict[str, Any]:
    task, settings = run.tuned.form.setting.task, run.recipe.run
    baseline = _baseline(run, evaluations.get("test") or evaluations.get("valid"))
    floor = _baseline(run, evaluations.get("valid"))
    not_plain = artifact.why_not_plain(run.tuned, folder)
    diagnosis = diagnose(run.steps, task.metric, floor[task.metric] if floor else None)
    return {
        "task": task.name, "method": settings.method, "base": settings.base, "metric": task.metric,
        "scores": {name: scored(evaluation, task) for name, evaluation in evaluations.items()},
        "baseline": baseline, "groups": _groups(run, evaluations),
        "rows": _row_counts(run), "seconds": dict(run.seconds), "row_seconds": row_seconds,
        "peak_memory": max(device.peak(), run.peak),
        "parameters": parameter_count(run.tuned.model), "trainable": sum(run.tuned.trainable.values()),
        "unknown_tokens": run.tuned.unknown,
        "diagnosis": diagnosis.text if diagnosis else "", "diagnosis_kind": diagnosis.kind if diagnosis else None,
        "search": run.tuned.searched, "stopped": run.stopped,
        "warnings": [text for level, text in notes.kept if level == "warn"],
        "data": {"source": settings.data, "fingerprint": run.gathered.fingerprint if run.gathered else None},
        "versions": versions(), "device": device.describe(), "lineage": list(run.lineage),
        **({"endpoint": run.tuned.model.spent()} if isinstance(run.tuned.model, Hosted) else {}),
        "plain_loadable": not_plain is None, "why_not_plain": not_plain,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }  # fmt: skip


def _baseline(run: Finished, evaluation: Evaluation | None) -> dict[str, Any] | None:
    """The best answer that ignores the text, scored on the same rows."""
    if evaluation is None:
        return None
    task = run.tuned.form.setting.task
    answer = task.baseline([example.target for example in run.data.train])
    scores = task.metrics(evaluation.targets, constant(task, answer, evaluation.targets))
    return {task.metric: scores[task.metric], "prediction": answer}


def _groups(run: Finished, evaluations: Mapping[str, Evaluation]) -> dict[str, Any] | None:
    """Of the test rows; of the validation rows where there are none."""
    splits = {"valid": run.data.valid, "test": run.gathered.splits.test if run.gathered else None}
    name = "test" if "test" in evaluations else "valid"
    if name not in evaluations:
        return None
    groups = [example.group for example in splits[name] or ()]
    found = grouped(evaluations[name], groups, run.tuned.form.setting.task)
    return found and {"split": name, **found}


def _typed(value: Any) -> str:
    """A setting as one would type it."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


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
    if prediction.scores is not None:
        line["scores"] = dict(prediction.scores)
    if prediction.reason is not None:
        line["error"] = prediction.reason
    return line if prediction.entities is None else {**line, "entities": [dict(entity) for entity in prediction.entities]}
