"""Shares, classes, groups and shots, against counts worked by hand."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joyul.data.examples import Examples
from joyul.data.split import Splits, allot, shares, split
from joyul.data.table import keep
from joyul.errors import DataError, UsageError
from joyul.messages import use_language
from joyul.notes import Notes


@pytest.fixture(autouse=True)
def english():
    use_language("en")
    yield
    use_language(None)


def examples(labels: list[str], groups: list[str] | None = None, name: str = "t.csv") -> Examples:
    rows = [(f"text {row}", label, (groups or labels)[row]) for row, label in enumerate(labels)]
    roles = {"text": "text", "target": "label"} | ({"group": "group"} if groups else {})
    return Examples(keep(name, ["text", "label", "group"], rows, Notes()), roles)


def carved(labels: list[str], *, valid=0.1, test=0.1, seed=0, notes=None, groups=None, shots=None, labelled=True) -> Splits:
    source = {"train": examples(labels, groups)}
    return split(source, valid=valid, test=test, seed=seed, notes=notes or Notes(), shots=shots, labelled=labelled)


def parts(splits: Splits) -> list[Examples]:
    return [part for part in (splits.train, splits.valid, splits.test) if part is not None]


def order(part: Examples) -> list[int]:
    return [int(identity.split(":")[1]) for identity in part.ids]


def everything(splits: Splits) -> list[int]:
    return sorted(row for part in parts(splits) for row in order(part))


def said(notes: Notes) -> str:
    return "\n".join(text for _, text in notes.kept)


@pytest.mark.parametrize(
    ("given_splits", "valid", "test", "expected"),
    [
        (["train"], None, None, (0.1, 0.1)),
        (["train", "valid"], None, None, (None, None)),
        (["train", "test"], None, None, (0.1, None)),
        (["train", "valid", "test"], None, None, (None, None)),
        (["train", "valid"], "dev.csv", "0.2", (None, 0.2)),
        (["train"], "none", "0.5", (None, 0.5)),
        (["train"], "0.25", "none", (0.25, None)),
    ],
)
def test_shares(given_splits, valid, test, expected):
    assert shares(given_splits, valid, test) == expected


@pytest.mark.parametrize("wrong", ["0", "0.6", "-1", "nan", "half", "1e9"])
def test_shares_that_are_none(wrong):
    with pytest.raises(UsageError, match=f"valid={wrong} is neither a file nor a share"):
        shares(["train"], wrong, None)


def test_largest_remainder_by_hand():
    # 10 of 100 over 61/28/11: quotas 6.1, 2.8, 1.1
    assert allot([61, 28, 11], [60, 27, 10], 10) == [6, 3, 1]
    assert allot([5, 1, 1], [4, 0, 0], 2) == [2, 0, 0]
    assert allot([2, 2, 2], [1, 1, 1], 1, least=1) == [1, 1, 1]
    assert allot([2, 2], [1, 1], 9) == [1, 1]


def test_stratified_counts_and_file_order():
    labels = ["a"] * 61 + ["b"] * 28 + ["c"] * 11
    notes = Notes()
    splits = carved(labels, notes=notes)
    assert Counter(splits.valid.targets) == Counter(splits.test.targets) == {"a": 6, "b": 3, "c": 1}
    assert everything(splits) == list(range(1, 101))
    assert all(order(part) == sorted(order(part)) for part in parts(splits))
    assert said(notes) == "Rows: 80 to train, 10 to validate, 10 to test."


def test_a_split_is_a_function_of_seed_and_rows():
    labels = ["a", "b"] * 50
    assert [order(part) for part in parts(carved(labels, seed=3))] == [order(part) for part in parts(carved(labels, seed=3))]
    assert order(carved(labels, seed=3).test) != order(carved(labels, seed=4).test)


def test_rare_classes_stay_in_training():
    notes = Notes()
    splits = carved(["a"] * 40 + ["b"] * 2 + ["lone"], notes=notes, valid=0.5, test=0.5)
    trained = Counter(splits.train.targets)
    assert trained["lone"] == 1
    assert trained["b"] >= 1
    assert trained["a"] >= 1
    assert "Classes of one row stay in the training part: lone." in said(notes)


def test_texts_and_lists_are_no_classes():
    splits = carved([f"target {row}" for row in range(50)], labelled=False)
    assert [len(part) for part in parts(splits)] == [40, 5, 5]


def test_given_splits_are_taken_as_they_are():
    valid = examples(["a", "b"], name="dev.csv")
    splits = split({"train": examples(["a", "b"] * 10), "valid": valid}, valid=None, test=None, seed=0, notes=Notes())
    assert splits.valid is valid
    assert splits.test is None
    assert len(splits.train) == 20


def test_no_group_crosses_a_split():
    labels = ["a", "b"] * 60
    groups = [f"g{row // 4}" for row in range(120)]
    splits = carved(labels, groups=groups)
    owners = [set(part.groups) for part in parts(splits)]
    assert all(not one & other for place, one in enumerate(owners) for other in owners[place + 1 :])
    assert [len(part) for part in parts(splits)] == [96, 12, 12]


def test_too_few_groups():
    with pytest.raises(DataError, match=r"test=0.1 needs at least 10 groups, and there are 4"):
        carved(["a", "b"] * 10, groups=[f"g{row % 4}" for row in range(20)])


def test_shots_count_validation_inside():
    notes = Notes()
    splits = carved(["a"] * 50 + ["b"] * 30 + ["c"] * 4, shots=4, notes=notes, test=0.25)
    assert Counter(splits.valid.targets) == {"a": 1, "b": 1, "c": 1}
    assert Counter(splits.train.targets) + Counter(splits.valid.targets) == {"a": 4, "b": 4, "c": 3}
    assert len(splits.test) == 21
    assert "shots=4: the class 'c' has only 3 rows." in said(notes)


@pytest.mark.parametrize(("shots", "trained", "validated"), [(4, 3, 1), (16, 14, 2), (1, 1, 0)])
def test_shots_count_a_given_validation_split_too(shots, trained, validated):
    notes = Notes()
    sources = {"train": examples(["a", "b"] * 40), "valid": examples(["b", "a"] * 20, name="dev.csv")}
    splits = split(sources, valid=None, test=None, seed=0, shots=shots, notes=notes)
    assert Counter(splits.train.targets) == {"a": trained, "b": trained}
    assert Counter(splits.valid.targets if splits.valid else ()) == ({"a": validated, "b": validated} if validated else {})
    words = f"at most {trained} to train, and {validated} of dev.csv to validate" if validated else "no row to validate on"
    assert words in said(notes)


def test_one_shot_has_no_validation():
    notes = Notes()
    splits = carved(["a"] * 5 + ["b"] * 5, shots=1, test=None, notes=notes)
    assert Counter(splits.train.targets) == {"a": 1, "b": 1}
    assert splits.valid is None
    assert "shots=1 leaves no row to validate on." in said(notes)


@pytest.mark.parametrize(("labels", "count"), [(["a"], 1), (["a", "a"], 1)])
def test_too_few_rows(labels, count):
    with pytest.raises(DataError, match=f"{count} rows cannot be split"):
        carved(labels)


@settings(max_examples=100, deadline=None)
@given(
    labels=st.lists(st.sampled_from("abcde"), min_size=12, max_size=80),
    valid=st.floats(0.05, 0.5),
    test=st.floats(0.05, 0.5),
    seed=st.integers(0, 2**31),
)
def test_every_row_goes_one_way_and_every_class_is_trained(labels, valid, test, seed):
    splits = carved(labels, valid=valid, test=test, seed=seed)
    assert everything(splits) == list(range(1, len(labels) + 1))
    assert set(splits.train.targets) == set(labels)
    assert len(splits.test) <= max(1, round(test * len(labels)))


def test_rare_labels_stay_in_train():
    """Eleven labels in twenty rows: whatever the seed, every label of validation and test is in train."""
    labels = [f"label {row % 11}" for row in range(20)]
    for seed in range(20):
        splits = carved(labels, seed=seed)
        rest = {target for part in (splits.valid, splits.test) if part for target in part.targets}
        assert rest <= set(splits.train.targets)
