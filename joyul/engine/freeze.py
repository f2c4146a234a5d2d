"""Only what moves has gradients and is in training mode; the rest is frozen in evaluation mode, dropout off."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from joyul.contracts import ParameterGroup


def move_only(model: nn.Module, groups: Iterable[ParameterGroup]) -> None:
    """Give gradients to the parameters of `groups` alone."""
    moving = {id(parameter) for group in groups for parameter in group.parameters.values()}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in moving)
        parameter.grad = None


def training_mode(module: nn.Module, inherited: bool = False) -> None:
    """Training mode where something moves inside; a module without parameters (dropout) does as its parent does."""
    parameters = list(module.parameters())
    module.training = any(parameter.requires_grad for parameter in parameters) if parameters else inherited
    for child in module.children():
        training_mode(child, module.training)
