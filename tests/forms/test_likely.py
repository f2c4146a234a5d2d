"""Probabilities of words from those of tokens, against the sum over every answer that a model could write."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest

from joyul.endpoint.reply import Token
from joyul.forms.likely import masses, plain

Model = Mapping[str, Mapping[str, float]]  # what is written -> probability of each next token


def written(model: Model, *spelled: str) -> list[Token]:
    """The tokens of an answer as a server tells them."""
    found, path = [], ""
    for token in spelled:
        likely = {other.encode(): math.log(share) for other, share in model[path].items()}
        found.append(Token(token.encode(), likely[token.encode()], tuple(likely.items())))
        path += token
    return found


def probability(model: Model, word: str, path: str = "") -> float:
    """Of an answer that spells the word: every way to cut it into tokens."""
    if path == word:
        return 1.0
    ways = {token: share for token, share in model.get(path, {}).items() if word.startswith(path + token)}
    return sum(share * probability(model, word, path + token) for token, share in ways.items())


CARDS: Model = {"": {"card": 0.9, "top": 0.08, "I": 0.02}, "card": {" lost": 0.7, " stolen": 0.3}, "top": {" up": 1.0}}


@pytest.mark.parametrize("spelled", [("card", " lost"), ("card", " stolen"), ("top", " up")])
def test_masses_are_the_sums_over_answers(spelled: tuple[str, ...]) -> None:
    """Words that no written token leads towards share what leads to all of them."""
    words = ["card lost", "card stolen", "top up"]
    found = masses(written(CARDS, *spelled), words)
    exact = [probability(CARDS, word) for word in words]
    if spelled[0] == "card":
        assert found == pytest.approx(exact)
    else:
        assert found == pytest.approx([0.45, 0.45, 0.08])
    assert sum(found) == pytest.approx(0.98)


def cut(word: str, *places: int) -> Sequence[bytes]:
    raw = word.encode()
    ends = [*places, len(raw)]
    return [raw[start:end] for start, end in zip([0, *places], ends, strict=True)]


def test_tokens_may_end_inside_a_character() -> None:
    """부정 and 긍정 cut in the middle of their first letters."""
    first, rest = cut("부정", 2)
    other = cut("긍정", 2)[0]
    assert first != other
    tokens = [Token(first, math.log(0.8), ((first, math.log(0.8)), (other, math.log(0.2)))), Token(rest, 0.0, ((rest, 0.0),))]
    assert masses(tokens, ["부정", "긍정"]) == pytest.approx([0.8, 0.2])


@pytest.mark.parametrize("said", ["Positive", " positive", "positive.", "\npositive\n", '"positive"', "POSITIVE!"])
def test_case_and_what_stands_around_do_not_matter(said: str) -> None:
    assert masses([Token(said.encode(), math.log(0.7))], ["positive", "negative"]) == pytest.approx([0.7, 0.0])
    assert plain(said) == "positive"


def test_a_word_that_opens_another_is_told_by_where_the_answer_ends() -> None:
    assert masses([Token(b"card", math.log(0.6))], ["card", "card lost"]) == pytest.approx([0.6, 0.0])
    assert masses([Token(b"card", math.log(0.6)), Token(b" lost", 0.0)], ["card", "card lost"]) == pytest.approx([0.0, 0.6])


def test_an_answer_that_is_none_of_the_words_gives_them_what_was_left() -> None:
    token = Token(b"I", math.log(0.9), ((b"I", math.log(0.9)), (b"yes", math.log(0.04)), (b"maybe", math.log(0.06))))
    assert masses([token, Token(b" think", 0.0)], ["yes", "no"]) == pytest.approx([0.04, 0.0])
    assert masses([], ["yes", "no"]) == [0.0, 0.0]
