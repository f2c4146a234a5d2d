"""Candidates of a search in words, worked out by hand."""

from __future__ import annotations

from joyul.report.candidates import line, lines

WORDS = {"no": ["bad", "poor"], "yes": ["good"]}
SIMILAR = {"template": ["It was {label}.", "{label}"], "words": {"no": ["no"], "yes": ["good"]}, "demonstrations": 32, "share": 0.5, "bias": {"no": 0.1, "yes": -1.0}}
TOGETHER = {
    "template": "{text}\nOpinion: {label}", "words": WORDS, "instruction": "Read this.", "demonstrations": 64, "nearest": 4,
    "ensemble": [{"template": f"{{text}} {number} {{label}}", "words": WORDS} for number in range(3)],
}  # fmt: skip


def test_a_candidate_is_told_in_full() -> None:
    told = ["It was {label}.", "{label}", "yes: good", "32 demonstrations · 50% of each label from its texts · calibrated: no +0.10, yes -1.00"]
    assert lines(SIMILAR) == told
    told = ["Read this.", "{text} ⏎ Opinion: {label}", *(f"{{text}} {number} {{label}}" for number in range(3)), "no: bad, poor · yes: good"]
    assert lines(TOGETHER) == [*told, "the 4 most like each row, of 64 demonstrations"]
    others = {**TOGETHER, "ensemble": [{"template": "{text} {label}", "words": {"no": ["no"], "yes": ["yes"]}}], "instruction": "", "demonstrations": 0, "nearest": 0}
    assert lines(others) == ["{text} ⏎ Opinion: {label}", "no: bad, poor · yes: good", "{text} {label}"], "each with its own words"
    assert lines({"template": "{text}"}) == ["{text}"]
    assert line(TOGETHER, {"words": WORDS, "instruction": "Read."}) == line({**TOGETHER, "words": {}})
    assert line({"template": "{text}", "instruction": "word " * 20}) == "{text} · " + "word " * 11 + "word…"


def test_in_one_line_what_differs_is_left() -> None:
    assert line(SIMILAR) == "It was {label}. | {label} · yes: good · 32 demonstrations · 50% of each label from its texts · calibrated: no +0.10, yes -1.00"
    assert line(TOGETHER) == "{text} ⏎ Opinion: {label} | … 2 more … | {text} 2 {label} · no: bad, poor · yes: good · Read this. · the 4 most like each row, of 64 demonstrations"
