"""Writes docs/reference.md from the declarations in the code: `make docs`. A test compares the committed file with this text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from joyul.data.files import SUFFIXES
from joyul.data.rules import SLOTS, rules_table
from joyul.messages import use_language, words
from joyul.recipe.adapters import ADAPTERS, CONV1D_TOO, REFUSED
from joyul.recipe.aliases import FACTORS, SWITCHES
from joyul.recipe.settings import RUN_KEYS, STAGE_KEYS, RunSettings, doc
from joyul.recipe.stages import STAGES, Default, Sizes
from joyul.recipe.values import allowed

PAGE = Path(__file__).parent / "reference.md"
WIDTHS = (128, 256, 384, 512, 768, 1024, 2048)
ROWS = (50, 200, 1_000, 10_000, 100_000)
SHOWN = ("full", "layers", "head", "lora")
USUAL_WIDTH, USUAL_ROWS = 768, 1_000

# What a run leaves behind, in the order of its making. A test compares the names with those of a real run.
RUN_FILES = {
    "recipe.yaml": "every setting, and in a comment where it came from; `joyul train RUN` runs it again, or goes on with it",
    "steps.jsonl": "one update, or one candidate of a search, a line",
    "adjusted.jsonl": "what `joyul adjust` changed while it ran, and from which step on; only then",
    "state.json": "whether it runs, ended, failed or was interrupted; until then `checkpoints/` stands beside it",
    "model/": "the weights as plain transformers loads them; only where a weight moved",
    "stages/": "what a stage inserted, in PEFT's format (adapters, new head); `model/` is left out where nothing else moved",
    "prompt.yaml": "how rows are put to the model, and the labels",
    "predictions.jsonl": "one test row a line: id, target, prediction, score, scores",
    "report.html": "the report for people, one file without a reference to anything outside it",
    "README.md": "the model card",
    "metrics.json": "scores with intervals, rows, seconds, memory, bytes, versions, lineage, `why_not_plain`; written last",
}
COMPARISON_FILES = {
    "compare.yaml": "what was asked for; `joyul compare FOLDER` runs it again, or goes on with it",
    "state.json": "as in a run",
    "methods/": "a run folder for each method",
    "comparison.json": "the table and the verdict",
    "report.html": "intervals, costs, learning curves, differences, rows where methods disagree: one file",
    "best/": "a copy of the run folder of the method to ship",
}
EXIT_CODES = {
    "0": "done",
    "1": "a run or its data failed; the message says what to put right",
    "2": "the command line, a recipe or a setting is wrong: nothing was started",
    "129": "stopped by SIGHUP (the terminal was closed); what was done is saved, and the message says how to go on",
    "130": "the same by Ctrl-C",
    "143": "the same by SIGTERM",
}


def page() -> str:
    """The whole of reference.md."""
    use_language("en")
    parts = [
        "# Reference",
        "Written by `docs/generate.py` (`make docs`) from the declarations in the code: change those, not this page.",
        "## Settings of a run", _settings(RUN_KEYS),
        "## Settings of a stage",
        "In a chain, values join by `+` in stage order (`learning_rate=1e-4+1e-3`); one value goes to every stage whose range "
        "admits it; `full.epochs=3` (in Python `full__epochs=3`) names its stage. Their defaults depend on the method, the width "
        "of the base and the number of rows: see below.",
        _settings(STAGE_KEYS),
        "## Other spellings", "Settings under the names that other tools give them.", _aliases(),
        "## Stages", "Joined by `+` they run from left to right on the same model.", _stages(),
        "### Default learning rate by width of the base", _rates(),
        "### Default epochs, batch size and patience by training rows", _amounts(),
        "### Adapters", "Under their PEFT names. Their other defaults are those of `lora`; `targets`, `top_layers` hold for all.",
        _adapters(), "Refused:", _refused(),
        f"### The other defaults (width {USUAL_WIDTH}, {USUAL_ROWS:,} rows)", _others(),
        "## Files that are read", ", ".join(f"`{suffix}`" for suffix in SUFFIXES) + ", folders, saved `datasets`, hub ids.",
        "## What the columns tell",
        "The first rule that holds names the task; where another one reads further columns, the user is asked for `task=`. Names "
        "are compared without case, with `_` for blanks and hyphens; only one of each kind is shown. This version trains "
        "`classify`; the other tasks are recognised and refused by name.",
        _table(("rule", "looks for", "task", "columns, for example"), rules_table()),
        "### Names of the columns of `classify`", _names(),
        "## Files of a run", _pairs(("file", "what it holds"), RUN_FILES),
        "`joyul compare` writes", _pairs(("file", "what it holds"), COMPARISON_FILES),
        "## Exit codes", _pairs(("code", "meaning"), EXIT_CODES),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _pairs(headers: Sequence[str], pairs: dict[str, str]) -> str:
    return _table(headers, ((f"`{name}`", words) for name, words in pairs.items()))


def _settings(keys: Sequence[str]) -> str:
    if keys == STAGE_KEYS:
        takers = {key: ", ".join(name for name, info in STAGES.items() if key in info.takes) for key in keys}
        return _table(("setting", "meaning", "allowed", "stages"), ((f"`{k}`", doc(k).text, allowed(k), takers[k]) for k in keys))
    rows = ((f"`{key}`", doc(key).text, allowed(key), _default(key), ", ".join(doc(key).verbs)) for key in keys)
    return _table(("setting", "meaning", "allowed", "default", "verbs"), rows)


def _default(key: str) -> str:
    value = RunSettings.model_fields[key].default
    return "" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _aliases() -> str:
    rows = [(f"`{key}`", ", ".join(f"`{alias}`" for alias in doc(key).aliases)) for key in (*RUN_KEYS, *STAGE_KEYS)]
    rows = [row for row in rows if row[1]]
    rows.append(("`batch_size`, their product", ", ".join(f"`{name}`" for name in FACTORS)))
    rows += [(f"`{key}={value}`", f"`{name}=true`") for name, (key, value, _) in SWITCHES.items()]
    return _table(("setting", "also called"), rows)


def _stages() -> str:
    rows = []
    for name, info in STAGES.items():
        ranges = "; ".join(f"`{key}` {low:g} to {high:g}" for key, (low, high) in info.ranges.items())
        taken = "trains" if "learning_rate" in info.takes else ", ".join(f"`{key}`" for key in ("template", *info.takes))
        rows.append((f"`{name}`", info.text, taken, ranges or "–"))
    return _table(("stage", "what moves", "settings", "ranges for a single value of a chain"), rows)


def _trained() -> list[str]:
    return [name for name, info in STAGES.items() if "learning_rate" in info.takes]


def _value(stage: str, key: str, width: int = USUAL_WIDTH, rows: int = USUAL_ROWS) -> Any:
    return STAGES[stage].defaults(Sizes(width, rows), {})[key].value


def _rates() -> str:
    rows = ((f"`{stage}`", *(f"{_value(stage, 'learning_rate', width=width):g}" for width in WIDTHS)) for stage in _trained())
    return _table(("width", *map(str, WIDTHS)), rows)


def _amounts() -> str:
    rows = [
        (f"`{stage}` {key}", *(_value(stage, key, rows=count) for count in ROWS))
        for stage in SHOWN
        for key in ("epochs", "batch_size", "patience")
    ]
    return _table(("rows", *(f"{count:,}" for count in ROWS)), rows)


def _others() -> str:
    told = ("learning_rate", "epochs", "batch_size", "patience")
    defaults = {stage: STAGES[stage].defaults(Sizes(USUAL_WIDTH, USUAL_ROWS), {}) for stage in SHOWN}
    keys = dict.fromkeys(key for found in defaults.values() for key in found if key not in told)
    rows = ((f"`{key}`", *(_shown(defaults[stage].get(key)) for stage in SHOWN)) for key in keys)
    return _table(("setting", *SHOWN), rows)


def _shown(default: Default | None) -> str:
    value = default.value if default else "–"
    return ",".join(value) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else str(value)


def _adapters() -> str:
    """What PEFT's adapters have beside LoRA: where they fit, and their rank."""
    rows = []
    for name, adapter in ADAPTERS.items():
        kinds = "norms" if name == "ln_tuning" else "linear layers" + (", GPT-2's Conv1D" if name in CONV1D_TOO else "")
        settings = {"rank": adapter.rank, "lora_alpha": adapter.alpha, "lora_dropout": adapter.dropout}
        taken = ", ".join(f"`{key}` ({field})" for key, field in settings.items() if field)
        rows.append((f"`{name}`", kinds, taken or "–", adapter.usual_rank if adapter.rank else "–"))
    return _table(("adapter", "stands beside", "settings (PEFT's name)", "default rank"), rows)


def _refused() -> str:
    return _table(("PEFT's", "why not"), ((f"`{name}`", words(reason)) for name, reason in REFUSED.items()))


def _names() -> str:
    found: dict[str, dict[str, None]] = {}
    for slots in SLOTS["classify"]:
        for slot in slots:
            found.setdefault(slot.role, {}).update(dict.fromkeys(slot.names))
    keys = {"text": "text", "text_pair": "pair", "target": "label"}
    rows = ((f"`{keys[role]}`", ", ".join(names)) for role, names in found.items())
    return _table(("setting", "names that are recognised"), rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
