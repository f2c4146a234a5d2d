"""Commands, settings and recipes that say what Joyul does not know."""

from __future__ import annotations

import pytest

from tests.outcomes.desk import GOOD, Desk, Outcome

TRAIN = "train r.csv base=bert"


def recipe(text: str) -> dict[str, str | bytes]:
    return {"r.csv": GOOD, "r.yaml": text}


OUTCOMES = [
    Outcome("key with nothing behind it", "refused", "train base=bert data=", ("--data needs a value: --data VALUE",), status=2),
    Outcome("unknown verb", "refused", "tran r.csv", ("there is no verb 'tran'.", "Did you mean 'train'?"), status=2),
    Outcome("help on an unknown verb", "refused", "help tran", ("there is no verb 'tran'.", "Did you mean 'train'?"), status=2),
    Outcome(
        "unknown key",
        "refused",
        f"{TRAIN} epoch=1",
        ("there is no setting 'epoch'. `joyul train --help` lists them. Did you mean 'epochs'?",),
        status=2,
    ),
    Outcome(
        "key of another verb",
        "refused",
        f"{TRAIN} methods=full",
        ("methods is not a setting of `joyul train`, which takes: data, valid,",),
        status=2,
    ),
    Outcome("key given twice", "refused", f"{TRAIN} data=r.csv", ("data is given twice; keep one.",), status=2),
    Outcome(
        "key and its alias",
        "refused",
        f"{TRAIN} lr=1e-3 learning_rate=1e-4",
        ("learning_rate is given twice; keep one.",),
        status=2,
    ),
    Outcome(
        "key without a value",
        "refused",
        f"{TRAIN} --epochs",
        ("--epochs needs a value: --epochs VALUE, or key=value.",),
        status=2,
    ),
    Outcome(
        "a word too many",
        "refused",
        f"{TRAIN} more",
        ("'more' is one word too many for joyul train here. Settings are key=value.",),
        status=2,
    ),
    Outcome(
        "a word that nobody reads", "refused", "methods full", ("'full' is one word too many for joyul methods here.",), status=2
    ),
    Outcome(
        "no data",
        "refused",
        "train base=bert",
        ("which rows? Give data=FILE, or labels=a,b with method=prompt for zero-shot.",),
        status=2,
    ),
    Outcome(
        "value of the wrong type",
        "refused",
        f"{TRAIN} epochs=abc",
        ("epochs=abc cannot be used. Allowed: a number, above 0, at most 10000.",),
        status=2,
    ),
    Outcome(
        "value out of bounds", "refused", f"{TRAIN} epochs=0", ("epochs=0 cannot be used. Allowed: a number, above 0",), status=2
    ),
    Outcome(
        "rate out of every range",
        "refused",
        f"{TRAIN} learning_rate=11",
        ("learning_rate=11 is outside the range of every stage (full: 1e-08 … 0.01).",),
        status=2,
    ),
    Outcome(
        "unknown choice",
        "refused",
        f"{TRAIN} schedule=linaer",
        ("schedule=linaer cannot be used.", "Did you mean 'linear'?"),
        status=2,
    ),
    Outcome("unknown language", "refused", f"{TRAIN} lang=fr", ("lang=fr cannot be used. Allowed: one of en, ko.",), status=2),
    Outcome(
        "list that does not end",
        "refused",
        f"{TRAIN} labels=[a",
        ("labels=[a cannot be used. Allowed: words separated by commas",),
        status=2,
    ),
    Outcome(
        "unknown method",
        "refused",
        f"{TRAIN} method=ful",
        ("there is no stage 'ful'. Stages: full, layers, contrast, head, lora, soft_prompt,", "PEFT's other adapters by name", "Did you mean 'full'?"),
        status=2,
    ),
    Outcome(
        "values that do not match the stages",
        "refused",
        f"{TRAIN} method=full+head epochs=1+2+3",
        ("epochs=1+2+3 has 3 values, but 2 stages of the chain take epochs: full+head.", "Give one value for all, or one each: epochs=1+2."),
        status=2,
    ),
    Outcome(
        "two values for one stage",
        "refused",
        f"{TRAIN} method=full+prompt epochs=1+2",
        ("epochs=1+2 has 2 values, but one stage alone takes epochs: full. Give one: epochs=1.",),
        status=2,
    ),
    Outcome(
        "stage that is not in the chain",
        "refused",
        f"{TRAIN} method=full head.epochs=3",
        ("there is no stage 'head' in this chain (full), so head.epochs has no place.",),
        status=2,
    ),
    Outcome(
        "stage that stands twice",
        "refused",
        f"{TRAIN} method=full+full full.epochs=3",
        ("full.epochs does not say which full of full+full is meant; join the values by +",),
        status=2,
    ),
    Outcome(
        "setting that no stage takes",
        "refused",
        f"{TRAIN} method=prompt epochs=1",
        ("no stage of prompt takes epochs.",),
        status=2,
    ),
    Outcome(
        "unknown method to compare",
        "refused",
        "compare r.csv base=bert methods=full,hed",
        ("there is no stage 'hed'.", "Did you mean 'head'?"),
        status=2,
    ),
    Outcome(
        "method compared twice",
        "refused",
        "compare r.csv base=bert methods=full,full",
        ("full is to be compared twice; keep one.",),
        status=2,
    ),
    Outcome(
        "missing recipe",
        "refused",
        "train rr.yaml",
        ("rr.yaml: this file does not exist. Did you mean 'r.yaml'?",),
        recipe("data: r.csv\n"),
        status=2,
    ),
    Outcome(
        "broken recipe",
        "refused",
        "train r.yaml",
        ("r.yaml, line 3: this is not valid YAML: expected ',' or ']'",),
        recipe("data: r.csv\nbase: [bert\n"),
        status=2,
    ),
    Outcome(
        "unknown key in a recipe",
        "refused",
        "train r.yaml",
        ("r.yaml, line 2: there is no setting 'epoch'.", "Did you mean 'epochs'?"),
        recipe("data: r.csv\nepoch: 1\n"),
        status=2,
    ),
    Outcome(
        "wrong value in a recipe",
        "refused",
        "train r.yaml",
        ("r.yaml, line 3: seed=-1 cannot be used. Allowed: a whole number, at least 0",),
        recipe("data: r.csv\nbase: bert\nseed: -1\n"),
        status=2,
    ),
    Outcome(
        "key twice in a recipe",
        "refused",
        "train r.yaml",
        ("r.yaml, line 3: base is given twice; keep one.",),
        recipe("data: r.csv\nbase: bert\nbase: bert\n"),
        status=2,
    ),
    Outcome(
        "nested recipe",
        "refused",
        "train r.yaml",
        ("r.yaml, line 2: a setting is one value or a list of values; nothing nested, no tags.",),
        recipe("data: r.csv\nfull:\n  epochs: 1\n"),
        status=2,
    ),
    Outcome(
        "recipe with a tag",
        "refused",
        "train r.yaml",
        ("r.yaml, line 2: a setting is one value or a list of values; nothing nested, no tags.",),
        recipe("base: bert\ndata: !!python/object/apply:os.system ['touch harmed']\n"),
        status=2,
    ),
    Outcome(
        "recipe that is a list",
        "refused",
        "train r.yaml",
        ("r.yaml: a recipe is a list of `key: value` lines.",),
        recipe("- data\n"),
        status=2,
    ),
    Outcome(
        "recipe in another encoding",
        "refused",
        "train r.yaml",
        ("r.yaml: the recipe cannot be read: 'utf-8' codec",),
        {"r.yaml": "text: 글".encode("cp949")},
        status=2,
    ),
    Outcome("init without a task", "refused", "init", ("for which task? joyul init TASK (tasks: classify, regress, tag)",), status=2),
    Outcome(
        "init of an unknown task",
        "refused",
        "init clasify",
        ("there is no recipe for task 'clasify'.", "Did you mean 'classify'?"),
        status=2,
    ),
    Outcome(
        "init over a recipe",
        "refused",
        "init classify",
        ("recipe.yaml exists already and is kept. Take another out=, or add overwrite=yes.",),
        {"recipe.yaml": "mine"},
        status=2,
    ),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.name)
def test_outcome(desk: Desk, outcome: Outcome) -> None:
    desk.check(outcome)
