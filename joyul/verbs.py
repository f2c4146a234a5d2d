"""The verbs, each one call into the library. Imports stand inside, so that `joyul methods` does not wait for torch."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from joyul.errors import DataError, UsageError
from joyul.messages import use_language, words
from joyul.notes import Notes
from joyul.recipe.grammar import Call
from joyul.recipe.resolve import Recipe, resolve
from joyul.recipe.stages import STAGES
from joyul.terminal import TerminalNotes, follow, messages, results, show_groups, show_run, show_scores, show_table


def train(call: Call) -> int:
    """Tune a base; one run folder."""
    from joyul.run import tune

    notes = TerminalNotes()
    recipe, going_on = _recipe("train", call, notes)
    run = follow(tune(recipe, notes, going_on=going_on), recipe)
    if not _print_json(call, {"folder": str(run.folder), **run.metrics}):
        show_run(str(run.folder), run.metrics)
    return 0


def compare(call: Call) -> int:
    """Tune it by several methods; one table, one verdict."""
    from joyul.compare.finished import compare_finished
    from joyul.compare.protocol import compare_recipe
    from joyul.compare.view import show_comparison, show_row

    notes = TerminalNotes()
    if len(call.positionals) > 1:
        comparison = compare_finished(call.positionals, resolve("compare", call.given), notes)
    else:
        recipe, going_on = _recipe("compare", call, notes)
        comparison = compare_recipe(recipe, notes, show_row, follow, going_on)
    if not _print_json(call, comparison.record):
        show_comparison(comparison)
    return 0


def lr(call: Call) -> int:
    """Measure the learning rate; a page."""
    from joyul.rates import search

    notes = TerminalNotes()
    recipe, _ = _recipe("lr", call, notes)
    found = follow(search(recipe, notes), recipe)
    if not _print_json(call, found.record()):
        results.print("\n".join(found.lines()), soft_wrap=True, markup=False)
    return 0


def predict(call: Call) -> int:
    """Answer for texts, a file or standard input."""
    from joyul.artifact import load
    from joyul.use import predict_file, predict_texts

    folder = _run_folder("predict", call)
    settings = resolve("predict", call.given).run
    if settings.out is not None and settings.data is None:
        raise UsageError("out_needs_data")
    if settings.text is not None and settings.data is None:
        raise UsageError("text_needs_data", folder=shlex.quote(folder), text=shlex.quote(settings.text))
    notes = TerminalNotes()
    artifact = load(folder, notes=notes, terms=settings.model_dump())
    if settings.data is not None:
        _at_most(1, call, "predict")
        lines = predict_file(artifact, settings, notes)
    else:
        lines = predict_texts(artifact, _texts(call), notes)
    if "json" in call.flags:
        _print_json(call, {"predictions": lines})
    elif settings.out is None:
        for line in lines:
            print(json.dumps(line, ensure_ascii=False))
    return 0


def eval(call: Call) -> int:
    """Score a result on new labelled rows."""
    from joyul.artifact import load
    from joyul.use import evaluate_file

    settings = resolve("eval", call.given).run
    _at_most(1, call, "eval")
    folder = _run_folder("eval", call)
    if settings.data is None:
        raise UsageError("eval_needs_data")
    notes = TerminalNotes()
    found = evaluate_file(load(folder, notes=notes, terms=settings.model_dump()), settings, notes)
    if not _print_json(call, found):
        show_scores({"data": found["scores"]}, {"data": found["rows"]})
        show_groups(found["groups"])
    return 0


def export(call: Call) -> int:
    """Write a result as others load it."""
    from joyul.artifact import load
    from joyul.exported import export_run

    settings = resolve("export", call.given).run
    folder = _run_folder("export", call)
    made = export_run(load(folder), settings, call.positionals[1:], TerminalNotes())
    figures = {"folder": str(made.folder), "format": made.format, "rows": made.rows}
    if not _print_json(call, {**figures, "largest_difference": made.difference, "tolerance": made.tolerance}):
        shown = {"difference": f"{made.difference:.2g}", "tolerance": f"{made.tolerance:.2g}"}
        messages.print(words("exported", **figures, **shown), soft_wrap=True)
    return 0


def init(call: Call) -> int:
    """Write a commented recipe."""
    from joyul.files import write_text
    from joyul.recipe.rows import TASKS
    from joyul.recipe.template import commented

    settings = resolve("init", call.given).run
    _at_most(1, call, "init")
    if not call.positionals:
        raise UsageError("init_needs_task", tasks=", ".join(TASKS))
    text = commented(call.positionals[0])
    out = Path(settings.out or "recipe.yaml")
    if out.exists() and not settings.overwrite:
        raise UsageError("file_exists", found=str(out))
    write_text(out, text)
    if not _print_json(call, {"recipe": str(out)}):
        messages.print(words("recipe_written", out=str(out)), soft_wrap=True)
    return 0


def adjust(call: Call) -> int:
    """Change settings of a run in progress."""
    from joyul.adjusting import adjust_run

    folder = Path(_run_folder("adjust", call))
    with suppress(KeyboardInterrupt):  # the request stands, the answer is not waited for
        made = adjust_run(folder, call.positionals[1:], call.given)
        figures = {"asked": dict(made.settings), "words": list(made.words), "read": made.read, "step": made.step}
        if not _print_json(call, {"folder": str(folder), **figures}):
            said = ", ".join([*(f"{key}={value}" for key, value in made.settings.items()), *made.words])
            key = "adjusted" if made.step is not None else "adjust_read" if made.read else "adjust_asked"
            messages.print(words(key, said=said, folder=str(folder), step=made.step), soft_wrap=True, markup=False)
    return 0


def watch(call: Call) -> int:
    """Live curves of runs."""
    from joyul import watch as live

    resolve("watch", call.given)
    if not call.positionals:
        raise UsageError("run_folder_needed", verb="watch")
    if "json" in call.flags:
        _print_json(call, {"runs": live.state(call.positionals)})
        return 0
    with suppress(KeyboardInterrupt):  # leaving is not failing: the runs go on
        live.watch(call.positionals)
    return 0


def methods(call: Call) -> int:
    """List the stages, and the rules that tell the task from the columns."""
    from joyul.data.columns import rules_table

    resolve("methods", call.given)
    _at_most(0, call, "methods")
    rows = [(name, info.text, ", ".join(info.takes)) for name, info in STAGES.items()]
    if not _print_json(call, {"methods": [{"method": name, "moves": moves, "settings": takes} for name, moves, takes in rows]}):
        show_table((words("col_stage"), words("col_moves"), words("col_settings")), rows)
        results.print("\n" + words("methods_chain"), soft_wrap=True, markup=False)
        results.print("\n" + words("methods_rules"), soft_wrap=True, markup=False)
        show_table((words("col_number"), words("col_rule"), words("col_task"), words("col_columns")), rules_table())
    return 0


def env(call: Call) -> int:
    """List versions and device."""
    from joyul.engine.device import describe
    from joyul.engine.kernels import cache_file
    from joyul.record import versions

    resolve("env", call.given)
    _at_most(0, call, "env")
    found = {**versions(), "device": describe(), "measured": str(cache_file())}
    if not _print_json(call, found):
        show_table(("", ""), list(found.items()))
    return 0


def _print_json(call: Call, value: Mapping[str, Any]) -> bool:
    """With --json, one JSON object on stdout."""
    if "json" not in call.flags:
        return False
    print(json.dumps(value, ensure_ascii=False))
    return True


def _recipe(verb: str, call: Call, notes: Notes) -> tuple[Recipe, bool]:
    """The recipe of a command line, and whether it goes on with a run."""
    from joyul.resume import recipe_of

    _at_most(1, call, verb)
    recipe, going_on = recipe_of(verb, call.positionals[0] if call.positionals else None, call.given, notes)
    if recipe.run.lang is not None:  # a recipe may choose the language too
        use_language(recipe.run.lang)
    return recipe, going_on


def _at_most(count: int, call: Call, verb: str) -> None:
    """Refuse words that nobody would read."""
    if len(call.positionals) > count:
        raise UsageError("too_many_positionals", found=call.positionals[count], verb=verb)


def _texts(call: Call) -> list[str]:
    """The texts behind the run folder, or else (`-` too) the lines of standard input."""
    try:
        given = call.positionals[1:]
        texts = given if given not in ([], ["-"]) else [line.rstrip("\r\n") for line in sys.stdin]
        "".join(texts).encode("utf-8")  # bytes that were no text come from the shell as lone surrogates
    except UnicodeError as error:
        raise DataError("input_undecodable") from error
    return texts


def _run_folder(verb: str, call: Call) -> str:
    if not call.positionals:
        raise UsageError("run_folder_needed", verb=verb)
    return call.positionals[0]
