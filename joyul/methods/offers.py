"""What labelled rows offer a prompt: demonstrations, calibration, label words. Functions from a Form and rows to a Form."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from joyul.contracts import Example, Form
from joyul.engine.batches import TOKEN_BUDGET, cut
from joyul.engine.device import device
from joyul.forms.label_words import word_tokens

if TYPE_CHECKING:
    from joyul.forms.instruct import Instruct
    from joyul.forms.prompted import Prompted
    from joyul.forms.similarity import Similarity

Numbers = np.ndarray[Any, Any]
Ask = Callable[[Any, Sequence[Example]], Numbers]  # the probabilities that a Form gives the labels of rows
Maker = Callable[[Any, Sequence[Example], Ask], Form]
LEAST = 1e-6  # probability that calibration takes a label to have at least
LIKELY = 500  # tokens that the base finds likely on the whole, among which label words are looked for
POOL = 32  # rows of each label among which those most like a row are looked for
WORDS = 3  # label words taken from the base's predictions


def showing(count: int, seed: int, share: float | None = None) -> Maker:
    """`count` rows of each label as demonstrations, drawn from `seed`, in mixed order. `share`: see `Similarity`."""

    def make(form: Prompted | Similarity | Instruct, rows: Sequence[Example], ask: Ask) -> Form:
        made: Any = form.showing(_drawn(rows, form.setting.task.labels, count, seed))
        found: Form = made if share is None else replace(made, share=share)
        return found

    return make


def showing_nearest(count: int, seed: int) -> Maker:
    """Before each row the `count` most like it, of POOL rows of each label."""
    return lambda form, rows, ask: form.showing(_drawn(rows, form.setting.task.labels, POOL, seed), nearest=count)


def _drawn(rows: Sequence[Example], labels: Sequence[str], count: int, seed: int) -> list[Mapping[str, str]]:
    """`count` rows of each label at most, mixed, as demonstrations."""
    draw = random.Random(seed)
    shown = []
    for label in labels:
        mine = [row for row in rows if row.target == label]
        shown += draw.sample(mine, min(count, len(mine)))
    draw.shuffle(shown)
    return [{**{name: str(value) for name, value in row.inputs.items()}, "label": str(row.target)} for row in shown]


def calibrated(form: Prompted | Similarity, rows: Sequence[Example], ask: Ask) -> Form:
    """Labels that the prompt favours whatever the text says are held back by that much (Zhou et al., 2024, batch calibration).

    It reads the rows' texts, not their labels.
    """
    return with_bias(form, ask(with_bias(form, None), rows)) if rows else form


def content_free(form: Prompted | Similarity, rows: Sequence[Example], ask: Ask) -> Form:
    """The same against texts that say nothing (Zhao et al., 2021, contextual calibration): the rows are not read."""
    empty = [Example(text, {"text": text, **({"text_pair": text} if form.paired else {})}) for text in ("N/A", "-", "...")]
    return with_bias(form, ask(with_bias(form, None), empty))


def with_bias(form: Prompted | Similarity, probabilities: Numbers | None) -> Form:
    """The Form whose labels are moved by minus the log of their mean probability, (rows, labels); None: without calibration."""
    known = probabilities[np.isfinite(probabilities).all(axis=1)] if probabilities is not None else ()
    if not len(known):
        return form.biased({})
    moved = -np.log(np.mean(known, axis=0).clip(LEAST))
    return form.biased({label: round(float(by), 4) for label, by in zip(form.setting.task.labels, moved, strict=True)})


def worded_by_base(model: nn.Module) -> Maker:
    """The words that the base itself finds likelier for a label's rows than for the others' (Schick et al., 2020)."""

    def make(form: Prompted, rows: Sequence[Example], ask: Ask) -> Form:
        sure = _expected(model, form, rows)
        targets = [row.target for row in rows]
        likely = sure.mean(dim=0).topk(min(LIKELY, sure.shape[1])).indices
        found: dict[str, tuple[str, ...]] = {}
        for label in form.setting.task.labels:
            mine = torch.tensor([target == label for target in targets])
            if not bool(mine.any()) or bool(mine.all()):
                return form
            gain = (sure[mine].mean(dim=0) - sure[~mine].mean(dim=0))[likely]
            ordered = [_word(form, int(token)) for token in likely[gain.argsort(descending=True)]]
            taken = {word for words in found.values() for word in words}
            found[label] = tuple(dict.fromkeys(word for word in ordered if word and word not in taken))[:WORDS]
        return form.worded(replace(form.wording, words=found)) if all(found.values()) else form

    return make


def _expected(model: nn.Module, form: Prompted, rows: Sequence[Example]) -> torch.Tensor:
    """Log probabilities of the whole vocabulary where the first word of the answer stands, shape (rows, vocabulary)."""
    model.eval()
    encoded = form.tokenised(rows)
    pieces, found = cut(encoded, TOKEN_BUDGET[device().type]), list[torch.Tensor]()
    with torch.no_grad():
        for piece in pieces:
            found.extend(form.expected(model, form.collate(piece)).float().log_softmax(-1).cpu())
    return torch.stack(pieces.in_order(found))


def _word(form: Prompted, token: int) -> str:
    """A token as a whole word of letters; empty where it is none, or would become other tokens in the template."""
    tokenizer = form.setting.tokenizer
    word = str(tokenizer.decode([token])).strip()
    if not word.isalpha() or len(word) < 2 or token in tokenizer.all_special_ids:
        return ""
    lead = "" if form.setting.architecture == "encoder-decoder" else form.wording.lead()
    return word if word_tokens(tokenizer, lead, word) == (token,) else ""


