"""One run as a page (`report.html`) and as a model card (`README.md`). Both speak the language in use."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader
from jinja2.sandbox import ImmutableSandboxedEnvironment

from joyul.messages import language, words
from joyul.report import answers, candidates, charts, counts, rates, units

SINGLE_LABEL = ("classify", "image", "logs")  # tasks whose answers can be counted in a confusion matrix
NUMBERS = ("regress",)  # nearly every answer is a little wrong
ONE_ROW = {"image": "image.png", "speech": "recording.wav"}
HUB_TASKS = {
    "classify": "text-classification",
    "regress": "text-classification",
    "tag": "token-classification",
    "generate": "text-generation",
    "chat": "text-generation",
    "summarize": "summarization",
    "translate": "translation",
    "answer": "question-answering",
    "image": "image-classification",
    "speech": "automatic-speech-recognition",
}
PIPELINES = ("classify", "regress", "tag", "generate", "chat", "image", "speech")  # those transformers 5 has
STARTER = "sentence-transformers/all-MiniLM-L6-v2"  # what `base=starter` carries, by its name on the hub


@dataclass(frozen=True)
class RunFacts:
    """What the page and the card are made from: the files of a run folder, read."""

    recipe: Mapping[str, tuple[str, str]]  # setting -> (value, origin)
    steps: Sequence[Mapping[str, Any]]  # steps.jsonl
    metrics: Mapping[str, Any]  # metrics.json
    predictions: Sequence[Mapping[str, Any]]  # predictions.jsonl, with the row's text
    notes: Sequence[tuple[str, str]]  # (say | warn, text)
    planned: Mapping[int, charts.Plan] = field(default_factory=dict)  # stage -> (step, rate) of its whole schedule


def render(run: RunFacts) -> str:
    """The whole page: one file without a reference to anything outside it."""
    html = environment(markup=True).get_template("run.html.jinja").render(_common(run) | _details(run))
    return encodable(html)


def card(run: RunFacts) -> str:
    """The model card in Markdown, with the front matter that the hub reads."""
    text = environment(markup=False).get_template("card.md.jinja").render(_common(run) | _hub(run))
    return encodable(text)


def rates_page(
    steps: Sequence[Mapping[str, Any]], planned: charts.Plan, method: str, notes: Sequence[tuple[str, str]]
) -> str:
    """The page of a learning-rate search: range test, probes, the schedule planned with the rate found."""
    rate = f"{rates.chosen(steps)['chosen']:g}"
    command = f"joyul train ... method={method} learning_rate={rate}"
    figures = [*rates.figures(steps), rates.schedule(planned)]
    content = {
        "title": words("lr_title", method=method), "rate": rate, "said": [text for _, text in notes], "figures": figures,
        "command": command, "language": language(),
    }  # fmt: skip
    return encodable(environment(markup=True).get_template("lr.html.jinja").render(content))


def environment(markup: bool) -> ImmutableSandboxedEnvironment:
    """Templates whose every value is escaped: as HTML, or as Markdown."""
    return _environment(markup, language())


@cache
def _environment(markup: bool, spoken: str) -> ImmutableSandboxedEnvironment:
    """Compiled once for each language: what is constant in a template is worked out then. A comparison renders dozens."""
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=markup,
        finalize=None if markup else units.markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["t"] = words
    environment.filters |= {
        "score": units.score, "gain": units.gain, "interval": units.interval, "size": units.size, "count": units.count,
        "lines": candidates.lines,
        "duration": units.duration, "origin": units.origin, "said": units.said, "cut": units.cut,
        "raw": units.Raw, "json": _json, "portable": units.portable,
    }  # fmt: skip
    return environment


def encodable(text: str) -> str:
    """Without what broken input can hold and no text file should: control characters, halves of surrogate pairs."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", "�", text)


def _json(value: object) -> units.Raw:
    """JSON is YAML too, whatever the text holds."""
    return units.Raw(json.dumps(value, ensure_ascii=False))


def _common(run: RunFacts) -> dict[str, Any]:
    metrics = run.metrics
    given: Mapping[str, Any] = metrics.get("scores") or {}
    scores = {
        name: given[name] for name in sorted(given, key=lambda name: (name != "test", name != "valid")) if given[name]
    }
    split = next((name for name in ("test", "valid") if name in scores), None)
    out = run.recipe.get("out", ("RUN", ""))[0] or "RUN"
    return {
        "run": run,
        "m": metrics,
        "metric": str(metrics["metric"]),
        "metric_name": str(metrics["metric"]).replace("_", " "),
        "scores": scores,
        "split": split,
        "head": _head(metrics, scores[split] if split else {}),
        "splits": {"test": words("report_test"), "valid": words("report_valid"), "train": words("report_train")},
        "costs": _costs(metrics),
        "versions": metrics.get("versions") or {},
        "data": metrics.get("data") or {},
        "rows": metrics.get("rows") or {},
        "command": _command(str(metrics["task"]), out),
        "python": _python(str(metrics["task"]), out),
        "language": language(),
    }


def _head(metrics: Mapping[str, Any], scores: Mapping[str, Any]) -> dict[str, Any]:
    """The number at the top, its interval, the baseline, and whether the interval clears it."""
    metric = str(metrics["metric"])
    cell = scores.get(metric) or {}
    baseline: Mapping[str, Any] = metrics.get("baseline") or {}
    base = counts.finite(baseline.get(metric))
    bounds = cell.get("interval")
    low = counts.finite(bounds[0] if bounds and units.interval(bounds, metric) else cell.get("value"))
    return {
        "value": counts.finite(cell.get("value")),
        "interval": bounds,
        "baseline": base,
        "always": baseline.get("prediction"),
        "unclear": low is not None and base is not None and low <= base,
    }


def _costs(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    seconds: Mapping[str, Any] = metrics.get("seconds") or {}
    known = [
        ("report_seconds_train", units.duration(seconds.get("train"))),
        ("report_seconds_total", units.duration(seconds.get("total"))),
        ("report_seconds_row", units.duration(metrics.get("row_seconds"))),
        ("report_memory", units.size(metrics.get("peak_memory"))),
        ("report_bytes", units.size(metrics.get("bytes"))),
        ("report_parameters", units.count(metrics.get("parameters"))),
        ("report_trainable", _trainable(metrics)),
    ]
    return [(words(key), value) for key, value in (*known, *_asked(metrics)) if value != units.NOTHING]


def _asked(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a base behind an endpoint took."""
    spent = metrics.get("endpoint")
    if not spent:
        return []
    cost = units.NOTHING if spent["cost"] is None else f"{spent['cost']:,.4f}"
    answers = words("report_asked_value", **{key: spent[key] for key in ("requests", "kept", "failed")})
    tokens = f"{spent['read']:,} + {spent['written']:,}"
    return [("report_asked", answers), ("report_tokens", tokens), ("report_cost", cost)]


def _trainable(metrics: Mapping[str, Any]) -> str:
    moved, every = counts.finite(metrics.get("trainable")), counts.finite(metrics.get("parameters"))
    if moved is None or not every:
        return units.count(moved)
    return f"{units.count(moved)} ({moved / every * 100:.3g} %)"


def _command(task: str, out: str) -> str:
    return f"joyul predict {shlex.quote(_line(out))} " + ONE_ROW.get(task, f'"{words("report_your_text")}"')


def _python(task: str, out: str) -> str:
    one = ONE_ROW.get(task, words("report_your_text"))
    return f"import joyul\n\nrun = joyul.load({_line(out)!r})\nprint(run.predict([{one!r}]))"


def _line(text: str) -> str:
    return " ".join(text.split())


def _details(run: RunFacts) -> dict[str, Any]:
    metric, task = str(run.metrics["metric"]), str(run.metrics["task"])
    lines = [_settled(line, task) for line in run.predictions]
    labelled = [line for line in lines if line.get("target") is not None]
    found = counts.confusion(lines, words("report_no_answer")) if task in SINGLE_LABEL else None
    bins = counts.calibration(lines) if found else []
    kept, trained = charts.kept(run.steps, metric), rates.training(run.steps)
    return {
        "curves": charts.curves(trained, metric, run.planned, run.metrics.get("search") or ()),
        "rates": rates.figures(run.steps),
        "evaluations": [(step, any(step is one for one in kept)) for step in charts.evaluations(run.steps)],
        "confusion": charts.confusion(found) if found else answers.picture(labelled, _scores(run)),
        "numbers": task in NUMBERS,
        "per_label": found.per_label() if found else [],
        "calibration": charts.calibration(bins) if bins else None,
        "bins": bins,
        "worst": counts.worst(lines),
        "wrong": sum(not counts.right(line) for line in labelled),
        "labelled": len(labelled),
        "warnings": [text for level, text in run.notes if level == "warn"],
        "said": [text for level, text in run.notes if level != "warn"],
        "chosen": {key: pair for key, pair in run.recipe.items() if not pair[1].startswith(words("origin_plain"))},
        "defaults": {key: pair for key, pair in run.recipe.items() if pair[1].startswith(words("origin_plain"))},
    }


def _scores(run: RunFacts) -> Mapping[str, Any]:
    """Those of the test rows; of the validation rows where there are none."""
    scores: Mapping[str, Any] = run.metrics.get("scores") or {}
    found: Mapping[str, Any] = scores.get("test") or scores.get("valid") or {}
    return found


def _settled(line: Mapping[str, Any], task: str) -> Mapping[str, Any]:
    """Several labels of one row have no order, unlike tags: sorted, so that equal sets are equal."""
    if task == "tag":
        return line
    return {
        key: sorted(value, key=str) if isinstance(value, list) and key in ("target", "prediction") else value
        for key, value in line.items()
    }


def _hub(run: RunFacts) -> dict[str, Any]:
    task, method = str(run.metrics["task"]), str(run.metrics["method"])
    lineage = run.metrics.get("lineage") or [run.metrics]
    base = str(lineage[0].get("base", run.metrics["base"]))
    stages = method.split("+")
    named = STARTER if base == "starter" else base if re.fullmatch(r"[\w-][\w.-]*(/[\w.-]+)?", base) else None
    out = "RUN"  # a card travels with its folder, wherever that lies
    return {
        "command": _command(task, out),
        "python": _python(task, out),
        "base_model": named,
        "tags": ["joyul", task, *dict.fromkeys(stages)],
        "pipeline_tag": HUB_TASKS.get(task),
        "pipeline": HUB_TASKS[task] if task in PIPELINES else None,
        "model_folder": f"{out}/model",
        "max_length": run.recipe.get("max_length", ("", ""))[0],
    }
