"""A comparison, its verdict, its draws, and what it does with a method that fails."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion

import joyul
from joyul import linear
from joyul.bases.facts import WARN_UNKNOWN
from joyul.compare.baselines import NO_BASE
from joyul.compare.draws import draws, gather_pool, sizes
from joyul.compare.evidence import Evidence, difference
from joyul.compare.nouns import Entry
from joyul.compare.plan import estimate
from joyul.compare.protocol import ALL
from joyul.compare.recommend import ORDER
from joyul.compare.verdict import Candidate, decide
from joyul.compare.view import show_comparison
from joyul.engine import loop
from joyul.errors import DataError, UsageError
from joyul.methods.fitted import fit
from joyul.notes import Notes
from joyul.recipe.resolve import from_words
from joyul.signals import Interrupted
from joyul.state import condition
from joyul.tasks.classify import Classify
from tests import forks, tiny
from tests.conftest import write_csv

BASELINES = ["majority", "tfidf", "frozen"]


def candidate(name: str, hits: list[list[float]], trainable: int, **record: object) -> Candidate:
    """Of several draws, each with rows of its own."""
    values = tuple(map(np.array, hits))
    valid = Evidence(Entry(name, "b"), tuple(range(len(hits))), tuple(float(v.mean()) for v in values), values, len(hits) == 1)
    line = {"method": name, "name": name, "score": 0.7, "interval": [0.6, 0.8], "train_seconds": 9.0, "peak_memory": 1e9,
            "bytes": 1e6, "row_seconds": 0.01, **record}  # fmt: skip
    return Candidate(valid, trainable, line)


def hits(right: int, rows: int = 100) -> list[float]:
    return [1.0] * right + [0.0] * (rows - right)


def test_the_winner_is_chosen_on_validation_rows_and_ties_are_named() -> None:
    found = [candidate("head", [hits(50)], 10, score=0.99), candidate("large", [hits(90)], 1000), candidate("small", [hits(90)], 5)]
    verdict = decide(found, [{"method": "tfidf", "name": "tfidf", "score": 0.71}], "accuracy")
    assert verdict["method"] == "small", "of two equals the one with fewer trained parameters; test scores have no say"
    assert verdict["tied"] == ["large"]
    assert "large cannot be told apart from small on 100 rows" in verdict["text"]
    assert "small trains 9 s, takes 1 GB of memory, keeps 1 MB, answers a row in 10 ms" in verdict["text"]
    assert "tfidf, which needs no model, scores 0.710" in verdict["text"]


def test_where_rows_cannot_tell_the_one_that_did_better_elsewhere_is_recommended() -> None:
    """Exact McNemar by hand: 3 rows of 100 one way and none the other, p = 2 / 2^3 = 0.25; two, p = 0.5; one, p = 1."""
    assert ORDER.index("full") < ORDER.index("head")
    verdict = decide([candidate("head", [hits(90)], 10), candidate("full", [hits(88)], 1000)], [], "accuracy")
    assert verdict["method"] == "full" and verdict["tied"] == ["head"]
    assert "100 rows do not tell it from head, the highest (0.900)" in verdict["text"]
    verdict = decide([candidate("head", [hits(90)], 10), candidate("full", [hits(87)], 1000)], [], "accuracy")
    assert verdict["method"] == "head", "more than one standard error"
    assert "Ship head: the highest" in verdict["text"]
    verdict = decide([candidate("full", [hits(90)], 10), candidate("head", [hits(88)], 1)], [], "accuracy")
    assert verdict["method"] == "full" and "Ship full: the highest" in verdict["text"]
    for one, other in (("mine", "full"), ("full", "mine")):
        verdict = decide([candidate(one, [hits(90)], 10), candidate(other, [hits(89)], 0)], [], "accuracy")
        assert verdict["method"] == one, "what was not measured elsewhere has only its score, for and against it"


def test_the_order_is_the_one_that_was_measured() -> None:
    place = Path(__file__).parents[2] / "benchmarks" / "order.json"
    cells = list(json.loads(place.read_text(encoding="utf-8")).values())
    read, unread = ([cell["scores"] for cell in cells if (cell["unknown"] >= WARN_UNKNOWN) is much] for much in (False, True))
    assert len(read) >= 4 and unread
    means = {method: fmean(scores[method] for scores in read) for method in ORDER}
    assert sorted(means, key=lambda method: -means[method]) == list(ORDER)
    means = {method: fmean(scores[method] for scores in unread) for method in ORDER}
    assert max(means, key=lambda method: means[method]) == "tfidf"


def test_what_needs_no_base_is_preferred_to_a_base_that_cannot_read() -> None:
    plain = candidate("tfidf", [hits(88)], 10)
    plain = replace(plain, valid=replace(plain.valid, entry=Entry("tfidf", NO_BASE)))
    both = [candidate("full", [hits(90)], 1000), plain]
    assert decide(both, [], "accuracy")["method"] == "full"
    assert decide(both, [], "accuracy", unread={"b"})["method"] == "tfidf"
    assert decide([both[0], candidate("head", [hits(91)], 5)], [], "accuracy", unread={"b"})["method"] == "full", "among those as before"


def test_a_chain_that_does_not_beat_its_part_is_not_called_better() -> None:
    found = [candidate("full+prompt", [hits(95)], 10), candidate("full", [hits(90)], 10), candidate("prompt", [hits(40)], 0)]
    text = decide(found, [], "accuracy")["text"]
    assert "full+prompt is not shown to be better than its part full." in text


def test_over_several_draws_the_draws_have_to_agree() -> None:
    """0.90 against 0.80 in three draws of 40 rows: told apart when the draws agree, not when one says the opposite."""
    steady = [candidate("a", [hits(36, 40)] * 3, 1), candidate("b", [hits(28, 40), hits(27, 40), hits(28, 40)], 1)]
    assert decide(steady, [], "accuracy")["tied"] == []
    torn = [candidate("a", [hits(40, 40), hits(38, 40), hits(20, 40)], 1), candidate("b", [hits(28, 40), hits(27, 40), hits(28, 40)], 1)]
    assert decide(torn, [], "accuracy")["tied"] == ["b"]


def test_means_without_spread_do_not_make_few_rows_sure() -> None:
    """Two folds that agree to the row on one row in ten: t alone would give p = 0; the rows say otherwise."""
    one, two = (candidate(name, [hits(right, 10)] * 2, 1).valid for name, right in (("a", 8), ("b", 7)))
    found = difference(one, two)
    assert found is not None and found.p == 0.5, "exact McNemar on two discordant rows of twenty"
    assert one.interval is not None and one.interval[1] - one.interval[0] > 0.3


def test_compare_writes_a_table_a_verdict_and_the_winner(base: str, reviews: str, tmp_path: Path) -> None:
    found = joyul.compare(
        data=reviews, base=base, methods=["prompt", "head", "full"], out=str(tmp_path / "c"), full__epochs=8, learning_rate=5e-3
    )
    record = json.loads((tmp_path / "c" / "comparison.json").read_text(encoding="utf-8"))
    assert record == json.loads(json.dumps(found.record))
    assert [row["method"] for row in record["methods"]] == [*BASELINES, "prompt", "head", "full"]
    assert {"method", "score", "interval", "train_seconds", "peak_memory", "bytes", "trainable", "row_seconds", "error"} <= set(
        record["methods"][-1]
    )
    winner = record["verdict"]["method"]
    assert winner in ("tfidf", "frozen", "prompt", "head", "full")
    lines = [json.loads(line) for line in (found.best / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == record["rows"]["test"] == 8
    assert joyul.load(found.best).predict(["the good film"])[0].value in ("yes", "no")
    score = sum(line["target"] == line["prediction"] for line in lines) / len(lines)
    assert next(row for row in record["methods"] if row["method"] == winner)["score"] == pytest.approx(score)
    assert len(record["differences"]) == 10, "every pair but those with the constant"
    assert all(pair["p"] <= pair["p_holm"] <= 1 and pair["test"] == "mcnemar" for pair in record["differences"])
    page = (tmp_path / "c" / "report.html").read_text(encoding="utf-8")
    assert f"Ship {winner}" in page and "http" not in page.replace("http-equiv", "")


def test_draws_seeds_and_sizes(base: str, reviews: str, tmp_path: Path) -> None:
    found = joyul.compare(
        data=reviews, base=base, methods=["head"], out=str(tmp_path / "c"), epochs=1, draws=2, seeds=2, shots="8,16"
    )
    record = found.record
    assert (record["draws"], record["seeds"], record["shots"]) == (2, 2, [16, 8])
    head = next(row for row in record["methods"] if row["method"] == "head")
    assert [point["shots"] for point in head["curve"]] == [8, 16] and len(head["scores"]) == 2
    assert head["gain_50"] is not None and {pair["test"] for pair in record["differences"]} == {"two-way"}
    runs = sorted(path.name for path in (tmp_path / "c/methods/head").iterdir())
    assert len(runs) == 8, "two draws, two sizes, two seeds"
    kept = [name for name in runs if (tmp_path / "c/methods/head" / name / "model").exists()]
    assert len(kept) == 1 and "shots-16" in kept[0], "the weights of the best run alone are kept"
    assert joyul.load(found.best).predict(["the good film"])


def test_a_draw_is_the_same_for_all_and_a_small_one_lies_within_a_large_one(reviews: str) -> None:
    settings = from_words("compare", {"data": reviews, "draws": 2, "shots": "4,16,all"}).run
    pool = gather_pool(settings, Notes())
    assert sizes(settings) == [None, 16, 4]
    made = {(draw.number, draw.size): draw.gathered.splits for draw in draws(pool, settings, Notes())}
    assert len(made) == 6 and len({tuple(splits.test.ids) for splits in made.values() if splits.test}) == 1
    rows = {key: {*splits.train.ids, *(splits.valid.ids if splits.valid else ())} for key, splits in made.items()}
    assert [len(rows[1, size]) for size in (None, 16, 4)] == [72, 32, 8]
    assert rows[1, 4] < rows[1, 16] < rows[1, None] and rows[1, 16] != rows[2, 16]
    plain = from_words("train", {"data": reviews, "shots": 16}).run
    from joyul.data.gather import gather

    assert made[1, 16].train.ids == gather(plain, Notes()).splits.train.ids, "the first draw is what `train` learns from"


def test_folds_test_every_row_once_and_cut_no_group(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    file = write_csv(tmp_path / "g.csv", [("text", "label", "author"), *((*row, f"a{place // 4}") for place, row in enumerate(rows))])
    settings = from_words("compare", {"data": file, "group": "author", "folds": 4}).run
    pool = gather_pool(settings, Notes())
    tested, apart = [], []
    for draw in draws(pool, settings, Notes()):
        splits = draw.gathered.splits
        assert splits.test is not None and splits.valid is not None
        tested += splits.test.ids
        apart.append(not set(splits.test.groups) & {*splits.train.groups, *splits.valid.groups})
    assert len(tested) == len(set(tested)) == 80 and all(apart)


def test_folds_end_in_a_verdict(base: str, reviews: str, tmp_path: Path) -> None:
    record = joyul.compare(data=reviews, base=base, methods=["head"], folds=2, epochs=1, out=str(tmp_path / "c")).record
    assert record["folds"] == 2 and len(record["methods"][-1]["scores"]) == 2
    with pytest.raises(UsageError, match="folds= tests every row once"):
        joyul.compare(data=reviews, base=base, folds=3, draws=2)


def test_test_rows_that_were_learned_are_counted_listed_and_left_out(base: str, tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    test = write_csv(tmp_path / "test.csv", [("text", "label"), *rows[:3], ("a new good film", "yes"), ("a new dull film", "no")])
    data = write_csv(tmp_path / "data.csv", [("text", "label"), *rows])
    words = {"data": data, "test": test, "valid": "0.1"}
    notes = Notes()
    assert len(gather_pool(from_words("compare", words).run, notes).splits.test or ()) == 2
    assert any("3 test rows have the same text as a labelled row" in text and "test.csv:1" in text for _, text in notes.kept)
    assert len(gather_pool(from_words("compare", {**words, "duplicates": "keep"}).run, Notes()).splits.test or ()) == 5
    same = write_csv(tmp_path / "same.csv", [("text", "label"), *rows])
    with pytest.raises(DataError, match="all 80 test rows"):
        gather_pool(from_words("compare", {**words, "test": same}).run, Notes())


def test_several_bases(base: str, reviews: str, tmp_path: Path) -> None:
    other = tiny.save(tmp_path / "gpt2", "gpt2")
    found = joyul.compare(data=reviews, base=f"{base},{other}", methods=["head"], epochs=1, out=str(tmp_path / "c")).record
    names = [(row["name"], row["base"]) for row in found["methods"] if row["method"] == "head"]
    assert names == [("head (bert)", base), ("head (gpt2)", other)]
    assert found["verdict"]["base"] in (base, other, "none")


def test_a_budget_that_is_over_is_said(base: str, reviews: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="budget=soon is no length of time"):
        joyul.compare(data=reviews, base=base, budget="soon")
    endless = {"full__epochs": 1000, "full__patience": 1000}
    found = joyul.compare(data=reviews, base=base, methods=["prompt", "full"], budget="4s", out=str(tmp_path / "c"), **endless)
    full = found.record["methods"][-1]
    assert full["score"] is None and "budget=" in full["error"]
    assert found.record["seconds"] < 20


def test_the_estimate_reads_no_weights(base: str, reviews: str) -> None:
    recipe = from_words("compare", {"data": reviews, "base": base})
    draw = next(draws(gather_pool(recipe.run, Notes()), recipe.run, Notes()))
    full, head, prompt = (estimate(Entry(name, base), draw, recipe) for name in ("full", "head", "prompt"))
    assert full is not None and head is not None and full > 0 and head > 0 and prompt == 0


def test_finished_runs_are_compared_on_the_same_test_rows_or_refused(base: str, reviews: str, tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    test = write_csv(tmp_path / "test.csv", [("text", "label"), *rows[:20]])
    for name, method, more in (("a", "head", {"test": test, "valid": "0.1"}), ("b", "full", {"test": test, "valid": "0.1"}), ("c", "head", {})):
        joyul.train(data=reviews, base=base, method=method, epochs=1, out=str(tmp_path / name), **more)
    found = joyul.compare(tmp_path / "a", tmp_path / "b", out=str(tmp_path / "d"))
    assert [pair["test"] for pair in found.record["differences"]] == ["mcnemar"] and found.best.is_dir()
    with pytest.raises(DataError, match="were tested on different rows"):
        joyul.compare(tmp_path / "a", tmp_path / "c", out=str(tmp_path / "e"))


def test_a_method_that_fails_stands_in_the_table_with_its_reason(
    base: str, reviews: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = joyul.compare(data=reviews, base=base, form="similarity", methods=["prompt", "head"], out=str(tmp_path / "c"))
    head = found.record["methods"][-1]
    assert head["score"] is None
    assert "similarity has none" in head["error"]
    assert found.record["verdict"]["method"] in ("prompt", "tfidf")
    show_comparison(found)
    assert f"head failed: {head['error']}" in capsys.readouterr().out


def test_a_setting_that_no_method_takes_is_refused_before_any_work(base: str, reviews: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no stage of prompt takes epochs"):
        joyul.compare(data=reviews, base=base, methods=["prompt"], epochs=2, out=str(tmp_path / "c"))
    assert not (tmp_path / "c").exists()


def test_what_does_not_fit_is_left_out_unless_asked_for(reviews: str, base: str, tmp_path: Path) -> None:
    """No label words say a number; a decoder may be asked for words, even if this tiny one does not know "no"."""
    decoder = tiny.save(tmp_path / "gpt2", "gpt2")
    found = joyul.compare(data=reviews, base=decoder, out=str(tmp_path / "c"), epochs=1)
    methods = [row["method"] for row in found.record["methods"]]
    assert methods[:3] == BASELINES and {*methods[3:]} == {*ALL}
    assert {row["method"] for row in found.record["methods"] if row["error"]} == {"prompt"}
    numbers = write_csv(tmp_path / "n.csv", [("text", "label"), *((" ".join(tiny.TEXTS[n % 16].split()[: 3 + n % 5]), str(n % 7 / 2)) for n in range(80))])
    found = joyul.compare(data=numbers, base=base, task="regress", out=str(tmp_path / "n"), epochs=1)
    assert {*ALL} - {row["method"] for row in found.record["methods"]} == {"prompt"}


def test_an_interrupted_comparison_goes_on_where_it_stood(
    base: str, reviews: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the second of three methods: the first is kept as it is, the second continued, the table that of a whole one."""
    given = {"base": base, "methods": ["prompt", "head", "full"], "epochs": 1, "precision": "fp32", "batch_size": 16}
    whole = joyul.compare(reviews, out=str(tmp_path / "whole"), **given)
    really, calls = loop._update, 0

    def stopped(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Interrupted(signal.SIGTERM)
        return really(*arguments)

    monkeypatch.setattr(loop, "_update", stopped)
    with pytest.raises(Interrupted):
        joyul.compare(reviews, out=str(tmp_path / "c"), **given)
    assert condition(tmp_path / "c") == "interrupted"
    finished = tmp_path / "c/methods/prompt/metrics.json"
    before = finished.stat().st_mtime_ns
    again = joyul.compare(tmp_path / "c")
    assert finished.stat().st_mtime_ns == before
    assert calls == 3 + len(forks.steps(tmp_path / "whole/methods/full")) + len(forks.steps(tmp_path / "whole/methods/head")) - 2
    keys = ("method", "score", "valid_score", "trainable", "error", "diagnosis")
    tables = [[[row.get(key) for key in keys] for row in found.record["methods"]] for found in (again, whole)]
    assert tables[0] == tables[1]
    verdicts = [{key: value for key, value in found.record["verdict"].items() if key != "text"} for found in (again, whole)]
    assert verdicts[0] == verdicts[1]  # the text tells seconds too
    assert forks.kept(again.folder / "methods/full") == forks.kept(whole.folder / "methods/full")
    assert sorted(path.name for path in again.folder.iterdir()) == sorted(path.name for path in whole.folder.iterdir())
    assert condition(again.folder) == "ended"


# ---------------------------------------------------------------------------------------------------------------- the counted baseline


def test_the_linear_result_answers_as_scikit_learn_does(rows: list[tuple[str, str]], tmp_path: Path) -> None:
    """Fitted, saved, opened: the probabilities are those of the pipeline it stands for; with three labels and with two."""
    from joyul.contracts import Example
    from joyul.engine.evaluate import predict
    from joyul.forms.rows import untokenised

    texts = [text for text, _ in rows]
    for targets in ([label for _, label in rows], [f"{label}{len(text) % 2}" if label == "yes" else label for text, label in rows]):
        union = FeatureUnion([(name, TfidfVectorizer(**options)) for name, options in linear.PARTS.items()])
        peer = LogisticRegression(C=10, max_iter=1000).fit(union.fit_transform(texts), targets)
        task = Classify.learn(targets)
        features = linear.Features.fit(texts)
        fitted = fit(task, features.of(texts), [task.encode(target) for target in targets], 10, 0)
        folder = tmp_path / str(len(task.labels))
        linear.save(folder, linear.Linear(*fitted), linear.Counts(untokenised(task), features))
        model, form = linear.load(folder, task)
        unseen = [*texts[:20], "a film of another kind", "zzz"]
        made = predict(model, form, form.encode([Example(str(i), {"text": text}) for i, text in enumerate(unseen)]))
        expected = peer.predict_proba(union.transform(unseen))
        found = [[(answer.scores or {})[label] for label in peer.classes_] for answer in made]
        assert np.allclose(found, expected, atol=1e-5)
        assert not list(folder.rglob("*.pkl"))


def test_baselines_are_results_like_any_other(base: str, reviews: str, tmp_path: Path) -> None:
    found = joyul.compare(data=reviews, base=base, methods=["prompt"], out=str(tmp_path / "c"))
    for name in ("tfidf", "frozen"):
        folder = found.folder / "methods" / name
        lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
        scores = joyul.evaluate(folder, data=reviews)["scores"]["accuracy"]["value"]
        assert 0 <= scores <= 1 and len(lines) == 8 and (folder / "README.md").is_file()
        row = next(row for row in found.record["methods"] if row["method"] == name)
        assert row["bytes"] > 0 and row["trainable"] > 0 and row["row_seconds"] > 0


@pytest.mark.parametrize("kind", ["number", "labels", "tags"])
def test_every_task_has_its_baselines(base: str, tmp_path: Path, rows: list[tuple[str, str]], kind: str) -> None:
    lines = {
        "number": [{"text": text, "score": str(4.0 if label == "yes" else 1.5)} for text, label in rows],
        "labels": [{"text": text, "labels": ["good"] * (label == "yes") + ["film"] * ("film" in text)} for text, label in rows],
        "tags": [{"tokens": text.split(), "tags": ["B-X" if word == "film" else "O" for word in text.split()]} for text, _ in rows],
    }[kind]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    task = {"number": "regress", "labels": "classify", "tags": "tag"}[kind]
    words = {"label": "score", "text": "text"} if kind == "number" else {}
    found = joyul.compare(data=str(file), base=base, task=task, methods=["head"], epochs=1, out=str(tmp_path / "c"), **words)
    scored = {row["method"]: row["score"] for row in found.record["methods"] if row["error"] is None}
    plain = "lexicon" if kind == "tags" else "tfidf"
    assert scored[plain] > scored["majority"], "what tells the target is a word"
    assert found.record["verdict"]["method"] not in ("majority", "lexicon") and (found.folder / "report.html").is_file()
    if kind != "tags":
        assert joyul.evaluate(found.folder / "methods/tfidf", data=str(file))["rows"] == 80
