"""A chart in letters, dot by dot."""

from __future__ import annotations

from joyul.plot import chart


def test_a_diagonal_dot_by_dot() -> None:
    """Two letters wide, one high: eight dots on the diagonal of a 4 x 4 grid. Braille dots 7, 3+2 ... by the Unicode table."""
    points = [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]
    assert chart(points, width=2, height=1) == ["3 " + chr(0x2800 + 0x40 + 0x20) + chr(0x2800 + 0x02 + 0x08)]


def test_the_axis_names_the_highest_and_the_lowest_value() -> None:
    lines = chart([(0, 0.25), (1, 0.75)], width=10, height=3)
    assert len(lines) == 3 and lines[0].startswith("0.75 ") and lines[-1].startswith("0.25 ")
    assert all(len(line) == 15 for line in lines)


def test_a_level_line_a_lone_point_and_no_point() -> None:
    assert any("\u2801" <= letter <= "\u28ff" for letter in chart([(1, 2), (2, 2)], 4, 2)[1])
    assert len(chart([(1, 2)], 4, 2)) == 2
    assert chart([], 4, 2) == [] and chart([(0, float("nan"))], 4, 2) == []


def test_a_steep_piece_is_a_column() -> None:
    steep = chart([(0, 0.0), (1, 1.0)], width=1, height=1)
    assert steep[-1][-1] == chr(0x2800 + 0x40 + 0x08 + 0x10 + 0x20)  # low dot left; right: up to the top, joined


def test_between_two_points_the_line_is_straight() -> None:
    """Four columns of dots, the middle two filled in: the same as the diagonal written out."""
    assert chart([(0, 0.0), (3, 3.0)], 2, 1) == chart([(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0)], 2, 1)


def test_a_mark_is_a_dashed_column() -> None:
    plain, marked = (chart([(0, 0.0), (10, 0.0)], 6, 2, mark) for mark in (None, 5.0))
    assert plain != marked and len(plain) == len(marked)
