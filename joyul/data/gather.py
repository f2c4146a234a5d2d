"""From the settings of a run to its splits: files read, columns found, rows split."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from joyul.data.columns import Columns, infer
from joyul.data.examples import AS_IS, Examples, drop_unusable
from joyul.data.label_file import join
from joyul.data.labels import split_labels
from joyul.data.read import Table, read
from joyul.data.split import Splits, shares, split
from joyul.errors import UsageError
from joyul.notes import Notes
from joyul.recipe.settings import RunSettings


@dataclass(frozen=True)
class Gathered:
    """What a run works on. `labelled` is False for zero-shot data: everything is in `splits.train`, without targets."""

    columns: Columns
    splits: Splits
    fingerprint: str

    @property
    def labelled(self) -> bool:
        """Whether there is a target column."""
        return "target" in self.columns.roles


def gather(settings: RunSettings, notes: Notes) -> Gathered:
    """Read `data=`, `valid=`, `test=` and a file of labels; infer the columns; split. Raises DataError."""
    assert settings.data is not None
    tables, label = _tables(settings, notes), settings.label
    if settings.label_file is not None:
        apart = read(settings.label_file, notes=notes, encoding=settings.encoding)["train"]
        tables, label = join(tables, apart, notes, text=settings.text, label=label)
    columns = infer(
        tables["train"], task=settings.task, text=settings.text, pair=settings.pair, label=label, group=settings.group,
        has_labels=settings.label_set is not None,
    )  # fmt: skip
    notes.say("columns_found", task=columns.task, rule=columns.rule, roles=_shown(columns.roles))
    labelled = "target" in columns.roles
    if settings.separator is not None and labelled and columns.task == "classify":
        column = columns.roles["target"]
        tables = {name: split_labels(table, column, settings.separator, notes) for name, table in tables.items()}
    as_is = columns.task in AS_IS
    sources = {
        name: drop_unusable(Examples(table, columns.roles, as_is=as_is), notes, need_target=labelled)
        for name, table in tables.items()
    }
    if labelled and columns.task == "classify":
        _report_alike(sources["train"], notes)
    if not labelled:
        splits = Splits(sources["train"], None, None)
    else:
        valid, test = shares(list(sources), settings.valid, settings.test)
        splits = split(
            sources, valid=valid, test=test, seed=settings.seed, shots=_one(settings.shots), notes=notes,
            labelled=columns.task == "classify",
        )  # fmt: skip
    return Gathered(columns, splits, fingerprint(splits))


def _one(shots: int | tuple[int | str, ...] | None) -> int | None:
    """A run has one size; a comparison asks for each of several by itself. Raises UsageError."""
    if isinstance(shots, tuple):
        raise UsageError("shots_several", found=",".join(map(str, shots)))
    return shots


def _tables(settings: RunSettings, notes: Notes) -> dict[str, Table]:
    """One table a split that is given: by `valid=` and `test=`, or by the source itself."""
    assert settings.data is not None
    tables = read(settings.data, notes=notes, encoding=settings.encoding)
    for name, given in (("valid", settings.valid), ("test", settings.test)):
        if given is not None and not is_share(given):
            _refuse_same(name, given, settings.data)
            tables[name] = read(given, notes=notes, encoding=settings.encoding)["train"]
        elif given is not None:
            tables.pop(name, None)  # a share of train was asked for, or none
    if settings.valid and settings.test and _same_file(settings.valid, settings.test):
        raise UsageError("split_valid_is_test", found=settings.test)
    return tables


def _refuse_same(setting: str, given: str, data: str) -> None:
    """Refuse the training file as validation or test file."""
    if _same_file(given, data):
        raise UsageError("split_same_file", setting=setting, found=given)


def _same_file(one: str, other: str) -> bool:
    return Path(one).is_file() and Path(one).resolve() == Path(other).resolve()


def _report_alike(examples: Examples, notes: Notes) -> None:
    """Warn of labels that only case or white space tells apart."""
    alike: dict[str, set[str]] = {}
    for target in examples.targets:
        if isinstance(target, str):
            alike.setdefault(target.strip().casefold(), set()).add(target)
    for labels in alike.values():
        if len(labels) > 1:
            notes.warn("labels_alike", labels=", ".join(map(repr, sorted(labels))))


def is_share(given: str) -> bool:
    """Whether `valid=` or `test=` is a number or `none` rather than a file."""
    try:
        float(given)
    except ValueError:
        return given == "none"
    return not Path(given).exists()


def _shown(roles: Mapping[str, str]) -> str:
    return ", ".join(f"{role}={column}" for role, column in roles.items())


def fingerprint(splits: Splits) -> str:
    """SHA-256 over every row of every split: equal exactly when the same rows went the same ways."""
    digest = hashlib.sha256()
    for name, examples in (("train", splits.train), ("valid", splits.valid), ("test", splits.test)):
        for example in examples or ():
            digest.update(repr((name, example.id, dict(example.inputs), example.target)).encode("utf-8", "surrogatepass"))
    return f"sha256:{digest.hexdigest()}"
