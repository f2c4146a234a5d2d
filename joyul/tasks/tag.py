"""Tagging: one tag a word or a character; tags such as B-PER and I-PER mark entities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from joyul.contracts import Example, Prediction, Score, TargetType
from joyul.errors import DataError
from joyul.forms.align import Tagged, pieces
from joyul.tasks import entities
from joyul.tasks.entities import OUTSIDE, TagCounts, parts, spans

Unit = Literal["words", "characters"]
PEEK = 1_000  # rows looked at to tell words from characters


@dataclass(frozen=True)
class Tag:
    """`labels` are the tags, in the order of the class indices; `unit` is what a tag belongs to when the text is one string."""

    labels: tuple[str, ...]
    unit: Unit = "words"
    name: ClassVar[str] = "tag"
    target_type: ClassVar[TargetType] = "tags"
    takes: ClassVar[tuple[str, ...]] = ()
    decides: ClassVar[bool] = False

    @property
    def marked(self) -> bool:
        """Whether the tags mark entities."""
        return entities.is_scheme(self.labels)

    @property
    def metric(self) -> str:
        return "entity_f1" if self.marked else "accuracy"

    @classmethod
    def learn(cls, targets: Sequence[Any]) -> Tag:
        """The tags of the training rows, sorted. Raises DataError for fewer than two."""
        found = {tag for target in targets if isinstance(target, list) for tag in target if tag}
        if targets and not any(isinstance(target, list) for target in targets):
            raise DataError("tags_not_list", found=str(targets[0]))
        if len(found) < 2:
            raise DataError("one_tag", found=next(iter(found), ""))
        return cls(tuple(sorted(found)))

    def for_rows(self, examples: Sequence[Example]) -> Tag:
        """With the unit that fits the rows: words where texts are lists of them, else what most rows have as many tags as."""
        rows = [example for example in examples[:PEEK] if isinstance(example.target, list)]
        if any(isinstance(example.inputs["text"], list) for example in rows):
            return replace(self, unit="words")
        units: tuple[Unit, ...] = ("words", "characters")
        gaps = {u: sum(len(pieces(e.inputs["text"], u)) != len(e.target) for e in rows) for u in units}
        return replace(self, unit=min(units, key=gaps.__getitem__))

    def configured(self, given: Mapping[str, Any]) -> Tag:
        return self

    @property
    def why_not_plain(self) -> str | None:
        return None

    def pieces(self, text: str | Sequence[str]) -> Sequence[str]:
        """The words or characters of a text."""
        return pieces(text, self.unit)

    def check(self, example: Example, where: str) -> None:
        if example.target is None:
            return
        if not isinstance(example.target, list):
            raise DataError("tags_not_list", where=where, found=str(example.target))
        count = len(self.pieces(example.inputs["text"]))
        if count != len(example.target):
            characters = isinstance(example.inputs["text"], str) and self.unit == "characters"
            key = "tags_length_characters" if characters else "tags_length_words"
            raise DataError(key, where=where, tags=len(example.target), count=count)
        self.encode(example.target, where)

    def encode(self, target: Any, where: str | None = None) -> list[int]:
        known = {tag: index for index, tag in enumerate(self.labels)}
        for place, tag in enumerate(target, start=1):
            if tag not in known:
                raise DataError("unknown_tag", where=where, place=place, found=str(tag), allowed=self.labels)
        return [known[tag] for tag in target]

    def decode(self, encoded: Sequence[int]) -> list[str]:
        return [self.labels[index] for index in encoded]

    def answer(self, found: Tagged) -> Prediction:
        """From the tags of the tokens that stand for a piece; the score is that of the least sure of them."""
        tags = self._filled(found)
        sure = min(found.probabilities, default=None)
        return Prediction(tags, sure, entities=self._entities(tags, found) if self.marked else None)

    def _filled(self, found: Tagged) -> list[str | None]:
        """A tag for every piece: a token gives its own to its first piece and lets the others go on with it.

        A piece without token (a space) goes on where an entity goes on behind it, and is outside elsewhere. What `max_length` cut
        off has no tag.
        """
        tags: list[str | None] = [None] * len(found.pieces)
        end, before = 0, OUTSIDE
        for (first, last), index in zip(found.reach, found.tags, strict=True):
            tag = self.labels[index]
            tags[end:first] = [self._between(before, tag)] * (first - end)
            tags[first:last] = self._spread(tag, last - first)
            end, before = last, str(tags[last - 1])
        if not found.cut:
            tags[end:] = [self._between(before, OUTSIDE)] * (len(tags) - end)
        return tags

    def _between(self, before: str, after: str) -> str:
        if not self.marked:
            return OUTSIDE if OUTSIDE in self.labels else before if before in self.labels else after
        (mark, kind), (next_mark, next_kind) = parts(before), parts(after)
        goes_on = mark in "BI" and next_mark in entities.GOES_ON and kind == next_kind
        return f"I-{kind}" if kind and goes_on else OUTSIDE

    def _spread(self, tag: str, count: int) -> list[str]:
        """The tag of a token over its pieces: B-X over three characters is B-X, I-X, I-X."""
        mark, kind = parts(tag)
        if count == 1 or not self.marked or not kind:
            return [tag] * count
        first, last = ("B", "E" if mark == "S" else "L" if mark == "U" else "I") if mark in "BSU" else ("I", mark)
        return [f"{first}-{kind}", *[f"I-{kind}"] * (count - 2), f"{last}-{kind}"]

    def _entities(self, tags: Sequence[str | None], found: Tagged) -> list[dict[str, Any]]:
        joint = " " if not isinstance(found.pieces, str) else ""
        listed = []
        for kind, start, end in spans(tags):
            sure = [p for (first, last), p in zip(found.reach, found.probabilities, strict=True) if first < end and last > start]
            text = joint.join(found.pieces[start:end])
            score = sum(sure) / len(sure) if sure else None
            listed.append({"type": kind, "start": start, "end": end, "text": text, "score": score})
        return listed

    def shown(self, tags: Sequence[str | None] | None, text: str | Sequence[str]) -> list[str] | None:
        """Tags as a person reads them: the entities, or each tag with its piece."""
        if tags is None:
            return None
        found, joint = self.pieces(text), " " if not isinstance(self.pieces(text), str) else ""
        if self.marked:
            return [f"{kind}: {joint.join(found[start:end])}" for kind, start, end in spans(tags)]
        return [f"{piece}/{tag}" for piece, tag in zip(found, tags, strict=True)]

    def decided(self, targets: Sequence[Any], predictions: Sequence[Prediction]) -> Tag:
        return self

    def metrics(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, float]:
        accuracy = TagCounts.of(targets, predictions).accuracy
        if not self.marked:
            return {"accuracy": accuracy, "macro_f1": entities.macro(self._tag_counts(targets, predictions))}
        return {"entity_f1": entities.overall(self._counts(targets, predictions)), "accuracy": accuracy}

    def intervals(self, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, tuple[float, float]]:
        found = {"accuracy": TagCounts.of(targets, predictions).interval()}
        if self.marked:
            return {"entity_f1": entities.overall_interval(self._counts(targets, predictions)), **found}
        return {**found, "macro_f1": entities.macro_interval(self._tag_counts(targets, predictions))}

    def further(self, targets: Sequence[Any], predictions: Sequence[Prediction]) -> dict[str, Score]:
        values = [prediction.value for prediction in predictions]
        if self.marked:
            return entities.further_entity_scores(self._counts(targets, values), entities.kinds(self.labels))
        return entities.further_tag_scores(self._tag_counts(targets, values), self.labels)

    def _counts(self, targets: Sequence[Any], predictions: Sequence[Any]) -> Any:
        return entities.counts(targets, predictions, entities.kinds(self.labels))

    def _tag_counts(self, targets: Sequence[Any], predictions: Sequence[Any]) -> Any:
        return entities.tag_counts(targets, predictions, self.labels)

    def baseline(self, targets: Sequence[Any]) -> str:
        """The commonest tag, for every piece."""
        counts = Counter(tag for target in targets for tag in target)
        return max(self.labels, key=lambda tag: counts[tag])

    def weights(self, targets: Sequence[Any]) -> list[float]:
        return [1.0] * len(targets)

    def spec(self) -> dict[str, Any]:
        return {"labels": list(self.labels), "unit": self.unit}

    @classmethod
    def restore(cls, spec: Mapping[str, Any]) -> Tag:
        unit = spec.get("unit", "words")
        if unit not in ("words", "characters"):
            raise ValueError(f"unit: {unit}")
        return cls(tuple(spec["labels"]), unit)
