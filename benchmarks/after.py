"""A prompt behind the text over stored keys and values, against PEFT's in front of it: seconds of an update.

    python benchmarks/after.py [--pairs 5] [--text 256]

A random Llama of 50 million parameters learns 20 vectors for two label words, 8 rows of `--text` tokens an update, AdamW, fp32.
Ours is the training loop of a run (`position=after`). PEFT (`PromptTuningConfig`) is asked in two ways: as its documentation
does, with `labels`, so that the logits of the whole vocabulary are computed at every token; and for the last token's alone
(`logits_to_keep=1`). The three take turns, so that a busy machine disturbs all alike; the ratio of every turn counts. The texts
are passed once before the first update: those seconds are told apart. What was measured is kept in benchmarks/after.json.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import peft
import torch
from asking import LLAMA
from torch.nn import functional
from transformers import AutoModelForCausalLM, LlamaConfig
from write import keep, kept, stamp, write

from joyul.bases.load import open_base
from joyul.contracts import Example, Form, Row, Setting
from joyul.engine import loop
from joyul.engine.store import Stores
from joyul.engine.texts import stored_texts
from joyul.forms.continuation import Continuation
from joyul.forms.wording import Wording
from joyul.methods.soft_prompt import SoftPrompt
from joyul.notes import Notes
from joyul.recipe.settings import StageSettings
from joyul.tasks.classify import Classify

NAME = "after"
LABELS = ("bad", "good")
VECTORS, ROWS, BATCH, RATE = 20, 16, 8, 1e-3
Update = Callable[[], object]


def base(vocabulary: int) -> Any:
    """The same random model for everyone."""
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(LlamaConfig(vocab_size=vocabulary, **LLAMA)).eval()


def rows_of(form: Form, length: int) -> list[Row]:
    """Rows of exactly `length` tokens of words."""
    draw = torch.Generator().manual_seed(0)
    words = [word for word in form.setting.tokenizer.get_vocab() if word.isalpha() and len(word) > 3]
    texts = [" ".join(words[int(n)] for n in torch.randint(len(words), (length,), generator=draw)) for _ in range(ROWS)]
    rows = form.encode([Example(f"r:{n}", {"text": text}, LABELS[n % 2]) for n, text in enumerate(texts)])
    return [Row(row.id, {"input_ids": row.tokens["input_ids"][-length:]}, row.target) for row in rows]


def ours(form: Continuation, rows: list[Row]) -> Iterator[float]:
    """Seconds until everything is stored, then of each update."""
    started = time.perf_counter()
    method = SoftPrompt("soft_prompt", StageSettings(prompt_length=VECTORS, position="after"))
    model = method.insert(base(len(form.setting.tokenizer)), form)
    groups, plan = method.moves(model), loop.Plan(1000, RATE, BATCH, weight_decay=0.0, precision="fp32")
    with stored_texts(model, form, groups, rows, [], "fp32", Stores(), Notes()) as (stored, kept_rows, _):
        assert stored is not form
        yield time.perf_counter() - started
        steps = loop.train(model, stored, kept_rows, groups, plan)
        while True:
            yield seconds(lambda: next(steps))


def stock(form: Continuation, rows: list[Row], last_alone: bool) -> Update:
    """An update of PEFT's prompt in front of the text."""
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=VECTORS)
    model = peft.get_peft_model(base(len(form.setting.tokenizer)), config).train()
    adam = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], RATE, weight_decay=0.0)
    words = torch.tensor([tokens for ((tokens,),) in form.trie.words])
    inputs = form.collate(rows[:BATCH]).inputs
    answers = torch.tensor([row.target for row in rows[:BATCH]])
    written = {name: torch.cat([values, values[:, -1:]], dim=1) for name, values in inputs.items()}
    written["input_ids"][:, -1] = words[answers]
    targets = torch.full_like(written["input_ids"], -100)
    targets[:, -1] = words[answers]

    def update() -> None:
        if last_alone:
            loss = functional.cross_entropy(model(**inputs, logits_to_keep=1).logits[:, -1, words], answers)
        else:
            loss = model(**written, labels=targets).loss
        loss.backward()
        adam.step()
        adam.zero_grad()

    return update


def seconds(work: Update) -> float:
    """How long something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measured(pairs: int, length: int) -> dict[str, Any]:
    """Seconds of each turn; the first warms up."""
    tokenizer = open_base("starter").tokenizer
    form = Continuation(Setting(Classify(LABELS), tokenizer, "decoder", 2 * length), Wording("{text} it was {label}"))
    rows = rows_of(form, length)
    mine = ours(form, rows)
    capture = next(mine)
    others = {"labels": stock(form, rows, last_alone=False), "last": stock(form, rows, last_alone=True)}
    found: dict[str, list[float]] = {"after": [], **{name: [] for name in others}}
    for _ in range(pairs + 1):
        found["after"].append(next(mine))
        for name, update in others.items():
            found[name].append(seconds(update))
    turns = {name: values[1:] for name, values in found.items()}
    parameters = sum(parameter.numel() for parameter in base(len(tokenizer)).parameters())
    return {"seconds": turns, "capture": capture, "rows": ROWS, "text": length, "parameters": parameters,
            "threads": torch.get_num_threads(), **stamp()}  # fmt: skip


def ratios(cell: dict[str, Any], name: str) -> str:
    """The median ratio to ours with its range."""
    found = [slow / quick for slow, quick in zip(cell["seconds"][name], cell["seconds"]["after"], strict=True)]
    return f"**{median(found):.1f} times** ({min(found):.1f} to {max(found):.1f})"


def section(found: dict[str, Any]) -> list[str]:
    """The lines of benchmarks/README.md."""
    lines = ["## A prompt behind the text", "", "`python benchmarks/after.py`, on a machine that others used too.", ""]
    for cell in found.values():
        quick, turns = median(cell["seconds"]["after"]), len(cell["seconds"]["after"])
        lines += [
            f"- {cell['date']}, {cell['threads']} thread(s), random Llama of {cell['parameters'] / 1e6:.0f} million parameters,",
            f"  {BATCH} rows of {cell['text']} tokens an update, {VECTORS} vectors: {quick:.2f} s an update. PEFT's prompt in",
            f"  front of the text takes {ratios(cell, 'labels')} as long as its documentation has it,",
            f"  and {ratios(cell, 'last')} where it computes the logits of the last token alone",
            f"  ({turns} turns each). Before that the {cell['rows']} texts were passed and tried once: {cell['capture']:.1f} s.",
        ]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--text", type=int, default=256)
    options = parser.parse_args()
    keep(NAME, str(options.text), measured(options.pairs, options.text))
    print("\n".join(section(kept(NAME))), flush=True)
    write()


if __name__ == "__main__":
    main()
