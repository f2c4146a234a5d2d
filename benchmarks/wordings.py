"""Prompts on `starter`: the usual ones against twenty of varied wording, and a search with 16 labels a class over draws of rows:

    python benchmarks/wordings.py --data ../shared/data

The twenty stand in templates.json and were written before any score was seen. Texts are embedded once. Results go into README.md.
With `--held train` the searches are scored on other training rows and nothing else is done: rules of the search are chosen so.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
from torch import nn

from joyul.bases.load import BaseFiles, load_model, open_base
from joyul.contracts import Example, Form, Setting
from joyul.data.examples import Examples
from joyul.data.read import read
from joyul.forms.similarity import Similarity
from joyul.forms.usual import readable, usual
from joyul.methods.answers import Answers
from joyul.methods.choose import choose
from joyul.methods.prompt import Prompt
from joyul.methods.race import Race
from joyul.notes import Notes
from joyul.tasks.classify import Classify

HERE = Path(__file__).parent
SEARCHED = ("sst2", "trec")
SHOTS = 16
OTHERS = 1500
MARKS = ("<!-- prompts -->\n", "<!-- /prompts -->\n")


@dataclass
class Bench:
    """One data set under the names of its classes: its scored rows, the rows drawn from, and what the base says of them."""

    form: Similarity
    test: Answers
    train: Answers
    templates: Sequence[Mapping[str, Any]] = field(default_factory=list)

    def score(self, form: Similarity) -> float:
        """Accuracy on the scored rows."""
        return accuracy(self.test, form, range(len(self.test.examples)))

    def twenty(self) -> list[float]:
        """Scores of the twenty templates."""
        labels = self.form.setting.task.labels
        scores = []
        for item in self.templates:
            said = {label: (word,) for label, word in zip(labels, item.get("words", {}).values(), strict=False)}
            scores.append(self.score(Similarity(self.form.setting, (item["template"],), said or readable(labels))))
        return scores

    def draw(self, seed: int) -> list[int]:
        """`SHOTS` rows of each class."""
        order = np.random.default_rng(seed).permutation(len(self.train.examples))
        taken: dict[str, list[int]] = {label: [] for label in self.form.setting.task.labels}
        for place in order:
            mine = taken[self.train.examples[place].target]
            if len(mine) < SHOTS:
                mine.append(int(place))
        return [place for mine in taken.values() for place in mine]


def accuracy(answers: Answers, form: Form, places: Sequence[int]) -> float:
    """The share of rows answered rightly."""
    found = answers.of(form, places)
    return mean(answer.value == answers.examples[place].target for answer, place in zip(found, places, strict=True))


def opened(name: str, content: Mapping[str, Any], data: Path, files: BaseFiles, model: nn.Module) -> Bench:
    """The data set under the names that its classes have in templates.json."""
    train, scored = (_rows(data / name / file) for file in ("train.csv", content["file"]))
    found = sorted({row.target for row in train})
    names = content["labels"] if isinstance(content["labels"], dict) else {label: label for label in found}
    task = Classify(tuple(names[label] for label in found))
    rows = [[Example(row.id, row.inputs, names[row.target]) for row in part] for part in (scored, train)]
    form = Similarity(Setting(task, files.tokenizer, files.architecture, 256))
    form = form.asked(usual(form.name, readable(task.labels)))
    return Bench(form, Answers(model, rows[0]), Answers(model, rows[1]), content["templates"])


def _rows(file: Path) -> list[Example]:
    return list(Examples(read(str(file), notes=Notes())["train"], {"text": "text", "target": "label"}))


def searched(bench: Bench, model: nn.Module, seed: int, others: bool) -> dict[str, float]:
    """One search on one draw: the score where it was chosen, the optimism it reports, the score on the scored rows.

    `others`: scored on training rows that were not drawn. `best` is what the leader would have had, paired test or not.
    """
    drawn = bench.draw(seed)
    race = Race(Answers(model, [bench.train.examples[place] for place in drawn]), seed)
    method = Prompt(wide=True, seed=seed)
    for _ in choose(race, model, method, method.forms(bench.form), 1, 1):
        pass
    verdict = race.verdict()
    answers = bench.train if others else bench.test
    rest = [place for place in range(len(answers.examples)) if not others or place not in drawn]
    if others:
        rest = np.random.default_rng(seed).permutation(rest)[:OTHERS].tolist()
    forms = {"default": bench.form, "held": race.winner().form, "best": race.leader().form}
    found = {name: accuracy(answers, form, rest) for name, form in forms.items()}
    return {"chosen": verdict["score"], "optimism": verdict["optimism"], "replaced": race.winner() is not race.trials[0], **found}


def many_prompts(bench: Bench, count: int = 2000, rows: int = 1000) -> float:
    """Label prompts a minute against the cached features of `rows` rows."""
    words = [word for row in bench.train.examples[:4000] for word in row.inputs["text"].split()]
    labels = bench.form.setting.task.labels
    bench.train.of(bench.form, range(rows))
    started = time.perf_counter()
    for number in range(count // len(labels)):
        pairs = [f"{words[number * 7 + place]} {words[number * 11 + place + 5]} {place}" for place in range(len(labels))]
        said = {label: (pair,) for label, pair in zip(labels, pairs, strict=True)}
        bench.train.of(Similarity(bench.form.setting, ("It is {label}.",), said), range(rows))
    return 60 * (count // len(labels)) * len(labels) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--held", choices=("scored", "train"), default="scored", help="train: other training rows, printed")
    parser.add_argument("--only", help="one set alone: printed, not written into README.md")
    options = parser.parse_args()
    files = open_base("starter")
    model = load_model(files, "AutoModel").eval()
    lines = ["| rows | default | median of twenty | least, most |", "|---|---|---|---|"]
    heads = ("rows", "default", "searched", "gain, its deviation", "replaced", "best of all", "optimism reported", "true")
    gains = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    every = json.loads((HERE / "templates.json").read_text(encoding="utf-8"))
    for name, content in every.items() if options.only is None else [(options.only, every[options.only])]:
        bench = opened(name, content, options.data, files, model)
        if options.held == "train":
            print(_searched_line(name, bench, model, options.draws, others=True), flush=True)
            continue
        scores, default = bench.twenty(), bench.score(bench.form)
        ends = f"{min(scores):.4f}, {max(scores):.4f}"
        lines.append(f"| {name}, {content['file']} | {default:.4f} | {median(scores):.4f} | {ends} |")
        print(lines[-1], flush=True)
        if name in SEARCHED:
            gains.append(_searched_line(name, bench, model, options.draws, others=False))
            print(gains[-1], flush=True)
        if name == SEARCHED[0] and options.only is None:
            speed = f"{many_prompts(bench):,.0f} label prompts a minute against 1,000 rows whose features are kept."
    if options.only is not None or options.held == "train":
        return
    title = f"Search, {SHOTS} labels a class, {options.draws} draws:"
    text = "\n".join(["Zero-shot, accuracy:", "", *lines, "", title, "", *gains, "", speed, ""])
    _written(f"Written by `python benchmarks/wordings.py`. Base `starter`.\n\n{text}")


def _searched_line(name: str, bench: Bench, model: nn.Module, draws: int, others: bool) -> str:
    found = [searched(bench, model, seed, others) for seed in range(draws)]
    held, default, best, reported = (mean(one[key] for one in found) for key in ("held", "default", "best", "optimism"))
    true = mean(one["chosen"] - one["held"] for one in found)
    spread = stdev(one["held"] - one["default"] for one in found) if draws > 1 else 0.0
    replaced = sum(one["replaced"] for one in found)
    gain = f"{held - default:+.4f}, {spread:.4f} | {replaced} of {draws} | {best:.4f}"
    return f"| {name} | {default:.4f} | {held:.4f} | {gain} | {reported:+.4f} | {true:+.4f} |"


def _written(text: str) -> None:
    """Between the marks of README.md."""
    file = HERE / "README.md"
    old = file.read_text(encoding="utf-8")
    if MARKS[0] not in old:
        old += f"\n## Prompts\n\n{MARKS[0]}{MARKS[1]}"
    before, rest = old.split(MARKS[0])
    file.write_text(before + MARKS[0] + text + MARKS[1] + rest.split(MARKS[1])[1], encoding="utf-8")


if __name__ == "__main__":
    main()
