"""Prompts on `starter`: the usual ones against twenty of varied wording, and a search with 16 labels a class over draws of rows:

    python benchmarks/wordings.py --data ../shared/data

The twenty stand in templates.json and were written before any score was seen. Texts are embedded once. Results go into
wordings.json, and from there into README.md.
With `--held train` the searches are scored on other training rows and nothing else is done: rules of the search are chosen so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
from torch import nn
from write import keep, stamp

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
NAME = "wordings"


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


def search_cell(bench: Bench, model: nn.Module, draws: int, others: bool) -> dict[str, Any]:
    """Means over draws, the deviation of the gain, and how often the default was replaced."""
    found = [searched(bench, model, seed, others) for seed in range(draws)]
    cell: dict[str, Any] = {key: mean(one[key] for one in found) for key in ("default", "held", "best", "optimism")}
    cell["true"] = mean(one["chosen"] - one["held"] for one in found)
    cell["deviation"] = stdev(one["held"] - one["default"] for one in found) if draws > 1 else 0.0
    return cell | {"replaced": sum(one["replaced"] for one in found), "draws": draws}


def section(found: dict[str, Any]) -> list[str]:
    """The lines of benchmarks/README.md."""
    lines = [
        "## Prompts", "",
        "`python benchmarks/wordings.py`: `starter`, zero-shot, against twenty templates of varied wording that were written",
        "before any score was seen (templates.json). Accuracy.", "",
        "| rows | default | median of twenty | least, most | measured |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for name, cell in found.items():
        scores = [_four(cell["default"]), _four(cell["median"]), ", ".join(map(_four, cell["ends"]))]
        lines.append(f"| {name}, {cell['rows']} | {' | '.join(scores)} | {cell['date']} |")
    heads = ("rows", "default", "searched", "gain, its deviation", "replaced", "best of all", "optimism reported", "true")
    lines += ["", f"A search with {SHOTS} labels a class, means over draws:", ""]
    lines += [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    return lines + [searched_line(name, cell["search"]) for name, cell in found.items() if cell.get("search")]


def searched_line(name: str, cell: Mapping[str, Any]) -> str:
    """One set's line of the second table."""
    gain = f"{cell['held'] - cell['default']:+.4f}, {cell['deviation']:.4f}"
    chosen = f"{cell['replaced']} of {cell['draws']} | {_four(cell['best'])} | {cell['optimism']:+.4f} | {cell['true']:+.4f}"
    return f"| {name} | {cell['default']:.4f} | {cell['held']:.4f} | {gain} | {chosen} |"


def _four(value: float) -> str:
    return f"{value:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--held", choices=("scored", "train"), default="scored", help="train: other rows, printed, not kept")
    parser.add_argument("--only", help="one set alone")
    options = parser.parse_args()
    files = open_base("starter")
    model = load_model(files, "AutoModel").eval()
    every = json.loads((HERE / "templates.json").read_text(encoding="utf-8"))
    for name, content in every.items() if options.only is None else [(options.only, every[options.only])]:
        bench = opened(name, content, options.data, files, model)
        if options.held == "train":
            print(searched_line(name, search_cell(bench, model, options.draws, others=True)), flush=True)
            continue
        scores = bench.twenty()
        cell: dict[str, Any] = {"rows": content["file"], "default": bench.score(bench.form), "median": median(scores)}
        cell |= {"ends": [min(scores), max(scores)], **stamp()}
        if name in SEARCHED:
            cell["search"] = search_cell(bench, model, options.draws, others=False)
        keep(NAME, name, cell)
        print("\n".join(section({name: cell})), flush=True)


if __name__ == "__main__":
    main()
