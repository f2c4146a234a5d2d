"""The words of labels as tokens, and from the logits behind them to one score a label.

`Trie` is for models that write from left to right: where words part, the tokens that may follow share the probability between
them; where only one may follow it is certain. So a word's probability is that of writing it, given that one of the words is
written, and words that differ in their first token need the logits of one position. `Masks` is for models that fill gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from joyul.contracts import Setting
from joyul.errors import UsageError

if TYPE_CHECKING:
    from joyul.forms.wording import Wording

Words = tuple[tuple[tuple[int, ...], ...], ...]  # of each label, of each of its words: the tokens


def tokens_of(wording: Wording, setting: Setting, behind_text: bool = True) -> Words:
    """The tokens of each label's words where the template has them. Raises UsageError for a word the tokenizer does not know.

    `behind_text`: they go on from the words before them; else a text of their own (a decoder behind an encoder).
    """
    lead = wording.lead() if behind_text else ""
    found = []
    for label in setting.task.labels:
        of_label = [word_tokens(setting.tokenizer, lead, word) for word in wording.of(label)]
        for word, tokens in zip(wording.of(label), of_label, strict=True):
            if not tokens or setting.tokenizer.unk_token_id in tokens:
                raise UsageError("label_word_unknown", label=label, word=word, tokenizer=setting.tokenizer.name_or_path)
        found.append(tuple(of_label))
    distinct([(label, word) for label, words in zip(setting.task.labels, found, strict=True) for word in words])
    return tuple(found)


def word_tokens(tokenizer: PreTrainedTokenizerBase, lead: str, word: str) -> tuple[int, ...]:
    """The tokens that `word` adds behind `lead`; the space between them belongs to the word."""
    before = plain(tokenizer, lead.rstrip())
    whole = plain(tokenizer, lead + word)
    if before and whole[: len(before)] != before:  # they melt into one: the word by itself
        return tuple(plain(tokenizer, lead[len(lead.rstrip()) :] + word))
    return tuple(whole[len(before) :])


def plain(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Tokens of a text without special ones around it."""
    found: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return found


@dataclass(frozen=True)
class Trie:
    """`end` is the token that ends a word which another one goes on from."""

    words: Words
    end: int | None = None

    @cached_property
    def _ended(self) -> Words:
        """The words, those that others go on from with the end behind them."""
        every = [word for words in self.words for word in words]
        starts = {word[:cut] for word in every for cut in range(len(word))}
        end = () if self.end is None else (self.end,)
        return tuple(tuple(word + end if word in starts else word for word in words) for words in self.words)

    @cached_property
    def nodes(self) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Where words part: (tokens so far, tokens that may follow), short ones first."""
        following: dict[tuple[int, ...], set[int]] = {}
        for word in (word for words in self._ended for word in words):
            for cut, token in enumerate(word):
                following.setdefault(word[:cut], set()).add(token)
        parting = [(start, tuple(sorted(after))) for start, after in following.items() if len(after) > 1]
        return sorted(parting, key=lambda node: (len(node[0]), node[0]))

    @cached_property
    def tokens(self) -> tuple[int, ...]:
        """The rows of the vocabulary that are read."""
        return tuple(sorted({token for _, after in self.nodes for token in after}))

    @cached_property
    def paths(self) -> list[tuple[int, ...]]:
        """What has to be read behind the prompt so that all nodes are passed; one empty path where words part at once."""
        starts = [start for start, _ in self.nodes]
        return [start for start in starts if not any(other[: len(start)] == start and other != start for other in starts)]

    def places(self) -> list[tuple[int, int]]:
        """Of each node: the path it lies on, and how many of its tokens come before."""
        return [
            (next(n for n, path in enumerate(self.paths) if path[: len(start)] == start), len(start)) for start, _ in self.nodes
        ]

    def scores(self, logits: Tensor) -> Tensor:
        """From the logits of `tokens` at `nodes`, shape (rows, nodes, tokens), to log probabilities of labels (rows, labels)."""
        column = {token: index for index, token in enumerate(self.tokens)}
        open_ = torch.zeros(len(self.nodes), len(self.tokens), dtype=torch.bool, device=logits.device)
        for index, (_, after) in enumerate(self.nodes):
            open_[index, [column[token] for token in after]] = True
        chosen = logits.float().masked_fill(~open_, -torch.inf).log_softmax(dim=-1).flatten(1)
        at = {start: index * len(self.tokens) for index, (start, _) in enumerate(self.nodes)}
        labels = []
        for words in self._ended:
            steps = [[at[word[:cut]] + column[word[cut]] for cut in range(len(word)) if word[:cut] in at] for word in words]
            labels.append(_mean_probability([chosen[:, step].sum(dim=1) for step in steps]))
        return torch.stack(labels, dim=1)


@dataclass(frozen=True)
class Masks:
    """As many gaps as the longest word has tokens; a shorter word is read off the first ones (Schick and Schütze, 2021).

    With words of several tokens a word's score is the mean of its tokens' log probabilities, so that length does not count.
    """

    words: Words

    @cached_property
    def count(self) -> int:
        """Gaps in the prompt."""
        return max(len(word) for words in self.words for word in words)

    @cached_property
    def tokens(self) -> tuple[int, ...]:
        """The rows of the vocabulary that are read."""
        return tuple(sorted({token for words in self.words for word in words for token in word}))

    def scores(self, logits: Tensor, normaliser: Tensor) -> Tensor:
        """From logits (rows, gaps, tokens), and the log of the whole vocabulary's sum (rows, gaps), to (rows, labels)."""
        column = {token: index for index, token in enumerate(self.tokens)}
        sure = logits.float() - normaliser.float()[..., None]
        labels = []
        for words in self.words:
            read = [sure[:, range(len(word)), [column[token] for token in word]].mean(dim=1) for word in words]
            labels.append(_mean_probability(read))
        return torch.stack(labels, dim=1)


def _mean_probability(scores: Sequence[Tensor]) -> Tensor:
    """The log of the mean probability of a label's words, so that a label gains nothing by having more of them."""
    return torch.stack(list(scores)).logsumexp(dim=0) - torch.log(torch.tensor(float(len(scores))))


def distinct(words: Sequence[tuple[str, Sequence[int] | str]]) -> None:
    """Raise UsageError when words of two labels are the same; `words` are (label, word or its tokens)."""
    seen: dict[Any, str] = {}
    for label, word in words:
        key = word if isinstance(word, str) else tuple(word)
        if seen.setdefault(key, label) != label:
            raise UsageError("label_words_equal", first=seen[key], second=label)
