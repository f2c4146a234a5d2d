"""What every method has to beat: the majority label, and TF-IDF with logistic regression, on the same rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from joyul.contracts import Example, Task
from joyul.data.split import Splits

STRENGTHS = (1.0, 10.0, 100.0)  # inverse regularisation, chosen on the validation rows


@dataclass(frozen=True)
class Baseline:
    """Answers for the validation and test rows, and what they cost."""

    name: str
    valid: list[str]
    test: list[str]
    seconds: float
    row_seconds: float
    trainable: int


def majority(task: Task, splits: Splits) -> Baseline:
    """The commonest label of the training rows for every row."""
    answer = str(task.baseline([example.target for example in splits.train]))
    return Baseline("majority", [answer] * len(splits.valid or ()), [answer] * len(splits.test or ()), 0.0, 0.0, 0)


def tfidf(task: Task, splits: Splits, seed: int) -> Baseline:
    """Words, word pairs and, for languages that join words as Korean does, runs of two to four characters."""
    started = time.perf_counter()
    valid, targets = texts(splits.valid or ()), [str(example.target) for example in splits.valid or ()]
    fitted = [_fit(splits.train, strength, seed) for strength in (STRENGTHS if valid else STRENGTHS[1:2])]
    scores = [task.metrics(targets, list(model.predict(valid)))[task.metric] if valid else 0.0 for model in fitted]
    model = fitted[scores.index(max(scores))]
    trained = time.perf_counter() - started
    answers = [list(map(str, model.predict(rows))) if rows else [] for rows in (valid, texts(splits.test or ()))]
    count = sum(map(len, answers))
    row_seconds = (time.perf_counter() - started - trained) / max(1, count)
    return Baseline("tfidf", answers[0], answers[1], trained, row_seconds, int(model[-1].coef_.size))


def _fit(train: Sequence[Example], strength: float, seed: int) -> Pipeline:
    features = FeatureUnion([
        ("words", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)),
        ("characters", TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)),
    ])  # fmt: skip
    model = make_pipeline(features, LogisticRegression(C=strength, max_iter=1000, random_state=seed))
    model.fit(texts(train), [str(example.target) for example in train])
    return model


def texts(examples: Sequence[Example]) -> list[str]:
    """The text of each row, its pair behind it."""
    return ["\n".join(str(value) for value in example.inputs.values()) for example in examples]
