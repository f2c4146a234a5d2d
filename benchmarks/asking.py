"""What asking costs: an opening that all rows share, read once; label prompts by the thousand against one matrix of texts.

    python benchmarks/asking.py [--only opening|labels] [--pairs 5]

`opening`: a random Llama of 50 million parameters scores 4 labels for 64 reviews behind an instruction of 200 tokens: ours
against a plain loop over transformers (eight rows of like length at a time, the labels' logits picked at the last token). Pairs
of runs, one after the other: the median of their ratios, the smallest and the largest. `labels`: a search over templates with
two labels each on 1,000 texts (the reviews, whole and shortened), `starter`; a label prompt is one label in one template. The
prompts are embedded within the time, the texts before it. One thread, its processor time, so that others on the machine count for
little, and the time on the clock. What was measured is kept in benchmarks/asking.json.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig
from write import keep, kept, stamp, write

from joyul.bases.load import load_model, open_base
from joyul.contracts import Example, Setting
from joyul.engine.evaluate import predict
from joyul.forms.continuation import Continuation
from joyul.forms.similarity import Similarity
from joyul.forms.wording import Wording
from joyul.methods.answers import Answers
from joyul.methods.choose import choose
from joyul.methods.prompt import Prompt
from joyul.methods.race import Race
from joyul.tasks.classify import Classify

NAME = "asking"
REVIEWS = Path(__file__).parents[1] / "examples" / "reviews.csv"
LABELS = ("awful", "bad", "good", "great")
OPENING, ROWS, PLAIN_ROWS = 200, 64, 8
TEXTS, TEMPLATES = 1000, 5000
LLAMA = {
    "hidden_size": 512, "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 8, "intermediate_size": 2048,
    "tie_word_embeddings": True,
}  # fmt: skip
INSTRUCTION = (
    "You read reviews that customers have written and say in a single word what they think on the whole. A review may praise "
    "one thing and complain about another: what counts is whether its writer would come again. Irony is common. "
)
FIRST = ("", "Now ", "Overall, ", "In short, ", "Then ", "To sum up, ", "All in all, ", "In my view, ", "As I see it, ", "So ")
SECOND = ("it was", "this is", "that was", "I find it", "I call it", "they had", "she saw", "he has", "we got", "you get")
THIRD = ("a", "the", "my", "one", "this", "some", "such a", "quite a", "just a", "no")
FOURTH = ("review", "day", "place", "thing", "meal")


def reviews() -> list[Example]:
    """The example file's rows."""
    with open(REVIEWS, encoding="utf-8", newline="") as file:
        return [Example(str(number), {"text": row["text"]}, row["label"]) for number, row in enumerate(csv.DictReader(file))]


def opening(pairs: int) -> dict[str, Any]:
    """Ratios of seconds, plain over ours, and the largest difference between the probabilities."""
    tokenizer = open_base("starter").tokenizer
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(LlamaConfig(vocab_size=len(tokenizer), **LLAMA)).eval()
    words = tokenizer.decode(tokenizer(INSTRUCTION * 10, add_special_tokens=False)["input_ids"][:OPENING])
    form = Continuation(Setting(Classify(LABELS), tokenizer, "decoder", 512), Wording("{text} It was {label}", {}, words))
    examples = [replace(review, target=None) for review in reviews()[:ROWS]]
    ours: list[float] = []
    plain: list[float] = []
    gap = 0.0
    for _ in range(pairs + 1):  # the first warms up
        started = time.perf_counter()
        answers = predict(model, form, form.encode(examples))
        between = time.perf_counter()
        expected = plain_loop(model, tokenizer, [form.wording.before(example.inputs) for example in examples])
        ours, plain = [*ours, between - started], [*plain, time.perf_counter() - between]
        found = torch.tensor([list((answer.scores or {}).values()) for answer in answers])
        gap = max(gap, float((found - expected).abs().max()))
    ratios = [slow / quick for slow, quick in zip(plain[1:], ours[1:], strict=True)]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    measured = {"ratios": ratios, "ours": ours[1:], "plain": plain[1:], "gap": gap, "parameters": parameters}
    return {**measured, "threads": torch.get_num_threads(), **stamp()}


def plain_loop(model: nn.Module, tokenizer: Any, prompts: list[str]) -> torch.Tensor:
    """Probabilities of the labels, shape (prompts, labels), as somebody would write it down."""
    labels = [tokenizer(label, add_special_tokens=False)["input_ids"][0] for label in LABELS]
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    found = torch.zeros(len(prompts), len(labels))
    for start in range(0, len(order), PLAIN_ROWS):
        places = order[start : start + PLAIN_ROWS]
        batch = tokenizer([prompts[place] for place in places], padding=True, return_tensors="pt", return_token_type_ids=False)
        last = batch["attention_mask"].sum(dim=1) - 2  # without [SEP]
        with torch.no_grad():
            logits = model(**batch).logits
        found[places] = logits[torch.arange(len(places)), last][:, labels].softmax(dim=-1)
    return found


def labels(runs: int) -> dict[str, Any]:
    """Label prompts a minute of each run, of one thread's time and on the clock."""
    torch.set_num_threads(1)
    files = open_base("starter")
    model = load_model(files, "AutoModel").eval()
    form = Similarity(Setting(Classify(("negative", "positive")), files.tokenizer, files.architecture, 256))
    every = itertools.product(FIRST, SECOND, THIRD, FOURTH)
    templates = tuple(f"{a}{b} {c} {{label}} {d}." for a, b, c, d in itertools.islice(every, TEMPLATES))
    cut = [
        Example(f"{row.id}-{less}", {"text": row.inputs["text"][: -less or None]}, row.target)
        for less in (0, 5, 10) for row in reviews()
    ]  # fmt: skip
    texts = cut[:TEXTS]
    found: dict[str, list[float]] = {"processor": [], "clock": []}
    for _ in range(runs):
        answers = Answers(model, texts)
        answers.of(form, range(len(texts)))
        race, method = Race(answers, 0), Prompt(templates)
        started, busy = time.perf_counter(), time.process_time()
        for _step in choose(race, model, method, method.forms(form), 1, 1):
            pass
        race.verdict()
        seconds = {"processor": time.process_time() - busy, "clock": time.perf_counter() - started}
        for name, spent in seconds.items():
            found[name].append(60 * 2 * len(race.trials) / spent)
    whole = sum(trial.rows == len(texts) for trial in race.trials)
    return {"a minute": found, "prompts": 2 * len(race.trials), "whole": whole, **stamp()}


def section(found: dict[str, Any]) -> list[str]:
    """The lines of benchmarks/README.md."""
    lines = ["## Asking", "", "`python benchmarks/asking.py`.", ""]
    if cell := found.get("opening"):
        middle = median(cell["ratios"])
        ratios = f"median of {len(cell['ratios'])} pairs, {min(cell['ratios']):.1f} to {max(cell['ratios']):.1f}"
        lines += [
            f"- {cell['date']}, {cell['threads']} threads: 4 labels for {ROWS} reviews behind {OPENING} tokens that all share,",
            f"  random Llama of {cell['parameters'] / 1e6:.0f} million parameters: **{middle:.1f} times** as fast as a",
            f"  plain loop over transformers ({ratios}; probabilities differ by {cell['gap']:.0e} at most).",
        ]
    if cell := found.get("labels"):
        of_core, on_clock = (median(cell["a minute"][name]) for name in ("processor", "clock"))
        templates = cell["prompts"] // 2
        lines += [
            f"- {cell['date']}, one thread: a search over {cell['prompts']:,} label prompts (two labels a template) on",
            f"  {TEXTS:,} texts, `starter`: **{of_core:,.0f} label prompts** in a minute of one core's time ({on_clock:,.0f} on",
            f"  the clock). {cell['whole']:,} of {templates:,} templates answered every text, the",
            "  others dropped out of the race before.",
        ]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("opening", "labels"))
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    for name, measure in (("opening", opening), ("labels", labels)):
        if options.only in (None, name):
            keep(NAME, name, measure(options.pairs if name == "opening" else 1))
            print("\n".join(section(kept(NAME))), flush=True)
    write()


if __name__ == "__main__":
    main()
