"""What Forms answer on the same rows. A sentence encoder's texts are embedded once, for however many prompts.

Where a Form reads its prompt with the text, the scores that it gives the labels are kept for each template: calibration and
ensembles are other sums of what the race has asked before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from joyul.contracts import Example, Form, Prediction, Row
from joyul.engine.batches import TOKEN_BUDGET, cut
from joyul.engine.device import device
from joyul.engine.evaluate import computed, predict
from joyul.forms import readouts
from joyul.forms.prompted import Prompted
from joyul.forms.similarity import Similarity, embed

Numbers = np.ndarray[Any, Any]


class Answers:
    """Predictions of any Form on `examples`, in their order. `tokens` counts what was read for them."""

    def __init__(self, model: nn.Module, examples: Sequence[Example]) -> None:
        self.model, self.examples, self.tokens = model, list(examples), 0
        self._places = {id(example): place for place, example in enumerate(self.examples)}
        self._said: dict[tuple[str, int], Tensor] = {}  # (a template with all around it, place) -> scores of the labels
        self._rows: dict[int, Tensor] = {}  # place of an example -> its embedding
        self._texts: dict[str, Tensor] = {}
        self._labels: dict[int, tuple[Similarity, Tensor]] = {}  # by the identity of the Form, which is kept with them
        self._last: tuple[tuple[int, ...], Tensor] | None = None  # places asked for last, and their embeddings

    def of(self, form: Form, places: Sequence[int]) -> list[Prediction]:
        """One Prediction for each of the examples at `places`."""
        if not isinstance(form, Similarity | Prompted):
            return self._predicted(form, [self.examples[place] for place in places])
        return readouts.predictions(self._logits(form, places), form.setting.task) if places else []

    def to(self, form: Similarity | Prompted, rows: Sequence[Example]) -> Numbers:
        """Probabilities of the labels for some of the examples themselves, or for others: shape (rows, labels)."""
        if all(id(row) in self._places for row in rows):
            return _probabilities(self._logits(form, [self._places[id(row)] for row in rows]))
        if isinstance(form, Prompted):
            return _probabilities(form.calibrated(self._scored(form, rows)))
        embedded = self._embed(form, form.encode(rows))
        return _probabilities(self._nearest(form, lambda: torch.stack(embedded)))

    def probabilities(self, form: Form, places: Sequence[int]) -> Numbers | None:
        """Of the labels, shape (rows, labels), the likeliest of which is the answer: for thousands of prompts on the same rows.

        None where answers have to be asked for (`of`): of a server or a head, or where a threshold stands between.
        """
        if not isinstance(form, Similarity | Prompted) or form.setting.task.why_not_plain is not None:
            return None
        found = _probabilities(self._logits(form, places))
        return found if bool(np.isfinite(found).all()) else None

    def prepare(self, forms: Sequence[Form]) -> None:
        """Embed the prompts of many Forms in large batches."""
        similar = [form for form in forms if isinstance(form, Similarity)]
        texts = [text for form in similar for part in (*form.prompts(), *form.shown()) for text in part]
        if texts:
            self._embedded(similar[0], texts)

    def _logits(self, form: Similarity | Prompted, places: Sequence[int]) -> Tensor:
        """Of the labels for the examples at `places`, shape (rows, labels); a language model is asked once for each template."""
        if isinstance(form, Similarity):
            return self._nearest(form, lambda: self._features(form, places))
        return form.calibrated(torch.stack([self._kept(member, places) for member in form.members]).mean(dim=0))

    def _kept(self, member: Prompted, places: Sequence[int]) -> Tensor:
        """Scores of the labels around one template, before calibration."""
        asked = repr((member.name, replace(member.wording, bias={})))
        missing = [place for place in places if (asked, place) not in self._said]
        found = self._scored(member, [self.examples[place] for place in missing])
        self._said |= {(asked, place): scores for place, scores in zip(missing, found, strict=True)}
        return torch.stack([self._said[asked, place] for place in places])

    def _scored(self, form: Prompted, examples: Sequence[Example]) -> Tensor:
        rows = form.encode(examples)
        self.tokens += sum(row.length for row in rows)
        found = computed(self.model, form, rows, lambda: lambda batch: form.scores(self.model, batch).float().cpu())
        return torch.stack(found) if found else torch.empty(0)

    def _nearest(self, form: Similarity, embedded: Callable[[], Tensor]) -> Tensor:
        """Logits of the labels for texts that `embedded` gives."""
        with torch.no_grad():
            texts = embedded()
            if id(form) not in self._labels:
                self._labels[id(form)] = form, form.combined(lambda prompts: self._embedded(form, prompts))
            return form.logits(texts, self._labels[id(form)][1])

    def _predicted(self, form: Form, examples: Sequence[Example]) -> list[Prediction]:
        rows = form.encode(examples)
        self.tokens += sum(row.length for row in rows)
        return predict(self.model, form, rows)

    def _features(self, form: Similarity, places: Sequence[int]) -> Tensor:
        asked = tuple(places)
        if self._last is None or self._last[0] != asked:
            missing = [place for place in places if place not in self._rows]
            found = self._embed(form, form.encode([self.examples[place] for place in missing]))
            self._rows |= dict(zip(missing, found, strict=True))
            self._last = asked, torch.stack([self._rows[place] for place in places])
        return self._last[1]

    def _embedded(self, form: Similarity, texts: Sequence[str]) -> Tensor:
        missing = [text for text in dict.fromkeys(texts) if text not in self._texts]
        if missing:
            found = self._embed(form, form.encode([Example(str(n), {"text": text}) for n, text in enumerate(missing)]))
            self._texts |= dict(zip(missing, found, strict=True))
        return torch.stack([self._texts[text] for text in texts])

    def _embed(self, form: Similarity, rows: Sequence[Row]) -> list[Tensor]:
        self.model.eval()
        self.tokens += sum(row.length for row in rows)
        pieces, found = cut(rows, TOKEN_BUDGET[device().type]), list[Tensor]()
        with torch.no_grad():
            for piece in pieces:
                found.extend(embed(self.model, form.collate(piece)))
        return pieces.in_order(found)


def _probabilities(logits: Tensor) -> Numbers:
    found: Numbers = logits.float().softmax(dim=-1).cpu().double().numpy()
    return found
