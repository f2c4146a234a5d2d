"""A linear layer in closed form: logistic or ridge regression on what it reads, instead of steps towards the same optimum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from torch import nn

from joyul.bases.anatomy import without
from joyul.contracts import Form, Row, Task
from joyul.engine.batches import TOKEN_BUDGET, cut
from joyul.engine.device import device
from joyul.forms.readouts import predictions

STRENGTHS = (1.0, 10.0, 100.0)  # inverse regularisation, chosen on the validation rows
NEVER = -1e4  # a logit that no other can be below


def fit_head(model: nn.Module, form: Form, name: str, train: Sequence[Row], valid: Sequence[Row], seed: int) -> None:
    """Fit the linear layer `name` to what it reads of `train`, as strongly as `valid` asks for."""
    features, held = (states(model, form, name, rows) for rows in (train, valid))
    targets = [row.target for row in train], [row.target for row in valid]
    coefficients, intercepts = strongest(form.setting.task, (features, held), targets, seed)
    layer = model.get_submodule(name)
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(coefficients))
        if layer.bias is not None:
            layer.bias.copy_(torch.tensor(intercepts))


def states(model: nn.Module, form: Form, name: str, rows: Sequence[Row]) -> np.ndarray:
    """What the layer `name` reads of each row, shape (rows, width), dropout off."""
    found: list[np.ndarray] = []
    pieces = cut(rows, TOKEN_BUDGET[device().type])
    model.eval()
    with torch.no_grad(), without(model, name):
        for piece in pieces:
            found.extend(model(**form.collate(piece).inputs).logits.float().cpu().numpy())
    return np.stack(pieces.in_order(found)) if rows else np.zeros((0, 1))


def strongest(
    task: Task, features: tuple[Any, Any], targets: tuple[Sequence[Any], Sequence[Any]], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and intercepts with the best score on the second of both parts (validation); the first among equals."""
    (train, valid), wanted = features, [task.decode(target) for target in targets[1]]
    fits = [fit(task, train, targets[0], strength, seed) for strength in (STRENGTHS if wanted else STRENGTHS[1:2])]
    if not wanted:
        return fits[0]
    scores = []
    for coefficients, intercepts in fits:
        said = predictions(torch.tensor(valid @ coefficients.T + intercepts), task)
        scores.append(task.metrics(wanted, [one.value for one in said])[task.metric])
    return fits[scores.index(max(scores))]


def fit(task: Task, features: Any, targets: Sequence[Any], strength: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of shape (outputs, features) and intercepts, as the task's readout takes them.

    Logistic regression for one label; one for each label where rows have several; ridge regression for a number. `targets` as the
    task encodes them, `strength` the inverse of regularisation.
    """
    if task.target_type == "number":
        line = Ridge(alpha=1 / strength).fit(features, targets)
        return np.atleast_2d(line.coef_), np.atleast_1d(line.intercept_)
    if task.target_type == "label":
        return _softmax(LogisticRegression(C=strength, max_iter=1000, random_state=seed).fit(features, targets), len(task.labels))
    lines = [_binary(features, [place in members for members in targets], strength, seed) for place in range(len(task.labels))]
    return np.stack([line for line, _ in lines]), np.array([base for _, base in lines])


def _softmax(fitted: LogisticRegression, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Of two labels scikit-learn keeps one line; halves of it with both signs say the same. A label of no row is never said."""
    lines, base = fitted.coef_, fitted.intercept_
    if len(lines) == 1:
        lines, base = np.stack([-lines[0] / 2, lines[0] / 2]), np.array([-base[0] / 2, base[0] / 2])
    coefficients, intercepts = np.zeros((labels, lines.shape[1])), np.full(labels, NEVER)
    coefficients[fitted.classes_], intercepts[fitted.classes_] = lines, base
    return coefficients, intercepts


def _binary(features: Any, holds: Sequence[bool], strength: float, seed: int) -> tuple[np.ndarray, float]:
    """One label's line; a label of no row, or of every row, needs none."""
    if len(set(holds)) == 1:
        return np.zeros(features.shape[1]), -NEVER if holds[0] else NEVER
    fitted = LogisticRegression(C=strength, max_iter=1000, random_state=seed).fit(features, holds)
    return fitted.coef_[0], float(fitted.intercept_[0])
