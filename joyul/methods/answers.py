"""What Forms answer on the same rows. A sentence encoder's texts are embedded once, for however many prompts.

Where a Form reads its prompt with the text, what it has answered is kept: calibration asks again what the race has asked before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from joyul.contracts import Example, Form, Prediction, Row
from joyul.engine.batches import TOKEN_BUDGET, cut
from joyul.engine.device import device
from joyul.engine.evaluate import predict
from joyul.forms import readouts
from joyul.forms.similarity import Similarity, embed


class Answers:
    """Predictions of any Form on `examples`, in their order. `tokens` counts what was read for them."""

    def __init__(self, model: nn.Module, examples: Sequence[Example]) -> None:
        self.model, self.examples, self.tokens = model, list(examples), 0
        self._places = {id(example): place for place, example in enumerate(self.examples)}
        self._said: dict[tuple[str, int], Prediction] = {}
        self._rows: dict[int, Tensor] = {}  # place of an example -> its embedding
        self._texts: dict[str, Tensor] = {}

    def of(self, form: Form, places: Sequence[int]) -> list[Prediction]:
        """One Prediction for each of the examples at `places`."""
        if not isinstance(form, Similarity):
            asked = repr((form.name, form.spec()))
            missing = [place for place in places if (asked, place) not in self._said]
            found = self._predicted(form, [self.examples[place] for place in missing])
            self._said |= {(asked, place): prediction for place, prediction in zip(missing, found, strict=True)}
            return [self._said[asked, place] for place in places]
        return self._nearest(form, lambda: self._features(form, places))

    def to(self, form: Form, rows: Sequence[Example]) -> list[Prediction]:
        """The same for some of the examples themselves, or for others."""
        if all(id(row) in self._places for row in rows):
            return self.of(form, [self._places[id(row)] for row in rows])
        if not isinstance(form, Similarity):
            return self._predicted(form, rows)
        return self._nearest(form, lambda: torch.stack(self._embed(form, form.encode(rows))))

    def _nearest(self, form: Similarity, embedded: Callable[[], Tensor]) -> list[Prediction]:
        self.model.eval()
        with torch.no_grad():
            labels = form.combined(lambda texts: self._embedded(form, texts))
            return readouts.predictions(form.logits(embedded(), labels), form.setting.task)

    def _predicted(self, form: Form, examples: Sequence[Example]) -> list[Prediction]:
        rows = form.encode(examples)
        self.tokens += sum(row.length for row in rows)
        return predict(self.model, form, rows)

    def _features(self, form: Similarity, places: Sequence[int]) -> Tensor:
        missing = [place for place in places if place not in self._rows]
        rows = form.encode([self.examples[place] for place in missing])
        found = self._embed(form, rows)
        self._rows |= dict(zip(missing, found, strict=True))
        return torch.stack([self._rows[place] for place in places])

    def _embedded(self, form: Similarity, texts: Sequence[str]) -> Tensor:
        missing = [text for text in dict.fromkeys(texts) if text not in self._texts]
        if missing:
            found = self._embed(form, form.encode([Example(str(n), {"text": text}) for n, text in enumerate(missing)]))
            self._texts |= dict(zip(missing, found, strict=True))
        return torch.stack([self._texts[text] for text in texts])

    def _embed(self, form: Similarity, rows: Sequence[Row]) -> list[Tensor]:
        self.tokens += sum(row.length for row in rows)
        found: dict[int, Tensor] = {}
        for piece in cut(rows, TOKEN_BUDGET[device().type]):
            found |= zip(map(id, piece), embed(self.model, form.collate(piece)), strict=True)
        return [found[id(row)] for row in rows]
