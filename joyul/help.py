"""Help pages, derived from the settings and stages: nothing is described twice."""

from __future__ import annotations

from joyul.messages import words
from joyul.recipe.settings import STAGE_KEYS, doc, keys_of
from joyul.recipe.stages import STAGES
from joyul.recipe.values import allowed
from joyul.terminal import results, show_table

USAGES = {
    "train": "joyul train [DATA | RECIPE.yaml] [key=value ...]",
    "compare": "joyul compare [DATA | RECIPE.yaml] [key=value ...]",
    "lr": "joyul lr [DATA | RECIPE.yaml] [key=value ...]",
    "predict": "joyul predict RUN [TEXT ...] [data=FILE out=FILE] [-- TEXT]",
    "eval": "joyul eval RUN data=FILE [key=value ...]",
    "export": "joyul export RUN [format=onnx out=FOLDER] [data=FILE] [-- TEXT]",
    "adjust": "joyul adjust RUN [key=value ...] [save | stop]",
    "watch": "joyul watch RUN [RUN ...]",
    "init": "joyul init TASK [out=FILE]",
    "methods": "joyul methods",
    "env": "joyul env",
}


def show(verb: str | None) -> None:
    """The page of a verb, or the front page."""
    if verb is None:
        _front()
    else:
        _page(verb)


def _front() -> None:
    results.print(words("help_front"), soft_wrap=True)
    show_table(("", ""), [(usage, words(f"verb_{verb}")) for verb, usage in USAGES.items()])
    results.print("\n" + words("help_grammar"), soft_wrap=True, markup=False)


def _page(verb: str) -> None:
    results.print(f"{USAGES[verb]}\n\n{words(f'verb_{verb}')}\n", soft_wrap=True, markup=False)
    keys = [key for key in keys_of(verb) if key not in STAGE_KEYS]
    show_table((words("col_setting"), words("col_meaning"), words("col_allowed")), map(_row, keys))
    mine = [key for key in keys_of(verb) if key in STAGE_KEYS]
    if mine:
        results.print("\n" + words("help_stage_settings"), soft_wrap=True, markup=False)
        show_table((words("col_setting"), words("col_meaning"), words("col_allowed")), map(_row, mine))
    if len(mine) == len(STAGE_KEYS):
        results.print("\n" + words("help_stages"), soft_wrap=True, markup=False)
        show_table(("", ""), [(name, info.text) for name, info in STAGES.items()])
    results.print("\n" + words("help_flags"), soft_wrap=True, markup=False)


def _row(key: str) -> tuple[str, str, str]:
    return key, doc(key).text, allowed(key)
