"""What comparison.json holds: a line for each entry, the differences, the verdict, and what was compared with what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from joyul.compare.evidence import Evidence, differences, evidence, gain
from joyul.compare.nouns import PLAIN, Done, Entry, Outcome, Part
from joyul.compare.recommend import unread_bases
from joyul.compare.verdict import Candidate, decide
from joyul.contracts import Task
from joyul.recipe.settings import RunSettings

if TYPE_CHECKING:
    from joyul.data.gather import Gathered


def write(
    done: Done, task: Task, pool: Gathered, settings: RunSettings, seconds: float, versions: Mapping[str, str]
) -> dict[str, Any]:
    """The whole record. Raises RunError when no method is left."""
    part, folded = done.part, settings.folds is not None
    rows, tests = [], []
    candidates: list[Candidate] = []
    controls: list[Candidate] = []
    for entry, outcomes in by_entry(done.outcomes):
        if entry in done.failures:
            continue
        row = line(entry, outcomes, task, part, done.draws[0].size, folded)
        rows.append(row)
        deciding = [outcome for outcome in outcomes if outcome.draw.size == done.draws[0].size]
        valid, test = (evidence(deciding, name, task, folded) for name in ("valid", part))
        if entry.method not in PLAIN and valid is not None and test is not None:
            tests.append(test)
            if deciding[0].folder is not None:
                (candidates if entry.control is None else controls).append(Candidate(valid, row["trainable"] or 0, row))
    rows += [blank(entry, error=reason) for entry, reason in done.failures.items()]
    verdict = decide(candidates, rows, task.metric, controls, unread_bases(done.largest))
    return {
        "methods": rows, "verdict": verdict, "differences": differences(tests),
        "metric": task.metric, "scored_on": part, "rows": counts(done.draws[0].gathered),
        "draws": len({draw.number for draw in done.draws}), "seeds": settings.seeds or 1, "folds": settings.folds,
        "tries": settings.tries or 1,
        "task": task.name,
        "shots": [size or "all" for size in dict.fromkeys(draw.size for draw in done.draws)],
        "seconds": seconds, "base": settings.base, "seed": settings.seed, "versions": dict(versions),
        "data": {"source": settings.data, "fingerprint": pool.fingerprint},
    }  # fmt: skip


def by_entry(outcomes: list[Outcome]) -> Iterator[tuple[Entry, list[Outcome]]]:
    """The outcomes of each entry, entries in the order in which they began."""
    for entry in dict.fromkeys(outcome.entry for outcome in outcomes):
        yield entry, [outcome for outcome in outcomes if outcome.entry == entry]


def line(
    entry: Entry, outcomes: Sequence[Outcome], task: Task, part: Part, largest: int | None, folded: bool
) -> dict[str, Any]:
    """An entry's line of the table: means over draws and seeds at the largest size, and its learning curve."""
    deciding = [outcome for outcome in outcomes if outcome.draw.size == largest]
    found, valid = evidence(deciding, part, task, folded), evidence(deciding, "valid", task, folded)
    best = best_of(deciding, task)
    curve = _curve(outcomes, task, part, folded)
    return blank(
        entry, score=found.score if found else None, interval=_listed(found), valid_score=valid.score if valid else None,
        scores=list(found.scores) if found else [], diagnosis=best.costs.get("diagnosis"),
        **{key: _mean(deciding, key) for key in ("train_seconds", "row_seconds")},
        **{key: _most(deciding, key) for key in ("peak_memory", "bytes", "trainable")},
        tries=best.costs.get("tries"), curve=[point for _, _, point in curve], gain_50=_gain(curve),
    )  # fmt: skip


def best_of(outcomes: Sequence[Outcome], task: Task) -> Outcome:
    """The outcome with the best validation score, the first of equals: it is the one that is shipped."""
    return max(outcomes, key=lambda outcome: (outcome.valid.score(task), -outcome.draw.number, -outcome.seed))


Point = tuple[int, Evidence, dict[str, Any]]


def _curve(outcomes: Sequence[Outcome], task: Task, part: Part, folded: bool) -> list[Point]:
    """(labels, evidence, point) of each size, the smallest first; empty where there is one size only."""
    by_size: dict[int | None, list[Outcome]] = {}
    for outcome in outcomes:
        by_size.setdefault(outcome.draw.size, []).append(outcome)
    points = []
    for size, members in by_size.items() if len(by_size) > 1 else ():
        found, splits = evidence(members, part, task, folded), members[0].draw.gathered.splits
        labels = len(splits.train) + len(splits.valid or ())
        if found is not None:
            point = {"shots": size or "all", "labels": labels, "score": found.score, "interval": _listed(found)}
            points.append((labels, found, point))
    return sorted(points, key=lambda point: point[0])


def _gain(curve: Sequence[Point]) -> dict[str, Any] | None:
    if len(curve) < 2:
        return None
    (few, small, _), (many, large, _) = curve[-2:]
    found = gain(small, large, (few, many))
    return None if found is None else {"value": found.mean, "interval": list(found.interval)}


def _listed(found: Evidence | None) -> list[float] | None:
    interval = found.interval if found is not None else None
    return list(interval) if interval is not None else None


def _mean(outcomes: Sequence[Outcome], key: str) -> float | None:
    values = [outcome.costs[key] for outcome in outcomes if outcome.costs.get(key) is not None]
    return fmean(values) if values else None


def _most(outcomes: Sequence[Outcome], key: str) -> Any:
    return max((outcome.costs[key] for outcome in outcomes if outcome.costs.get(key) is not None), default=None)


def blank(entry: Entry, **values: Any) -> dict[str, Any]:
    """A line with every key, filled where it is known."""
    keys = (
        "score", "interval", "valid_score", "train_seconds", "peak_memory", "bytes", "trainable", "row_seconds", "error", "tries",
    )  # fmt: skip
    plain: Mapping[str, Any] = {"method": entry.method, "name": entry.name, "base": entry.base}
    return {**plain, **dict.fromkeys(keys), "baseline": entry.baseline, "control": entry.control, **values}


def counts(gathered: Gathered) -> dict[str, int]:
    """Rows of the first draw."""
    splits = gathered.splits
    return {"train": len(splits.train), "valid": len(splits.valid or ()), "test": len(splits.test or ())}
