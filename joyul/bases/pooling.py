"""Mean pooling written as one more transformer layer, so that stock transformers computes it.

A sentence encoder was trained with the mean of its states; its first state ([CLS]) says little, yet that is what the head of
BertForSequenceClassification reads. On SST-2 a frozen `starter` gives 0.76 through [CLS] and 0.82 through the mean (LOG.md).
A layer whose queries and keys are zero attends to all tokens alike; with the identity as value and `SCALE` x identity as output
matrix its first state is LayerNorm(first + SCALE * mean), which is the normalised mean but for 1/SCALE of [CLS]. Its
feed-forward half writes zero. `model/` then loads in plain transformers and answers the same.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

SCALE = 100.0
POST_NORM = ("bert", "roberta", "xlm-roberta", "camembert", "electra")  # layers end in LayerNorm, attention in `attention.self`


def can_pool(model: PreTrainedModel) -> bool:
    """Whether the mean can be written as a layer of this architecture."""
    return model.config.model_type in POST_NORM


@torch.no_grad()
def append_mean_pooling(model: Any) -> None:
    """Append the layer; the pooler of a BERT-like head starts as the identity, so that the head reads the mean itself."""
    layers = model.base_model.encoder.layer
    config = model.config
    layer = copy.deepcopy(layers[-1], {id(config): config})  # a copy would not hear which attention is asked for
    _attend_to_all(layer)
    layer.output.dense.weight.zero_()
    layer.output.dense.bias.zero_()
    for norm in (layer.attention.output.LayerNorm, layer.output.LayerNorm):
        norm.weight.fill_(1.0)
        norm.bias.zero_()
    layers.append(layer)
    model.config.num_hidden_layers += 1
    for dense in _first_denses(model):
        nn.init.eye_(dense.weight)
        nn.init.zeros_(dense.bias)


def pools(layer: nn.Module) -> bool:
    """Whether a layer is such a one: its queries are zero."""
    query = getattr(getattr(getattr(layer, "attention", None), "self", None), "query", None)
    return isinstance(query, nn.Linear) and query.weight.device.type != "meta" and not bool(query.weight.any())


def _attend_to_all(layer: Any) -> None:
    attention = layer.attention
    for linear in (attention.self.query, attention.self.key):
        linear.weight.zero_()
        linear.bias.zero_()
    for linear, scale in ((attention.self.value, 1.0), (attention.output.dense, SCALE)):
        linear.weight.copy_(scale * torch.eye(int(linear.weight.shape[0])))
        linear.bias.zero_()


def _first_denses(model: Any) -> list[nn.Linear]:
    """The square layer between the first state and the classifier, where the architecture has one."""
    owners = [getattr(model.base_model, "pooler", None), getattr(model, "classifier", None)]
    denses = [getattr(owner, "dense", None) for owner in owners]
    return [dense for dense in denses if isinstance(dense, nn.Linear)]
