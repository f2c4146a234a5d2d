"""Which rows each draw of a comparison learns from and is tested on: the same for every method, fixed before any starts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace

from joyul.compare.nouns import Draw, Size
from joyul.contracts import Example
from joyul.data.examples import Examples
from joyul.data.gather import Gathered, fingerprint, gather, is_share
from joyul.data.split import Splits, classes, shares, split
from joyul.errors import DataError, UsageError
from joyul.notes import Notes
from joyul.recipe.settings import RunSettings


def sizes(settings: RunSettings) -> list[Size]:
    """The sizes of the learning curve, the largest (which decides) first; all rows where nothing is said."""
    given = settings.shots if isinstance(settings.shots, tuple) else (settings.shots,)
    numbers = sorted({size for size in given if isinstance(size, int)}, reverse=True)
    return [None, *numbers] if len(numbers) < len(set(given)) else [*numbers]


def gather_pool(settings: RunSettings, notes: Notes) -> Gathered:
    """Every row that may be learned from, and the test rows, which are fixed here. Raises DataError, UsageError."""
    if settings.folds is not None and (settings.draws or settings.shots or not is_share(settings.test or "none")):
        raise UsageError("folds_alone")
    pool = gather(settings.model_copy(update={"shots": None}), notes)
    if not pool.labelled:
        raise DataError("no_target", columns=", ".join(pool.columns.roles.values()))
    if not pool.splits.valid:
        raise DataError("compare_needs_valid")
    return pool if settings.folds else _unlearned(pool, settings.duplicates == "keep", notes)


def _unlearned(pool: Gathered, keep: bool, notes: Notes) -> Gathered:
    """The test rows without those whose input stands among the labelled rows too: counted, listed, left out unless told."""
    splits = pool.splits
    if not splits.test:
        return pool
    learned = {_input(example) for part in (splits.train, splits.valid) for example in part or ()}
    fresh = [place for place, example in enumerate(splits.test) if _input(example) not in learned]
    if len(fresh) == len(splits.test):
        return pool
    kept = set(fresh)
    notes.rows(
        "test_rows_kept" if keep else "test_rows_learned", [name for i, name in enumerate(splits.test.ids) if i not in kept]
    )
    if keep:
        return pool
    if not fresh:
        raise DataError("test_rows_all_learned", count=len(splits.test))
    left = replace(splits, test=splits.test.select(fresh))
    return replace(pool, splits=left, fingerprint=fingerprint(left))


def _input(example: Example) -> tuple[str, ...]:
    """What is read of a row, without the white space around it."""
    return tuple(" ".join(str(value).split()) for value in example.inputs.values())


def draws(pool: Gathered, settings: RunSettings, notes: Notes) -> Iterator[Draw]:
    """Every draw at the largest size, then at the next. The smaller of one draw lie within the larger.

    The first draw at all rows is what `joyul train` with the same settings learns from.
    """
    if settings.folds:
        yield from _folds(pool, settings, notes)
        return
    for size in sizes(settings):
        for number in range(1, (settings.draws or 1) + 1):
            seed = settings.seed + number - 1
            yield Draw(number, seed, size, _drawn(pool, settings, seed, size, notes))


def _drawn(pool: Gathered, settings: RunSettings, seed: int, size: Size, notes: Notes) -> Gathered:
    splits = pool.splits
    assert splits.valid is not None
    if size is None and seed == settings.seed:
        return pool
    sources, share = {"train": splits.train, "valid": splits.valid}, None
    if splits.valid.table is splits.train.table:  # carved from them: from all of them again
        sources = {"train": _together(splits.train, splits.valid)}
        share = len(splits.valid) / len(sources["train"])
        if size is not None:
            share = shares(["train", "test"], settings.valid, None)[0]
    made = split(
        sources, valid=share, test=None, seed=seed, shots=size, notes=Notes(), labelled=pool.columns.task == "classify"
    )  # fmt: skip
    notes.say("draw_sizes", seed=seed, train=len(made.train), valid=len(made.valid or ()))
    if not made.valid:
        raise DataError("compare_needs_valid")
    left = Splits(made.train, made.valid, splits.test)
    return replace(pool, splits=left, fingerprint=fingerprint(left))


def _together(*parts: Examples) -> Examples:
    """Rows of one table in the order of the file."""
    positions = sorted(int(position) for part in parts for position in part.positions)
    return Examples(parts[0].table, parts[0].roles, positions)


def _folds(pool: Gathered, settings: RunSettings, notes: Notes) -> Iterator[Draw]:
    """Stratified folds that cut no group; validation rows are carved from what each fold leaves."""
    splits = pool.splits
    parts = [part for part in (splits.train, splits.valid, splits.test) if part and part.table is splits.train.table]
    whole, count = _together(*parts), settings.folds or 2
    share = shares(["train", "test"], settings.valid, None)[0] if splits.valid and splits.valid in parts else None
    for number, (kept, tested) in enumerate(_parts(whole, count, settings.seed, pool.columns.task == "classify"), start=1):
        sources = {"train": whole.select(kept)}
        if share is None and splits.valid:
            sources["valid"] = splits.valid
        made = split(
            sources, valid=share, test=None, seed=settings.seed, notes=Notes(), labelled=pool.columns.task == "classify"
        )  # fmt: skip
        left = Splits(made.train, made.valid, whole.select(tested))
        notes.say("fold_sizes", number=number, train=len(left.train), valid=len(left.valid or ()), test=len(tested))
        yield Draw(number, settings.seed, None, replace(pool, splits=left, fingerprint=fingerprint(left)))


def _parts(whole: Examples, count: int, seed: int, labelled: bool) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # slow to import, and few comparisons fold

    kinds, groups = classes(whole, labelled), [group or f"\0{place}" for place, group in enumerate(whole.groups)]
    grouped = len(set(groups)) < len(groups)
    if len(set(groups)) < count:
        raise DataError("folds_few", folds=count, groups=len(set(groups)))
    folded = (StratifiedGroupKFold if grouped else StratifiedKFold)(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer rows than folds is no fault here
        if not grouped and max(map(kinds.count, set(kinds))) < count:
            kinds = ["*"] * len(kinds)
        for kept, tested in folded.split(kinds, kinds, groups if grouped else None):
            yield kept.tolist(), tested.tolist()
