"""One folder per result: what a run leaves behind, and how it is opened again."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from torch import nn
from transformers import PreTrainedModel

from joyul import linear
from joyul.bases.hosted import check_settings, hosted, overridden
from joyul.bases.load import load_model, open_base
from joyul.bases.source import MODEL_FOLDER, RECIPE_FILE, find, runs_near, weights_of
from joyul.contracts import Example, Form, Method, Prediction, Setting, Task
from joyul.data.values import composed
from joyul.engine.device import device
from joyul.engine.evaluate import predict
from joyul.errors import DataError, RunError, UsageError
from joyul.files import write_folder, write_text
from joyul.forms import FORMS
from joyul.forms.rows import untokenised
from joyul.forms.written import PROMPT_FILE, prompt_yaml, read_form
from joyul.messages import words
from joyul.methods import METHODS, Build
from joyul.methods.chain import Tuned, encode
from joyul.notes import Notes
from joyul.recipe.resolve import resolve
from joyul.recipe.settings import RunSettings, StageSettings
from joyul.tasks import TASKS

METRICS_FILE, STAGES_FOLDER = "metrics.json", "stages"


@dataclass(frozen=True)
class Catalogue:
    """What names in an artifact mean. Tests pass their own beside the built-in ones."""

    tasks: Mapping[str, type[Task]] = field(default_factory=lambda: TASKS)
    forms: Mapping[str, type[Form]] = field(default_factory=lambda: FORMS)
    methods: Mapping[str, Build] = field(default_factory=lambda: METHODS)


@dataclass
class Artifact:
    """A result opened for use: `joyul.load("runs/x").predict(["..."])`."""

    folder: Path
    tuned: Tuned

    @property
    def form(self) -> Form:
        """How rows are put to it."""
        return self.tuned.form

    def predict(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, notes: Notes | None = None
    ) -> list[Prediction]:
        """One Prediction a text, in order. An empty text raises DataError naming its place."""
        inputs = [{"text": composed(text)} for text in texts]
        for values, pair in zip(inputs, pairs or (), strict=bool(pairs)):
            values["text_pair"] = composed(pair)
        return self.predict_examples([Example(str(number + 1), value) for number, value in enumerate(inputs)], notes)

    def predict_examples(self, examples: Sequence[Example], notes: Notes | None = None) -> list[Prediction]:
        """One Prediction an Example, in order."""
        for example in examples:
            if not str(example.inputs.get("text") or "").strip():
                raise DataError("empty_text", where=example.id)
            self.form.setting.task.check(replace(example, target=None), example.id)
        rows = encode(self.form, examples, notes or Notes())
        return predict(self.tuned.model, self.form, rows, notes)


def save_weights(folder: Path, tuned: Tuned) -> None:
    """Write `model/`, `stages/` and `prompt.yaml`, each whole or not at all."""
    if tuned.moved:
        write_folder(folder / MODEL_FOLDER, lambda path: _save_model(path, tuned))
    for number, method in enumerate(tuned.stages, start=1):
        _save_stage(folder / STAGES_FOLDER / f"{number:02d}-{method.name}", method, tuned.model)
    write_text(folder / PROMPT_FILE, prompt_yaml(tuned.form))


def _save_model(path: Path, tuned: Tuned) -> None:
    model: nn.Module = tuned.model
    for method in reversed(tuned.stages):
        model = method.plain(model)
    assert isinstance(model, PreTrainedModel)
    model.save_pretrained(path)
    save_tokenizer(path, tuned.form.setting)


def save_tokenizer(path: Path, setting: Setting) -> None:
    """The tokenizer, which keeps where rows are cut: stock transformers cuts there too, asked for truncation."""
    tokenizer = copy.deepcopy(setting.tokenizer)
    tokenizer.model_max_length = setting.max_length
    tokenizer.save_pretrained(path)


def _save_stage(path: Path, method: Method, model: nn.Module) -> None:
    """A stage folder, where the method has something to keep that `model/` cannot hold."""
    write_folder(path, lambda folder: method.save(model, folder))
    if not any(path.iterdir()):
        path.rmdir()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()


def why_not_plain(tuned: Tuned, folder: Path) -> str | None:
    """The reason stock transformers does not load `model/` and answer the same; None where it does."""
    if (folder / STAGES_FOLDER).exists():
        return words("not_plain_stages")
    return tuned.form.why_not_plain if tuned.moved else words("not_plain_no_model")


def load(
    path: str | Path, catalogue: Catalogue | None = None, dropout: float | None = None, notes: Notes | None = None,
    terms: Mapping[str, Any] | None = None,
) -> Artifact:  # fmt: skip
    """Open a run folder (`dropout`: for training on).

    Where its base is behind an endpoint, `terms` are settings to ask it by (`base_url`, ...) instead of those in its recipe, and
    what is asked is told to `notes`.

    Raises UsageError where there is none and RunError where the run did not end.
    """
    folder, catalogue = Path(path), catalogue or Catalogue()
    if not (folder / RECIPE_FILE).is_file():
        raise UsageError("not_a_run", found=str(path), allowed=runs_near(folder))
    if not (folder / PROMPT_FILE).is_file() or not (folder / METRICS_FILE).is_file():
        raise RunError("run_not_ended", where=str(path), folder=str(path))
    if find(weights_of(folder)).hosted:
        return Artifact(folder, _open_hosted(folder, catalogue, notes or Notes(), terms or {}))
    check_settings(terms or {}, [str(path)])
    tuned = _open(folder, catalogue, dropout)
    tuned.model.to(device())
    return Artifact(folder, tuned)


def _open(folder: Path, catalogue: Catalogue, dropout: float | None) -> Tuned:
    if (folder / linear.FOLDER).is_dir():
        return Tuned(*linear.load(folder, task_of(folder, catalogue)))
    has_model = (folder / MODEL_FOLDER).is_dir()
    files = open_base(weights_of(folder))
    setting = Setting(task_of(folder, catalogue), files.tokenizer, files.architecture, 0)
    form = read_form(folder / PROMPT_FILE, setting, catalogue.forms)
    task = form.setting.task
    model: nn.Module = load_model(files, form.auto_class, task.labels, dropout=dropout, target=task.target_type)
    stages: list[Method] = []
    for path in sorted((folder / STAGES_FOLDER).glob("*-*")):
        method = catalogue.methods[path.name.split("-", 1)[1]](RunSettings(), StageSettings())
        model = method.load(model, path)
        stages.append(method)
    return Tuned(model, form, stages, moved=has_model)


def _open_hosted(folder: Path, catalogue: Catalogue, notes: Notes, terms: Mapping[str, Any]) -> Tuned:
    settings = overridden(resolve("train", [], recipe_file=str(folder / RECIPE_FILE)).run, terms)
    form = read_form(folder / PROMPT_FILE, untokenised(task_of(folder, catalogue), "hosted"), catalogue.forms)
    return Tuned(hosted(settings, weights_of(folder), notes), form)


def task_of(folder: Path, catalogue: Catalogue | None = None) -> Task:
    """The task as prompt.yaml says it. Raises RunError with what is wrong in it."""
    file = folder / PROMPT_FILE
    try:
        content = YAML(typ="base", pure=True).load(file.read_text(encoding="utf-8"))
        return (catalogue or Catalogue()).tasks[content["task"]].restore(content)
    except FileNotFoundError as error:
        raise RunError("run_not_ended", where=str(folder), folder=str(folder)) from error
    except (YAMLError, KeyError, TypeError, ValueError) as error:
        raise RunError("prompt_broken", where=str(file), reason=" ".join(str(error).split())) from error
