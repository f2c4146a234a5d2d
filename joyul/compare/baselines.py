"""What every method has to beat: the best answer that ignores the text, and one that counts words, on the same rows.

`majority` is the commonest label (the mean of numbers, the commonest tag). `tfidf` is TF-IDF with logistic regression (one for
each label where rows have several) or ridge regression; for tags it is `lexicon`, the commonest tag of each word.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer

from joyul.contracts import Example, Task
from joyul.data.split import Splits
from joyul.tasks import constant
from joyul.tasks.tag import Tag

STRENGTHS = (1.0, 10.0, 100.0)  # inverse regularisation, chosen on the validation rows
Answer = Callable[[Sequence[Example]], list[Any]]


@dataclass(frozen=True)
class Baseline:
    """Answers for the validation and test rows, and what they cost."""

    name: str
    valid: list[Any]
    test: list[Any]
    seconds: float
    row_seconds: float
    trainable: int


def all_of(task: Task, splits: Splits, seed: int) -> list[Baseline]:
    """The baselines of a task, the simplest first."""
    return [majority(task, splits), lexicon(task, splits) if isinstance(task, Tag) else tfidf(task, splits, seed)]


def targets(task: Task, examples: Sequence[Example]) -> list[Any]:
    """The targets as predictions are written: labels as text, numbers as numbers."""
    return [task.decode(task.encode(example.target, example.id)) for example in examples]


def majority(task: Task, splits: Splits) -> Baseline:
    """The commonest label of the training rows for every row; the mean of numbers."""
    answer = task.baseline(targets(task, splits.train))
    valid, test = (constant(task, answer, targets(task, part or ())) for part in (splits.valid, splits.test))
    return Baseline("majority", valid, test, 0.0, 0.0, 0)


def tfidf(task: Task, splits: Splits, seed: int) -> Baseline:
    """Words, word pairs and, for languages that join words as Korean does, runs of two to four characters."""
    started = time.perf_counter()
    valid = list(splits.valid or ())
    fitted = [_fitted(task, splits.train, strength, seed) for strength in (STRENGTHS if valid else STRENGTHS[1:2])]
    expected = targets(task, valid)
    scores = [task.metrics(expected, answer(valid))[task.metric] if valid else 0.0 for answer, _ in fitted]
    answer, size = fitted[scores.index(max(scores))]
    return _timed("tfidf", answer, splits, started, size)


def _timed(name: str, answer: Answer, splits: Splits, started: float, size: int) -> Baseline:
    trained = time.perf_counter()
    valid, test = (answer(part) if part else [] for part in (splits.valid, splits.test))
    row_seconds = (time.perf_counter() - trained) / max(1, len(valid) + len(test))
    return Baseline(name, valid, test, trained - started, row_seconds, size)


def _fitted(task: Task, train: Sequence[Example], strength: float, seed: int) -> tuple[Answer, int]:
    """What answers for rows, and its number of weights."""
    features = FeatureUnion([
        ("words", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)),
        ("characters", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)),
    ])  # fmt: skip
    labels: Sequence[Any] = targets(task, train)
    logistic = LogisticRegression(C=strength, max_iter=1000, random_state=seed)
    if task.target_type == "number":
        model = make_pipeline(features, Ridge(alpha=1 / strength)).fit(texts(train), labels)
        return lambda rows: list(map(float, model.predict(texts(rows)))), _size(model)
    if task.target_type == "label":
        model = make_pipeline(features, logistic).fit(texts(train), labels)
        return lambda rows: list(map(str, model.predict(texts(rows)))), _size(model)
    binary = MultiLabelBinarizer(classes=list(task.labels))
    many = make_pipeline(features, OneVsRestClassifier(logistic)).fit(texts(train), binary.fit_transform(labels))
    return lambda rows: [list(found) for found in binary.inverse_transform(many.predict(texts(rows)))], _size(many)


def _size(model: Pipeline) -> int:
    """Weights of the last step; a label that never or always holds has no model of its own."""
    parts = getattr(model[-1], "estimators_", [model[-1]])
    return int(sum(np.size(getattr(part, "coef_", ())) for part in parts))


def lexicon(task: Tag, splits: Splits) -> Baseline:
    """The commonest tag of each word (or character) of the training rows; of all, for one that was not seen."""
    started = time.perf_counter()
    seen: dict[str, Counter[str]] = {}
    for example in splits.train:
        for piece, tag in zip(task.pieces(example.inputs["text"]), example.target, strict=True):
            seen.setdefault(piece, Counter())[tag] += 1
    usual = {piece: counts.most_common(1)[0][0] for piece, counts in seen.items()}
    other = task.baseline(targets(task, splits.train))

    def answer(rows: Sequence[Example]) -> list[Any]:
        return [[usual.get(piece, other) for piece in task.pieces(row.inputs["text"])] for row in rows]

    return _timed("lexicon", answer, splits, started, len(usual))


def texts(examples: Sequence[Example]) -> list[str]:
    """The text of each row, its pair behind it."""
    return ["\n".join(str(value) for value in example.inputs.values()) for example in examples]
