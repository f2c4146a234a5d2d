"""Rows in a file are the rows that were given, in eight bytes each; numbers by the id of a row likewise."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import torch

from joyul.contracts import Row
from joyul.engine import rows as module
from joyul.engine.rows import Chosen, Rows, packed
from joyul.engine.store import Held, Places, Store
from joyul.linear import Counted

KINDS: dict[str, Callable[[int], Row]] = {
    "label": lambda n: Row(f"a.csv:{n + 1}", {"input_ids": [2, n, 3], "token_type_ids": [0, 0, 1]}, n % 3, unknown=n % 2),
    "labels": lambda n: Row(f"a.csv:{n + 1}", {"input_ids": [2] * (n % 7 + 1)}, [0, n % 5], cut=n),
    "number": lambda n: Row(f"a.csv:{n + 1}", {"input_ids": [2, n]}, n / 7, weight=1 / 3),
    "tokens": lambda n: Row(f"a.csv:{n + 1}", {"input_ids": [2, n]}, [1, n], units=2),
    "none": lambda n: Row(f"리뷰 {n}:x", {"input_ids": [n]}),
    "gap": lambda n: Row(f"a.csv:{n + 1}", {"input_ids": [2, n]}, 0, aside=n),
    "asked": lambda n: Row(f"a.csv:{n + 1}", {}, 0, aside=[{"role": "user", "content": "좋아\n요"}]),
}  # fmt: skip
OBJECTS: dict[str, Callable[[int], Row]] = {
    "ensemble": lambda n: Row(f"a.csv:{n}", {"input_ids": [n]}, aside=(Row("x", {"input_ids": [n]}),)),
    "counted": lambda n: Counted(f"a.csv:{n}", {"features": [n]}, 0, weights=(0.5,)),
}


@pytest.fixture(autouse=True)
def every_row_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEW", 0)
    monkeypatch.setattr(module, "CHUNK", 7)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_come_back_as_they_were(kind: str) -> None:
    given = [KINDS[kind](number) for number in range(30)]
    kept = packed(iter(given))
    assert isinstance(kept, Rows)
    assert list(kept) == given == [kept[place] for place in range(30)]
    assert kept[-1] == given[-1] and kept[3:29:5] == given[3:29:5] and len(kept) == 30
    chosen = Chosen(kept, [8, 2, 2])
    assert list(chosen) == [given[8], given[2], given[2]] == chosen[:] and len(chosen) == 3
    with pytest.raises(IndexError):
        kept[30]


@pytest.mark.parametrize("kind", OBJECTS)
def test_rows_that_json_cannot_say_stay_as_they_are(kind: str) -> None:
    odd = [OBJECTS[kind](number) for number in range(9)]
    plain = [KINDS["label"](number) for number in range(9)]
    for given in (odd, [*plain, *odd, *plain]):
        kept = packed(iter(given))
        assert isinstance(kept, list) and kept == given and all(map(lambda one, other: one == other, kept, given))


def test_few_rows_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEW", 3)
    given = [Row(str(number), {"input_ids": [1, 2]}) for number in range(4)]
    assert packed(given[:3]) == given[:3] and isinstance(packed(given), Rows) and list(packed(given)) == given


def grown(make: Callable[[int], Any]) -> float:
    """Bytes that each further row takes."""
    sizes = []
    for count in (500, 4500):
        tracemalloc.start()
        made = make(count)
        sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        del made
    return (sizes[1] - sizes[0]) / 4000


def held(count: int) -> tuple[Store, Held]:
    """States of so many rows."""
    store, where = Store(), Held()
    for number in range(count):
        store.add(f"reviews.csv:{number}", torch.zeros(1, 2))
    where.add((f"reviews.csv:{number}" for number in range(count)), store)
    return store, where


def test_a_row_takes_a_few_bytes() -> None:
    """As objects it takes fifty times as much, so the measure sees it."""
    assert grown(lambda count: packed(KINDS["label"](number) for number in range(count))) < 16
    assert grown(held) < 40
    assert grown(lambda count: [KINDS["label"](number) for number in range(count)]) > 400


@pytest.mark.parametrize("ids", [["a.csv:1", "a.csv:300", "b.csv:1"], ["1", "x", "label:0", "a:b:c", "x:²", "리뷰.csv:70000"]])
def test_places_tell_ids_apart(ids: list[str]) -> None:
    places = Places()
    for number, row in enumerate(ids):
        assert row not in places
        places[row] = number
    assert [places[row] for row in ids] == list(range(len(ids)))
    places[ids[0]] = 9
    assert places[ids[0]] == 9 and "a.csv:2" not in places


def test_a_row_is_read_from_the_store_it_was_last_in() -> None:
    first, second, where = Store(), Store(), Held()
    for store, value in ((first, 1.0), (second, 2.0)):
        for number in range(3):
            store.add(f"a.csv:{number}", torch.full((number + 1, 2), value))
    where.add(["a.csv:0", "a.csv:1"], first)
    where.add(["a.csv:1"], second)
    assert [where[f"a.csv:{number}"] is store for number, store in enumerate((first, second))] == [True, True]
    assert "a.csv:2" not in where and second.read(["a.csv:2", "a.csv:0"]).tolist() == [[2.0, 2.0]] * 4
    with pytest.raises(KeyError):
        where["a.csv:2"]
    with pytest.raises(KeyError):
        first.read(["b.csv:0"])
