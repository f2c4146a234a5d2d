"""A question that ends where the answer begins: a model that writes says which label's words come next.

Causal models go on from the prompt; encoder-decoders read it and begin an answer. Only the label words are read (`label_words`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from joyul.bases.anatomy import inner
from joyul.contracts import Architecture, Batch, Example, Row, Task
from joyul.engine.placement import texts_end
from joyul.errors import UsageError
from joyul.forms.fit import fitted
from joyul.forms.label_words import Trie, plain, tokens_of
from joyul.forms.output_rows import output_rows, picked
from joyul.forms.prompted import Prompted
from joyul.messages import words


@dataclass(frozen=True)
class Continuation(Prompted):
    """`{label}` ends the template; what stands before it is the prompt."""

    name: ClassVar[str] = "continuation"

    @property
    def auto_class(self) -> str:
        """A causal or an encoder-decoder language model."""
        return "AutoModelForSeq2SeqLM" if self.setting.architecture == "encoder-decoder" else "AutoModelForCausalLM"

    @classmethod
    def why_not(cls, task: Task, architecture: Architecture) -> str | None:
        if task.target_type != "label":
            return words("form_needs_label", form=cls.name, task=task.name)
        return words("form_needs_writer", form=cls.name) if architecture == "encoder" else None

    @property
    def two_halves(self) -> bool:
        """Whether an encoder reads the prompt and a decoder answers."""
        return self.setting.architecture == "encoder-decoder"

    @cached_property
    def trie(self) -> Trie:
        """The label words as tokens. Raises UsageError for words that cannot be told apart or are not known."""
        return Trie(tokens_of(self.wording, self.setting, behind_text=not self.two_halves), self.setting.tokenizer.eos_token_id)

    @cached_property
    def front(self) -> list[int]:
        """The special tokens that open a text."""
        found = self.setting.tokenizer("a", return_special_tokens_mask=True, verbose=False)
        count = next((place for place, special in enumerate(found["special_tokens_mask"]) if not special), 0)
        return list(found["input_ids"][:count])

    def question(self, text: str) -> list[int]:
        """The tokens of a question that the model answers in its own words: as a turn of a chat where it was trained for one."""
        tokenizer = self.setting.tokenizer
        if tokenizer.chat_template:
            turns = [{"role": "user", "content": text}]
            encoded: Any = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)
            return list(encoded["input_ids"])
        if self.two_halves:
            return list(tokenizer(text, verbose=False)["input_ids"])
        return [*self.front, *plain(tokenizer, text)]

    def tokenised(self, examples: Sequence[Example]) -> list[Row]:
        """The rows up to the label. Raises UsageError where something follows it."""
        if self.wording.template.partition("{label}")[2].strip():
            raise UsageError("label_not_last", template=self.wording.template, form=self.name)
        if examples:
            self.wording.fits(examples[0].inputs)
        longest = max(map(len, self.trie.paths))  # also says what is wrong with the words, where an encoder does not read them
        return fitted(examples, self._tokens, self.setting, 0 if self.two_halves else longest)

    def _tokens(self, inputs: Sequence[Mapping[str, Any]]) -> list[dict[str, list[int]]]:
        texts = [self.wording.before(values) for values in inputs]
        if self.two_halves:
            return [{"input_ids": ids} for ids in self.setting.tokenizer(texts, verbose=False)["input_ids"]]
        bare = self.setting.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        return [{"input_ids": [*self.front, *ids]} for ids in bare]

    def expected(self, model: nn.Module, batch: Batch) -> Tensor:
        """Logits of the whole vocabulary where the answer begins, shape (rows, vocabulary)."""
        begins = Trie((((0,),), ((1,),)))  # two words of one token: read at once
        return (_answers if self.two_halves else _goes_on)(model, batch, begins)[:, 0]

    def said(self, model: nn.Module, batch: Batch) -> Tensor:
        """Log probabilities of the labels from what comes next, shape (rows, labels)."""
        with output_rows(model, self.trie.tokens) as few:
            logits = _answers(model, batch, self.trie) if self.two_halves else _goes_on(model, batch, self.trie)
        return self.trie.scores(logits if few else picked(logits, self.trie.tokens))


def _goes_on(model: nn.Module, batch: Batch, trie: Trie) -> Tensor:
    """Logits of a causal model at the nodes of the trie, shape (rows, nodes, ...)."""
    lengths = torch.tensor([row.length for row in batch.rows], device=batch.inputs["input_ids"].device)
    inputs = batch.inputs if trie.paths == [()] else lengthened(batch.inputs, lengths, trie.paths)
    with texts_end(model, lengths.repeat_interleave(len(trie.paths))):
        return at_nodes(model(**inputs).logits, lengths - 1, trie)


def lengthened(inputs: Mapping[str, Tensor], lengths: Tensor, paths: Sequence[Sequence[int]]) -> dict[str, Tensor]:
    """Each row once for each path, the path's tokens behind its own: shape (rows * paths, longest row + longest path)."""
    more = max(map(len, paths))
    ids = nn.functional.pad(inputs["input_ids"], (0, more)).repeat_interleave(len(paths), dim=0)
    mask = nn.functional.pad(inputs["attention_mask"], (0, more)).repeat_interleave(len(paths), dim=0)
    for row, length in enumerate(lengths.tolist()):
        for number, path in enumerate(paths):
            end = length + len(path)
            ids[row * len(paths) + number, length:end] = torch.tensor(path, dtype=ids.dtype, device=ids.device)
            mask[row * len(paths) + number, length:end] = 1
    return {"input_ids": ids, "attention_mask": mask}


def at_nodes(logits: Tensor, last: Tensor, trie: Trie) -> Tensor:
    """Logits of (rows * paths, length, ...) at the nodes: `last` is where each row's prompt ends."""
    on, behind = zip(*trie.places(), strict=True)
    row = torch.arange(len(last), device=logits.device)[:, None] * len(trie.paths) + torch.tensor(on, device=logits.device)
    return logits[row, last[:, None] + torch.tensor(behind, device=logits.device)]


def _answers(model: nn.Module, batch: Batch, trie: Trie) -> Tensor:
    """Logits of an encoder-decoder at the nodes; its encoder reads each row once, where nothing is wrapped around it."""
    start = _start(inner(model))
    paths = trie.paths
    longest = max(map(len, paths))
    rows = len(batch.rows)
    device = batch.inputs["input_ids"].device
    written = torch.tensor([[*start, *path, *[start[0]] * (longest - len(path))] for path in paths], device=device)
    mask = batch.inputs["attention_mask"].repeat_interleave(len(paths), dim=0)
    decoder = {"decoder_input_ids": written.repeat(rows, 1), "attention_mask": mask}
    if isinstance(model, PreTrainedModel):
        states = model.get_encoder()(**batch.inputs).last_hidden_state.repeat_interleave(len(paths), dim=0)
        output = model(encoder_outputs=BaseModelOutput(last_hidden_state=states), **decoder)
    else:
        output = model(input_ids=batch.inputs["input_ids"].repeat_interleave(len(paths), dim=0), **decoder)
    return at_nodes(output.logits, torch.full((rows,), len(start) - 1, device=device), trie)


def _start(base: PreTrainedModel) -> list[int]:
    """The tokens that open an answer."""
    config: Any = base.config
    first = config.decoder_start_token_id if config.decoder_start_token_id is not None else config.bos_token_id
    forced = getattr(base.generation_config, "forced_bos_token_id", None)
    return [int(first), *([] if forced is None else [int(forced)])]
