"""What a learned prompt starts from: the words of the hard prompt and the labels, of the vocabulary, a text, or chance.

A vector in the range of the vocabulary is what decides (Lester et al., 2021, section 3.2): the norm of a random one of variance 1
is fifty times that of a word.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from joyul.contracts import Form
from joyul.engine.placement import entrance
from joyul.forms.template import TOKEN

LABELS, VOCABULARY, RANDOM = "labels", "vocabulary", "random"
COMMON = 5000  # tokens; vocabularies stand roughly in the order of frequency
NO_WORD = re.compile(r"[\[<](unused|extra_id|reserved)", re.IGNORECASE)


def vectors(model: nn.Module, form: Form | None, count: int, init: str) -> Tensor:
    """`count` vectors as the model's embedding gives them, shape (count, width). Chance decides without a Form."""
    table = entrance(model).get_input_embeddings()
    assert isinstance(table, nn.Embedding)
    if form is None or init == RANDOM:
        scale = float(table.weight.detach().std()) if table.weight.device.type != "meta" else 1.0
        return torch.randn(count, table.embedding_dim, device=table.weight.device) * scale
    with torch.no_grad():
        rows = [table(torch.tensor(ids, device=table.weight.device)).mean(dim=0) for ids in _words(form, count, init)]
    return torch.stack(rows)


def _words(form: Form, count: int, init: str) -> list[list[int]]:
    """The tokens of each vector; several stand for their mean."""
    ids: list[list[int]] = []
    if init == LABELS:
        ids += [[token] for token in _tokens(form, _asked(form))]
        ids += [found for label in form.setting.task.labels if (found := _tokens(form, _first_word(form, label)))]
        ids += [[token] for token in _tokens(form, _shown(form))]
    if init not in (LABELS, VOCABULARY):
        said = [[token] for token in _tokens(form, init)] or _drawn(form, 1)
        return (said * -(-count // len(said)))[:count]
    return ids[:count] + _drawn(form, count - len(ids))


def _tokens(form: Form, text: str) -> list[int]:
    found = form.setting.tokenizer(text, add_special_tokens=False)["input_ids"] if text.strip() else []
    return [int(token) for token in found if token != form.setting.tokenizer.unk_token_id]


def _asked(form: Form) -> str:
    """The words of a hard prompt, without its slots: the instruction, then the template (the first of several)."""
    given = form.spec().get("template", "")
    template = TOKEN.sub(" ", given if isinstance(given, str) else given[0])
    return f"{form.spec().get('instruction', '')} {template}"


def _shown(form: Form) -> str:
    """Its demonstrations."""
    return " ".join(str(value) for shown in form.spec().get("demonstrations", ()) for value in shown.values())


def _first_word(form: Form, label: str) -> str:
    """What stands for a label: the first of its words, itself where it has none."""
    said = (form.spec().get("words") or {}).get(label, label)
    return str(said if isinstance(said, str) else said[0])


def _drawn(form: Form, count: int) -> list[list[int]]:
    """Tokens drawn from the common part of the vocabulary."""
    if count < 1:
        return []
    tokenizer = form.setting.tokenizer
    special = set(tokenizer.all_special_ids)
    named = enumerate(tokenizer.convert_ids_to_tokens(list(range(min(len(tokenizer), 2 * COMMON)))))
    common = [number for number, token in named if number not in special and token and not NO_WORD.match(token)][:COMMON]
    return [[common[int(place)]] for place in torch.randint(len(common), (count,))]
