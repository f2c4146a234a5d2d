"""What a comparison will do: which methods on which bases, in which folders, and about how long that takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import transformers
from transformers import PreTrainedModel

from joyul.bases.anatomy import parameter_count
from joyul.bases.facts import Moving, Shape, Work, cost
from joyul.bases.hosted import SETTINGS
from joyul.bases.load import LENGTH_CEILING, BaseFiles, layer_count, open_base
from joyul.bases.source import find
from joyul.compare.nouns import Draw, Entry
from joyul.contracts import Example, Method
from joyul.engine.batches import TOKEN_BUDGET
from joyul.engine.device import device
from joyul.engine.frozen import moved
from joyul.engine.kernels import rates
from joyul.errors import JoyulError, UsageError
from joyul.forms.template import slots
from joyul.messages import words
from joyul.methods import METHODS
from joyul.notes import Notes
from joyul.recipe import chains
from joyul.recipe.resolve import Recipe, admits
from joyul.recipe.stages import STAGES, Sizes

DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h)")
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
SAMPLE = 200  # rows tokenised for the estimate


def methods(recipe: Recipe, every: Sequence[str]) -> list[str]:
    """The methods to compare. Raises UsageError for an unknown one, a double one, and a setting that none of them takes."""
    names = list(recipe.run.methods or every)
    for name in names:
        chains.names(name)
        if names.count(name) > 1:
            raise UsageError("method_twice", found=name)
    for item, _ in recipe.stage_given:
        if not any(admits(name, item) for name in names):
            raise UsageError("stage_without_setting", where=item.where, key=f"{item.key}={item.value}", chain=", ".join(names))
    return names


def bases(recipe: Recipe) -> list[str]:
    """`base=a,b,c`; a folder with a comma in its name is one base."""
    given = recipe.run.base
    return [given] if Path(given).exists() else [name.strip() for name in given.split(",") if name.strip()]


def shared(names: Sequence[str]) -> set[tuple[str, ...]]:
    """The first stages that several of these methods train alike, one of them going on behind."""
    stages = {tuple(chains.names(name)) for name in names}
    starts = {chain[:length] for chain in stages for length in range(1, len(chain))}
    trained = {start for start in starts if all("epochs" in STAGES[name].takes for name in start)}
    return {start for start in trained if sum(chain[: len(start)] == start for chain in stages) > 1}


def seconds(key: str, budget: str | None) -> float | None:
    """`90s`, `10m` or `2h`, the value of `key`, in seconds. Raises UsageError."""
    if budget is None:
        return None
    match = DURATION.fullmatch(budget.strip().lower())
    if match is None or float(match[1]) <= 0:
        raise UsageError("budget_unreadable", key=key, found=budget)
    return float(match[1]) * UNITS[match[2]]


def recipe_of(recipe: Recipe, entry: Entry, draw: Draw, seed: int, folder: Path) -> Recipe:
    """The recipe of one run. Templates go where they have a place: around the label first, around the text after."""
    mine = recipe.with_method(entry.method)
    stages = chains.names(entry.method)
    prompted = stages[0] == "prompt" and not find(entry.base).hosted
    slot = "label" if prompted or recipe.run.form == "similarity" else "text"
    fitting = tuple(template for template in recipe.run.template or () if slot in slots(template))
    usable = fitting if "prompt" in stages or len(fitting) == 1 else ()
    if not find(entry.base).hosted:
        mine.updated(**dict.fromkeys(SETTINGS))
    tried = chains.last_trained(mine.stages)
    if entry.rate is not None and tried is not None:
        tried.measured("learning_rate", entry.rate, words("origin_tried"))
    mine.updated(base=entry.base, out=str(folder), template=usable or None, seed=seed, shots=draw.size)
    return mine


def placed(
    recipe: Recipe, entry: Entry, draw: Draw, seed: tuple[int, int], root: Path, drawn: bool, labels: Sequence[str] | None
) -> tuple[Recipe, Path]:
    """The recipe of one run with one of so many seeds (its number, how many), and its folder under `root`.

    `drawn`: whether there are other draws; `labels` stand in the recipe where none were given.
    """
    number, seeds = seed
    own = draw.seed * seeds + number if seeds > 1 else draw.seed
    folder = root / "methods" / entry.folder
    if drawn or seeds > 1:
        folder = folder / (draw.name + (f"-seed-{number + 1}" if seeds > 1 else ""))
    if entry.baseline:
        plain = {"base": entry.base, "seed": own, "template": None}  # a baseline reads the text as it stands
        made = Recipe(recipe.run.model_copy(update=plain), [], recipe.origins)
    else:
        made = recipe_of(recipe, entry, draw, own, folder)
    if labels is not None and made.run.labels is None:
        made.updated(labels=labels)
    return made, folder


def say(tries: Mapping[Entry, int], drawn: Sequence[Draw], seeds: int, recipe: Recipe, notes: Notes) -> None:
    """The plan, before anything starts: runs, labels, and the minutes they will take where that can be told.

    `tries`: of each method on each base, how many learning rates it tries.
    """
    labelled = [len(draw.gathered.splits.train) + len(draw.gathered.splits.valid or ()) for draw in drawn]
    tested = len(drawn[0].gathered.splits.test or ())
    notes.say(
        "plan", runs=sum(tries.values()) * len(drawn) * seeds, methods=", ".join(entry.name for entry in tries),
        draws=len(drawn), seeds=seeds, labels=max(labelled), test=tested,
    )  # fmt: skip
    expected = [estimate(entry, draw, recipe) for entry, times in tries.items() for draw in drawn for _ in range(times)]
    known = [one for one in expected if one is not None]
    if known:
        notes.say("plan_minutes", minutes=f"{max(0.1, sum(known) * seeds / 60):.1f}", unknown=len(expected) - len(known))


def estimate(entry: Entry, draw: Draw, recipe: Recipe) -> float | None:
    """Seconds of one run's training, from the shapes alone: no weight is read. None where that cannot be told."""
    if find(entry.base).hosted:
        return None
    files = open_base(entry.base)
    model = _outline(files)
    if model is None:
        return None
    rows = draw.gathered.splits.train
    longest, mean = _lengths(files, [rows[place] for place in range(min(SAMPLE, len(rows)))])
    speed = rates(files.width)
    rate = max(speed.values()) if recipe.run.precision == "auto" else speed.get(recipe.run.precision, speed["fp32"])
    total, sizes = 0.0, Sizes(files.width, len(rows), layer_count(files.config))
    for stage in recipe.with_method(entry.method).stages:
        settings = stage.settle(sizes)
        moving = _moving(METHODS[stage.method](recipe.run, settings), model)
        if moving is None:
            return None
        if moving.count and settings.epochs:
            work = Work(int(mean * len(rows)), settings.epochs, max(TOKEN_BUDGET[device().type], int(longest)), int(longest))
            total += cost(_shape(files, model), moving, work, rate, 0).seconds
    return total


def _outline(files: BaseFiles) -> PreTrainedModel | None:
    """The model without memory; None for an architecture that classifies no text."""
    try:
        with torch.device("meta"):
            made = transformers.AutoModelForSequenceClassification.from_config(files.config)  # type: ignore[no-untyped-call]
    except ValueError:
        return None
    assert isinstance(made, PreTrainedModel)
    return made


def _shape(files: BaseFiles, model: PreTrainedModel) -> Shape:
    config = files.config.get_text_config()
    tables = sum(item.weight.numel() for item in model.modules() if isinstance(item, torch.nn.Embedding))
    return Shape(layer_count(files.config), files.width, int(config.num_attention_heads), parameter_count(model), tables)


def _moving(method: Method, model: PreTrainedModel) -> Moving | None:
    """What moves; None where that is told only by weights (a start that is computed from them) or nothing fits."""
    try:
        inserted = method.insert(model)
        return moved(inserted, method.moves(inserted))
    except (JoyulError, RuntimeError):
        return None


def _lengths(files: BaseFiles, examples: Sequence[Example]) -> tuple[float, float]:
    texts = [" ".join(str(value) for value in example.inputs.values()) for example in examples]
    limit = min(files.length_limit, LENGTH_CEILING)
    lengths = [min(limit, len(tokens)) for tokens in files.tokenizer(texts, verbose=False)["input_ids"]]
    return max(lengths), sum(lengths) / len(lengths)
