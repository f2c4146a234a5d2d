"""Order, cutting and padding."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from joyul.contracts import Row
from joyul.engine.batches import cut, order, per_epoch, updates


def rows_of(lengths: list[int]) -> list[Row]:
    return [Row(str(number), {"input_ids": [1] * length}) for number, length in enumerate(lengths)]


@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 5), st.integers(0, 3))
def test_updates_cover_every_row_once(count: int, size: int, seed: int, epoch: int) -> None:
    found = [list(update) for update in updates(count, size, seed, epoch)]
    assert sorted(index for update in found for index in update) == list(range(count))
    assert len(found) == per_epoch(count, size)
    assert all(len(update) == size for update in found[:-1])
    assert found == [list(update) for update in updates(count, size, seed, epoch)]


def test_order_changes_with_seed_and_epoch() -> None:
    orders = {tuple(order(50, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


@given(st.lists(st.integers(1, 60), min_size=1, max_size=50), st.integers(1, 300), st.one_of(st.none(), st.integers(1, 8)))
def test_pieces_hold_the_budget_and_every_row(lengths: list[int], budget: int, most: int | None) -> None:
    pieces = cut(rows_of(lengths), budget, most)
    assert sorted(row.id for piece in pieces for row in piece) == sorted(str(number) for number in range(len(lengths)))
    for piece in pieces:
        padded = len(piece) * max(row.length for row in piece)
        assert len(piece) == 1 or padded <= budget
        assert most is None or len(piece) <= most


def test_cut_by_hand() -> None:
    """Budget 12: lengths 2, 3, 4 fit together (3 x 4); 9 stands alone."""
    assert [[row.length for row in piece] for piece in cut(rows_of([4, 9, 2, 3]), 12)] == [[2, 3, 4], [9]]
