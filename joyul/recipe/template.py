"""`joyul init TASK`: a recipe with every setting explained, written from the declarations."""

from __future__ import annotations

from joyul.errors import UsageError
from joyul.messages import words
from joyul.recipe.rows import TASKS
from joyul.recipe.settings import RUN_KEYS, STAGE_KEYS, RunSettings, doc, keys_of
from joyul.recipe.values import allowed

FILLED = {"data": "reviews.csv", "base": "starter", "method": "full"}


def commented(task: str) -> str:
    """The text of a recipe for `task`. Raises UsageError for an unknown one."""
    if task not in TASKS:
        raise UsageError("init_unknown_task", found=task, allowed=list(TASKS))
    filled = {**FILLED, "task": task}
    lines = [f"# {words('init_header', task=task)}", ""]
    for key in keys_of("train"):
        lines += [f"# {doc(key).text} ({allowed(key)})", _line(key, filled), ""]
        if key == RUN_KEYS[-1]:
            lines += [f"# --- {words('help_stage_settings')}", ""]
    return "\n".join(lines)


def _line(key: str, filled: dict[str, str]) -> str:
    """Filled keys stand as they are; the others are commented out at their default."""
    if key in filled:
        return f"{key}: {filled[key]}"
    default = RunSettings.model_fields[key].default if key not in STAGE_KEYS else None
    shown = "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
    return f"# {key}: {shown}".rstrip()
