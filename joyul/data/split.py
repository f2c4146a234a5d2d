"""Training, validation and test rows: a pure function of the rows and the seed, in the order of the file."""

from __future__ import annotations

import warnings
from array import array
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from joyul.data.examples import Examples
from joyul.errors import DataError, UsageError, listing
from joyul.notes import Notes

SHARE = 0.1  # carved where nothing is said
LARGEST_SHARE = 0.5
ALL = "*"  # the one class of rows that have no classes


@dataclass(frozen=True)
class Splits:
    """The rows to learn from, to choose by and to report on."""

    train: Examples
    valid: Examples | None
    test: Examples | None


@dataclass(frozen=True)
class _Rows:
    """What splitting looks at, one entry a row: the class it belongs to and its group."""

    classes: Sequence[str]
    groups: Sequence[str | None]
    seed: int


def shares(given: Collection[str], valid: str | None, test: str | None) -> tuple[float | None, float | None]:
    """Which shares of the training rows to carve for validation and test, beside the splits that are `given`."""
    default_test = None if "valid" in given or valid is not None else SHARE
    return (
        None if "valid" in given else _share("valid", valid, SHARE),
        None if "test" in given else _share("test", test, default_test),
    )


def _share(key: str, setting: str | None, default: float | None) -> float | None:
    if setting is None or setting == "none":
        return default if setting is None else None
    try:
        share = float(setting)
    except ValueError:
        share = float("nan")
    if not 0 < share <= LARGEST_SHARE:
        raise UsageError("split_share", setting=key, found=setting)
    return share


def split(
    sources: Mapping[str, Examples], *, valid: float | None, test: float | None, seed: int, notes: Notes,
    shots: int | None = None, labelled: bool = True,
) -> Splits:  # fmt: skip
    """Carve shares of the training rows, by group and, where they are `labelled`, by class.

    `shots` rows a class are kept, validation among them: carved, or taken from a validation split that was given.
    """
    source = sources["train"]
    rows = _Rows(classes(source, labelled), source.groups, seed)
    left: Sequence[int] = range(len(source))
    tested = _carve(rows, left, "test", test, len(left)) if test else []
    left = _without(left, tested)
    given = sources.get("valid")
    if shots is not None and given is not None:
        given, shots = _shots_apart(given, shots, seed, labelled, notes)
    if shots is not None:
        left = _shots(rows, left, shots, notes)
    if shots == 1 and valid:
        notes.say("split_no_valid")
        valid = None
    whole, least = (len(left), 1) if shots else (len(source), 0)
    validated = _carve(rows, left, "valid", valid, whole, least) if valid else []
    left = _without(left, validated)
    if tested or validated:
        _say_single(rows, notes)
    splits = Splits(
        source.select(left),
        source.select(validated) if validated else given,
        source.select(tested) if tested else sources.get("test"),
    )
    notes.say("split_sizes", train=len(left), valid=len(splits.valid or ()), test=len(splits.test or ()))
    return splits


def classes(examples: Examples, labelled: bool) -> list[str]:
    """The class of every row, of several labels the rarest; one class for all where targets are none (texts, numbers, tags)."""
    if not labelled:
        return [ALL] * len(examples)
    targets = examples.targets
    counts = Counter(label for target in targets if isinstance(target, list) for label in target)
    return [str(min(t, key=lambda label: counts[label], default="") if isinstance(t, list) else t) for t in targets]


def allot(sizes: Sequence[int], room: Sequence[int], total: int, least: int = 0) -> list[int]:
    """Share `total` among classes as `sizes` are, by largest remainder; each gets `least` to `room` rows."""
    quotas = [total * size / max(1, sum(sizes)) for size in sizes]
    taken = [min(limit, max(least, int(quota))) for quota, limit in zip(quotas, room, strict=True)]
    order = sorted(range(len(sizes)), key=lambda place: int(quotas[place]) - quotas[place])
    while sum(taken) < total and any(have < limit for have, limit in zip(taken, room, strict=True)):
        for place in order:
            if sum(taken) < total and taken[place] < room[place]:
                taken[place] += 1
    return taken


def _carve(rows: _Rows, left: Sequence[int], key: str, share: float, whole: int, least: int = 0) -> list[int]:
    """Rows of `left` that make up `share` of `whole` rows."""
    if len(left) < 2:
        raise DataError("split_few", rows=len(left), setting=key)
    if any(rows.groups[row] is not None for row in left):
        return _carve_groups(rows, left, key, share * whole / len(left))
    members = _by_class(rows, left)
    room = [len(found) - 1 for found in members.values()]
    total = max(1, round(share * whole))
    if not sum(room):
        raise DataError("split_few", rows=len(left), setting=key)
    counts = allot([len(found) for found in members.values()], room, total, least)
    return _drawn(members, counts, np.random.default_rng([rows.seed, *key.encode()]))


def _carve_groups(rows: _Rows, left: Sequence[int], key: str, share: float) -> list[int]:
    """The fold, out of 1/share, whose size is nearest to the share. No group is cut; a row without one stands alone."""
    from sklearn.model_selection import StratifiedGroupKFold  # slow to import, and few sets have groups

    groups = [rows.groups[row] or f"\0{row}" for row in left]
    folds = round(1 / share)
    if len(set(groups)) < max(2, folds):
        raise DataError("split_groups", setting=key, share=f"{share:.3g}", need=max(2, folds), groups=len(set(groups)))
    kept = [rows.classes[row] for row in left]
    if max(Counter(kept).values()) < folds:
        kept = [ALL] * len(left)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer rows than folds is no fault here
        folded = StratifiedGroupKFold(max(2, folds), shuffle=True, random_state=rows.seed)
        parts = [part for _, part in folded.split(left, kept, groups) if len(part)]
    best = min(parts, key=lambda part: abs(len(part) - share * len(left)))
    return [left[place] for place in best]


def _shots(rows: _Rows, left: Sequence[int], shots: int, notes: Notes) -> list[int]:
    members = _by_class(rows, left)
    for name, found in members.items():
        if len(found) < shots:
            notes.warn("split_shots", shots=shots, name=name, count=len(found))
    counts = [min(shots, len(found)) for found in members.values()]
    return _drawn(members, counts, np.random.default_rng([rows.seed, *b"shots"]))


def _shots_apart(valid: Examples, shots: int, seed: int, labelled: bool, notes: Notes) -> tuple[Examples | None, int]:
    """As many rows a class of a given validation split as would be carved, and the shots that are left to train on."""
    spared = max(1, round(SHARE * shots)) if shots > 1 else 0
    if not spared:
        notes.say("split_no_valid")
        return None, shots
    members = _by_class(_Rows(classes(valid, labelled), valid.groups, seed), range(len(valid)))
    counts = [min(spared, len(found)) for found in members.values()]
    taken = _drawn(members, counts, np.random.default_rng([seed, *b"valid shots"]))
    notes.say("split_shots_valid", shots=shots, train=shots - spared, valid=spared, file=valid.table.name)
    return valid.select(taken), shots - spared


def _by_class(rows: _Rows, left: Sequence[int]) -> dict[str, array[int]]:
    """Rows of each class, classes in order of appearance."""
    members: dict[str, array[int]] = {}
    for row in left:
        members.setdefault(rows.classes[row], array("q")).append(row)
    return members


def _drawn(members: Mapping[str, Sequence[int]], counts: Sequence[int], draw: np.random.Generator) -> list[int]:
    chosen: list[int] = []
    for found, count in zip(members.values(), counts, strict=True):
        chosen += [found[place] for place in draw.permutation(len(found))[:count]]
    return sorted(chosen)


def _without(rows: Sequence[int], taken: Collection[int]) -> Sequence[int]:
    gone = set(taken)
    return array("q", (row for row in rows if row not in gone))


def _say_single(rows: _Rows, notes: Notes) -> None:
    single = [name for name, count in Counter(rows.classes).items() if count == 1]
    if single and not any(rows.groups):
        notes.say("split_single", classes=listing(single))
