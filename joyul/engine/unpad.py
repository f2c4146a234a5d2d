"""A model's layers on real tokens only: before the first layer the padding is taken out, after the last it is put back.

Linear layers, norms and activations treat every token alike, so they give the same for each token with less work. Attention is
the one part that looks across tokens: it is told which tokens make a row (`engine.attention`). Whether a model is that simple is
not guessed from its name but tried: `unpadded` compares both ways on a few rows first, and leaves a model alone that differs.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from joyul.bases.anatomy import inner, layer_list
from joyul.engine.attention import NAME
from joyul.engine.layout import Current, Layout
from joyul.errors import BaseModelError

TOLERANCE = 1e-4  # of the largest output: fp32 sums in another order
FITS: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


@contextmanager
def unpadded(model: nn.Module, example: Mapping[str, Tensor] | None = None) -> Iterator[bool]:
    """While open, the layers of `model` see no padding. Yields whether they do; `example` is a padded batch to try it on.

    A model once tried keeps its answer; without an example an untried model is left alone.
    """
    base = inner(model)
    layers = _layers(base)
    if Current.owner is base:
        yield True
    elif not layers or not fits(model, base, layers, example):
        yield False
    else:
        with _patched(base, layers):
            yield True


def forget(model: nn.Module) -> None:
    """A model that was changed is tried anew."""
    FITS.pop(inner(model), None)


def _layers(base: PreTrainedModel) -> list[nn.Module]:
    """The one stack of an encoder or a decoder; empty for others."""
    try:
        return [] if base.config.is_encoder_decoder else layer_list(base)
    except BaseModelError:
        return []


def fits(model: nn.Module, base: PreTrainedModel, layers: list[nn.Module], example: Mapping[str, Tensor] | None) -> bool:
    """Whether the model answers the same without padding: tried once on `example`."""
    if base not in FITS and example is not None and bool((example["attention_mask"] == 0).any()):
        FITS[base] = base._can_set_attn_implementation() and _same(model, base, layers, example)
    return FITS.get(base, False)


def _same(model: nn.Module, base: PreTrainedModel, layers: list[nn.Module], example: Mapping[str, Tensor]) -> bool:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            plain = outputs(model(**example), example)
            with _patched(base, layers):
                lean = outputs(model(**example), example)
    except (NotImplementedError, RuntimeError, TypeError, ValueError, LookupError, AttributeError):
        return False
    finally:
        for module, mode in modes.items():
            module.training = mode
    scale = float(plain.abs().max())
    return plain.shape == lean.shape and float((plain - lean).abs().max()) <= TOLERANCE * scale


def outputs(output: Any, example: Mapping[str, Tensor]) -> Tensor:
    """Logits or last states; those of padding, which nobody reads, at zero."""
    states: Tensor = output.logits if "logits" in output else output.last_hidden_state
    mask = example["attention_mask"]
    return states * mask[:, :, None] if states.shape[:2] == mask.shape and states.ndim == 3 else states


@contextmanager
def _patched(base: PreTrainedModel, layers: list[nn.Module]) -> Iterator[None]:
    owner = owner_of(base, layers)
    last = len(layers) - 1
    before, use_cache = base.config._attn_implementation, getattr(owner.config, "use_cache", None)
    with ExitStack() as hooks:
        hooks.callback(_leave, base, owner, before, use_cache)
        base.set_attn_implementation(NAME)
        Current.owner = base
        if use_cache:
            owner.config.use_cache = False
        hooks.enter_context(_hook(owner.register_forward_pre_hook(_lay_out, with_kwargs=True)))
        for number, layer in enumerate(layers):
            hooks.enter_context(_hook(layer.register_forward_pre_hook(_enter(number == 0), with_kwargs=True)))
        hooks.enter_context(_hook(layers[last].register_forward_hook(_restore)))
        yield


@contextmanager
def _hook(handle: Any) -> Iterator[None]:
    try:
        yield
    finally:
        handle.remove()


def _leave(base: PreTrainedModel, owner: PreTrainedModel, attention: str, use_cache: bool | None) -> None:
    base.set_attn_implementation(attention)
    Current.layout, Current.owner = None, None
    if use_cache is not None:
        owner.config.use_cache = use_cache


def owner_of(base: PreTrainedModel, layers: list[nn.Module]) -> PreTrainedModel:
    """The innermost transformers model that runs the layers: what is given its attention mask."""
    return [
        module for module in base.modules()
        if isinstance(module, PreTrainedModel) and any(found is layers[0] for found in module.modules())
    ][-1]  # fmt: skip


def _lay_out(owner: PreTrainedModel, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Before the model runs: which of its tokens are real."""
    given = inspect.signature(owner.forward).bind_partial(*args, **kwargs).arguments
    mask = given.get("attention_mask", given.get("kwargs", {}).get("attention_mask"))
    plain = mask is None or mask.ndim != 2 or given.get("past_key_values") is not None
    Current.layout = None if plain else Layout.of(mask)


def _enter(first: bool):  # type: ignore[no-untyped-def]
    """Before each layer: positions without padding; before the first one the states too."""

    def enter(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        layout = Current.layout
        if layout is None:
            return None
        kwargs = {name: _positions(layout, name, value) for name, value in kwargs.items()}
        if first and args:
            args = (layout.line(args[0]), *args[1:])
        elif first:
            kwargs["hidden_states"] = layout.line(kwargs["hidden_states"])
        return args, kwargs

    return enter


def _positions(layout: Layout, name: str, value: Any) -> Any:
    if name == "position_embeddings" and isinstance(value, tuple):
        return layout.once(value, -1, lambda: tuple(_line(layout, part) for part in value))
    if name == "position_ids" and isinstance(value, Tensor):
        return layout.once(value, -1, lambda: _line(layout, value))
    return value


def _line(layout: Layout, part: Tensor) -> Tensor:
    """(1 or rows, length, ...) to (1, tokens, ...)."""
    return layout.line(part.expand(layout.rows, *part.shape[1:]))


def _restore(layer: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
    """After the last layer: rows of equal length again."""
    layout = Current.layout
    if layout is None:
        return output
    if isinstance(output, tuple):
        return (layout.padded(output[0]), *output[1:])
    return layout.padded(output)
