"""The page and the card of a run: what is drawn stands where it should, and no text of the user acts."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from joyul.messages import LANGUAGES, use_language, words
from joyul.report import charts, counts, svg, units
from joyul.report.page import RunFacts, card, render

NASTY = "<script>alert(1)</script> {{ 7*7 }} {% raw %} | a ](x) `b` \n# c & \x00\ud800 --- ```"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    use_language("en")
    yield
    use_language(None)


def step(number: int, stage: int = 1, **fields: Any) -> dict[str, Any]:
    return {"step": number, "stage": stage, "method": f"stage{stage}", "kind": "update", "loss": 1 / number, **fields}


def facts(**changes: Any) -> RunFacts:
    metrics = {
        "task": "classify", "method": "full", "base": "starter", "metric": "accuracy",
        "scores": {"valid": {"accuracy": {"value": 0.9, "interval": [0.86, 0.93]}},
                   "test": {"accuracy": {"value": 0.875, "interval": None}}},
        "baseline": {"accuracy": 0.52, "prediction": "good"}, "rows": {"train": 8, "valid": 2, "test": 4},
        "seconds": {"train": 125.0}, "row_seconds": 0.004, "bytes": 91_000_000, "parameters": 22_713_986,
        "trainable": 22_713_986, "diagnosis": "All is well.", "plain_loadable": True,
    }  # fmt: skip
    given: dict[str, Any] = {
        "recipe": {"data": ("/home/kim/reviews.csv", "you"), "out": ("/home/kim/runs/a", "you"),
                   "epochs": ("3", "default: few rows")},
        "steps": [step(1, learning_rate=0.1), step(2, valid={"accuracy": 0.9, "loss": 0.4}), step(3, loss=float("nan")),
                  step(4, stage=2, valid={"accuracy": 0.8, "loss": 0.5})],
        "metrics": metrics,
        "predictions": [
            {"id": "r.csv:1", "target": "good", "prediction": "good", "score": 0.9, "text": "fine"},
            {"id": "r.csv:2", "target": "good", "prediction": "bad", "score": 0.8, "text": "hm"},
            {"id": "r.csv:3", "target": "bad", "prediction": None, "score": None, "text": ""},
            {"id": "r.csv:4", "target": "bad", "prediction": "good", "score": 0.95, "text": "well"},
        ],
        "notes": [("warn", "careful"), ("say", "read 14 rows")],
    }  # fmt: skip
    return RunFacts(**(given | changes))


def nasty() -> RunFacts:
    plain = facts()
    metrics = {
        **plain.metrics,
        "base": NASTY,
        "diagnosis": NASTY,
        "baseline": {"accuracy": 0.5, "prediction": NASTY},
        "data": {"source": NASTY, "fingerprint": NASTY},
        "versions": {NASTY: NASTY},
        "device": NASTY,
    }
    rows = [{"id": NASTY, "target": NASTY, "prediction": "x", "score": 0.9, "text": NASTY}]
    steps = [step(1, method=NASTY, valid={"accuracy": 0.5, "loss": 1.0}), step(2, stage=2, method=NASTY)]
    return facts(
        metrics=metrics,
        predictions=rows,
        steps=steps,
        recipe={NASTY: (NASTY, NASTY), "out": (NASTY, "you")},
        notes=[("warn", NASTY), ("say", NASTY)],
    )


class Tags(HTMLParser):
    """All start tags with their attributes, and whether every element is closed in order."""

    VOID = ("meta", "br", "hr", "input")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def drawings(page: str) -> list[ET.Element]:
    return [ET.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def test_text_of_the_user_stays_text() -> None:
    page = render(nasty())
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7*7 }}" in page
    assert "49" not in re.sub(r"<svg.*?</svg>|<style.*?</style>", "", page, flags=re.DOTALL)
    tags = Tags(page)
    assert not tags.open
    assert "script" not in {tag for tag, _ in tags.found}
    assert not [name for _, attributes in tags.found for name in attributes if name.startswith("on")]
    page.encode("utf-8")


@pytest.mark.parametrize("run", [facts(), nasty()], ids=["plain", "nasty"])
def test_nothing_outside_the_page_is_referred_to(run: RunFacts) -> None:
    page = render(run)
    assert not [attributes for _, attributes in Tags(page).found if {"src", "href", "srcset"} & set(attributes)]
    assert "://" not in page and "url(" not in page and "@import" not in page


@pytest.mark.parametrize("run", [facts(), nasty()], ids=["plain", "nasty"])
def test_drawings_are_xml_with_title_and_description(run: RunFacts) -> None:
    found = drawings(render(run))
    assert len(found) >= 4
    for drawing in found:
        if drawing.get("role") == "img":
            ids = {part.get("id") for part in drawing}
            assert set(drawing.get("aria-labelledby", "").split()) <= ids


def test_points_stand_where_computed_by_hand() -> None:
    series = svg.Series("a", [(0, 0), (1, 1), (2, None), (4, 2)], "dash", ["p", "q", "", "r"])
    drawing = ET.fromstring(
        svg.line_chart([series], name="n", title="t", desc="d", x_label="x", height=260, best=[(1, 1, "best")])
    )
    # the plot is 460 - 60 - 16 = 384 wide and 260 - 14 - 46 = 200 high; x runs over 0..4, y over 0..2
    places = [(dot.get("cx"), dot.get("cy"), dot[0].text) for dot in drawing.iter("circle")]
    assert places == [("60.0", "214.0", "p"), ("156.0", "114.0", "q"), ("444.0", "14.0", "r")]
    path, diamond = (part.get("d") or "" for part in drawing.iter("path"))
    assert path == "M60.0 214.0L60.0 214.0L156.0 114.0M444.0 14.0L444.0 14.0"
    assert diamond.startswith("M156.0 107")


def test_epochs_stand_below_the_steps_at_which_they_end() -> None:
    steps = [step(number, epoch=number / 4) for number in range(1, 9)]
    drawing = ET.fromstring(charts.curves(steps, "accuracy")[0].svg)
    marks = [line.get("x1") for line in drawing.iter("line") if line.get("class") == "epoch"]
    assert marks == ["224.6", "444.0"], "steps 4 and 8 of 1..8: 60 + 384 * 3 / 7, and the end"
    lower = [part.text for part in drawing.iter("text") if part.get("y") == str(480 - 5)]
    assert lower == ["epoch", "1", "2"]
    many = [step(number, epoch=number) for number in range(1, 31)]
    drawing = ET.fromstring(charts.curves(many, "accuracy")[0].svg)
    lower = [part.text for part in drawing.iter("text") if part.get("y") == str(480 - 5)]
    assert lower == ["epoch", "4", "8", "12", "16", "20", "24", "28"]


def test_points_of_the_calibration_say_how_many_rows_they_are() -> None:
    bins = [counts.Bin(0.5, 0.6, 12, 0.55, 0.5), counts.Bin(0.9, 1.0, 1234, 0.95, 0.99)]
    drawing = ET.fromstring(charts.calibration(bins).svg)
    assert [part.text for part in drawing.iter("text") if part.get("class") == "count"] == ["12", "1,234"]


def test_both_axes_of_the_confusion_matrix_are_named() -> None:
    drawing = ET.fromstring(svg.heat(["a"], ["a"], [[1]], name="n", title="t", desc="d", down="target", across="predicted"))
    assert [part.text for part in drawing.iter("text") if part.get("class") == "name"] == ["predicted →", "target ↓"]


@pytest.mark.parametrize(("kind", "warns"), [("overfitting", True), ("not_learned", True), ("fine", False), (None, False)])
def test_a_diagnosis_that_asks_for_something_has_the_colour_of_a_warning(kind: str | None, warns: bool) -> None:
    page = render(facts(metrics={**facts().metrics, "diagnosis_kind": kind}))
    assert ('class="diagnosis concern"' in page) is warns


def test_defaults_are_folded_away_in_either_language() -> None:
    for language in ("en", "ko"):
        use_language(language)
        chosen = {"data": ("r.csv", words("origin_user"))}
        left = {"epochs": ("3", words("origin_default", why="few rows")), "seed": ("0", words("origin_plain"))}
        page = render(facts(recipe=chosen | left))
        assert words("report_defaults", count=2) in page


def test_bars_are_as_long_as_their_values() -> None:
    drawing = ET.fromstring(svg.bars([("a → b", 4, "4"), ("<c>", 1, "1")], name="n", title="t", desc="d"))
    assert [bar.get("width") for bar in drawing.iter("rect")] == ["390.0", "97.5"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 2, [0, 0.5, 1, 1.5, 2]), (0.81, 0.898, [0.8, 0.825, 0.85, 0.875, 0.9]), (3, 3, [2.6, 2.8, 3, 3.2, 3.4])],
)
def test_ticks_are_round_and_enclose(low: float, high: float, expected: list[float]) -> None:
    assert svg.ticks(low, high) == pytest.approx(expected)


def test_confusion_counts_every_row_once() -> None:
    found = counts.confusion(facts().predictions, "(no answer)")
    assert found is not None
    assert (found.rows, found.columns) == (["bad", "good"], ["bad", "good", "(no answer)"])
    assert found.counts == [[0, 1, 1], [1, 1, 0]]
    assert sum(map(sum, found.counts)) == len(facts().predictions)
    assert found.pairs(1) == [("bad", "good", 1)]
    assert found.per_label() == [("bad", 2, 0.0, 0.0), ("good", 2, 0.5, 0.5)]


def test_above_twenty_labels_pairs_are_drawn() -> None:
    rows = [
        {"id": str(i), "target": f"c{i}", "prediction": f"c{(i + 1) % 30}", "score": 0.5, "text": "t"}
        for i in range(30)
    ]
    page = render(facts(predictions=rows))
    assert "Most confused pairs" in page and "Confusion matrix" not in page
    assert page.count('class="bar"') == charts.MOST_PAIRS


def test_worst_errors_come_surest_first() -> None:
    assert [line["id"] for line in counts.worst(facts().predictions)] == ["r.csv:4", "r.csv:2", "r.csv:3"]
    numbers = [{"id": "a", "target": 1.0, "prediction": 1.5}, {"id": "b", "target": 1.0, "prediction": 9.0}]
    assert [line["id"] for line in counts.worst(numbers)] == ["b", "a"]


def test_calibration_bins() -> None:
    low, high = counts.calibration(facts().predictions)
    assert (low.low, low.rows, low.confidence, low.accuracy) == (0.8, 1, 0.8, 0.0)
    assert (high.rows, high.accuracy) == (2, 0.5) and high.confidence == pytest.approx(0.925)


def test_curves_break_at_stages_and_at_values_that_are_not_finite() -> None:
    parts = counts.pieces(facts().steps, lambda line: line["loss"])
    assert parts == [[(1.0, 1.0), (2.0, 0.5)], [(4.0, 0.25)]]
    assert counts.joined(parts)[2] == (4.0, None)
    assert [line["step"] for line in charts.kept(facts().steps, "accuracy")] == [2, 4]


def test_thinning_keeps_the_spike() -> None:
    points = [(float(x), 1.0) for x in range(5000)]
    points[777] = (777.0, 50.0)
    assert (777.0, 50.0) in counts.thin(points) and len(counts.thin(points)) <= 400


def test_smoothing_is_a_centred_mean() -> None:
    assert counts.smooth([(0, 1.0), (1, 3.0)]) == [(0, 1.0), (1, 3.0)]
    assert counts.smooth([(float(x), float(x)) for x in range(10)])[4] == (4.0, 4.0)


def test_a_run_with_nothing_but_its_name() -> None:
    metrics = {"task": "classify", "method": "prompt", "base": "starter", "metric": "accuracy"}
    run = RunFacts({}, [], metrics, [], [])
    assert "No score" in render(run) and "Nothing was trained" in render(run)
    assert "No score" in card(run)


def test_without_test_rows_the_page_says_so() -> None:
    metrics = {**facts().metrics, "scores": {"valid": {"accuracy": {"value": 0.53, "interval": [0.4, 0.6]}}}}
    page = render(facts(metrics=metrics, predictions=[]))
    assert "There were no test rows" in page and "Not clearly better than the baseline" in page


@pytest.mark.parametrize("task", ["tag", "regress", "generate", "classify"])
def test_other_targets_render(task: str) -> None:
    values: dict[str, Any] = {"tag": ["B", "O"], "regress": 1.5, "generate": "a\nb", "classify": ["x", "y"]}
    rows = [
        {"id": "1", "target": values[task], "prediction": values[task]},
        {"id": "2", "target": values[task], "prediction": None},
    ]
    page = render(facts(metrics={**facts().metrics, "task": task, "metric": "pearson"}, predictions=rows))
    assert ("1 of 2 rows are wrong" in page) is (task != "regress"), "nearly every number is a little wrong"


def test_korean() -> None:
    use_language("ko")
    page = render(facts())
    assert '<html lang="ko">' in page and "혼동 행렬" in page and "2분 5초" in page
    assert "사용 방법" in card(facts())


def test_languages_have_the_same_slots() -> None:
    for key in (key for key in LANGUAGES["en"] if key.startswith("report_")):
        slots = [sorted(re.findall(r"{(\w+)", LANGUAGES[language][key])) for language in ("en", "ko")]
        assert slots[0] == slots[1], key


def test_card_is_not_broken_by_text() -> None:
    text = card(nasty())
    front, body = text.split("\n---\n", 1)
    assert front.startswith("---\nlibrary_name: transformers\n")
    assert "<script>" not in re.sub(r"^```.*?^```$", "", body, flags=re.DOTALL | re.MULTILINE)
    assert len(re.findall(r"^```", body, re.MULTILINE)) == 6  # three blocks, each opened and closed
    rows = [line for line in body.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {5, 4}
    text.encode("utf-8")


def test_card_hides_folders_and_warns() -> None:
    assert "/home/kim" not in card(facts()) and "reviews.csv" in card(facts())
    assert "from transformers import pipeline" in card(facts())
    other = card(facts(metrics={**facts().metrics, "plain_loadable": False, "why_not_plain": "half of it stands elsewhere"}))
    assert "does not answer as this result does: half of it stands elsewhere" in other and "from transformers" not in other


@pytest.mark.parametrize(
    ("shown", "expected"),
    [(units.size(91_000_000), "91 MB"), (units.size(1_234_567_000), "1.23 GB"), (units.size(999), "999 B"),
     (units.count(22_713_986), "22.7 M"), (units.count(768), "768"), (units.duration(0.004), "4 ms"),
     (units.duration(31.2), "31.2 s"), (units.duration(3780), "1 h 3 min"), (units.score(0.9, "accuracy"), "90.0 %"),
     (units.score(0.7345, "pearson"), "0.7345"), (units.score(float("nan"), "f1"), "–")],
)  # fmt: skip
def test_units(shown: str, expected: str) -> None:
    assert shown == expected


def test_numbers_are_drawn_over_their_targets() -> None:
    """A dot a row, the line of equal numbers, no count of wrong rows, and the largest errors first."""
    lines = [{"id": f"r:{n}", "target": float(n), "prediction": n + 0.1 * n, "score": None, "text": f"text {n}"} for n in range(6)]
    metrics = facts().metrics | {"task": "regress", "metric": "r2", "scores": {"test": {"r2": {"value": 0.7, "interval": [0.6, 0.8]}}}}
    page = render(facts(metrics=metrics, predictions=lines))
    assert "Predictions over targets" in page and page.count("predicted ") >= 6
    assert page.count('class="dot dots"') == 6 + 1, "and one in the legend"
    assert "rows are wrong" not in page and "furthest off" in page
    assert page.index("text 5") < page.index("text 4")


def test_types_have_a_bar_each_and_groups_a_line() -> None:
    cells = {"entity_f1": {"value": 0.7, "interval": None}, "f1_PS": {"value": 0.9, "interval": None}, "f1_LC": {"value": 0.25, "interval": None}}
    groups = {"count": 2, "split": "test", "worst": "north", "scores": {
        "south": {"rows": 30, "value": 0.8, "interval": [0.7, 0.9]}, "north": {"rows": 20, "value": 0.5, "interval": [0.3, 0.7]}}}
    metrics = facts().metrics | {"task": "tag", "metric": "entity_f1", "scores": {"test": cells}, "groups": groups}
    lines = [{"id": "r:1", "target": ["PS: kim"], "prediction": ["LC: kim"], "score": 0.5, "text": "kim"}]
    page = render(facts(metrics=metrics, predictions=lines))
    assert page.count('class="bar"') == 2 and page.index(">LC<") < page.index(">PS<")
    assert "The worst group is north." in page and "The worst group is north." in card(facts(metrics=metrics))
