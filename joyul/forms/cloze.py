"""A question with a gap: a masked language model says which label's words fit into it (Schick and Schütze, 2021, PET)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from joyul.contracts import Architecture, Batch, Example, Row, Task
from joyul.errors import DoesNotFit
from joyul.forms.fit import fitted
from joyul.forms.label_words import Masks, plain, tokens_of
from joyul.forms.output_rows import output_rows, picked
from joyul.forms.prompted import Prompted
from joyul.messages import words


@dataclass(frozen=True)
class Cloze(Prompted):
    """`{label}` of the template becomes the gap; a row's `aside` says where it is."""

    name: ClassVar[str] = "cloze"
    auto_class: ClassVar[str] = "AutoModelForMaskedLM"

    @classmethod
    def why_not(cls, task: Task, architecture: Architecture) -> str | None:
        if task.target_type != "label":
            return words("form_needs_label", form=cls.name, task=task.name)
        return None if architecture == "encoder" else words("form_needs_masks", form=cls.name, architecture=architecture)

    @cached_property
    def masks(self) -> Masks:
        """The label words as tokens. Raises UsageError for words that cannot be told apart or are not known."""
        return Masks(tokens_of(self.wording, self.setting))

    def tokenised(self, examples: Sequence[Example]) -> list[Row]:
        """The rows with a gap; where it is stands in `aside`."""
        if self.setting.tokenizer.mask_token is None:
            raise DoesNotFit("form_without_mask", form=self.name, tokenizer=self.setting.tokenizer.name_or_path)
        if examples:
            self.wording.fits(examples[0].inputs)
        rows = fitted(examples, self._tokens, self.setting)
        return [replace(row, aside=self._gap(row, example)) for row, example in zip(rows, examples, strict=True)]

    def _tokens(self, inputs: Sequence[Mapping[str, Any]]) -> list[dict[str, list[int]]]:
        gap = self.setting.tokenizer.mask_token * self.masks.count
        texts = [self.wording.whole(values, gap) for values in inputs]
        encoded = self.setting.tokenizer(texts, return_attention_mask=False, verbose=False)
        return [{name: values[index] for name, values in encoded.items()} for index in range(len(texts))]

    def _gap(self, row: Row, example: Example) -> int:
        """Where the gap begins. A text that stands before it may hold masks of its own, and so may one behind it."""
        mask = self.setting.tokenizer.mask_token_id
        at = [place for place, token in enumerate(row.tokens["input_ids"]) if token == mask]
        behind = self.wording.behind(example.inputs) if len(at) > self.masks.count else ""
        return at[len(at) - plain(self.setting.tokenizer, behind).count(mask) - self.masks.count]

    def expected(self, model: nn.Module, batch: Batch) -> Tensor:
        """Logits of the whole vocabulary in the first gap, shape (rows, vocabulary)."""
        logits = model(**batch.inputs).logits
        return logits[torch.arange(len(batch.rows)), [row.aside for row in batch.rows]]  # type: ignore[no-any-return]

    def said(self, model: nn.Module, batch: Batch) -> Tensor:
        """Log probabilities of the labels from what fits into the gap, shape (rows, labels)."""
        masks = self.masks
        several = masks.count > 1
        with output_rows(model, masks.tokens, normalised=several) as few:
            logits = model(**batch.inputs).logits
        places = torch.tensor([[row.aside + gap for gap in range(masks.count)] for row in batch.rows], device=logits.device)
        read = logits[torch.arange(len(places), device=logits.device)[:, None], places]
        read = read if few else picked(read, masks.tokens, normalised=several)
        if not several:  # the words' own sum normalises: what lies outside is the same for all
            return masks.scores(read, read.logsumexp(dim=-1))
        return masks.scores(read[..., :-1], read[..., -1])
