"""Prompts for tasks that many people have, in English and Korean: told by the labels, tried in this order by a search.

The cloze templates of sentiment and topics follow Gao et al. (2021, LM-BFF) and Schick and Schütze (2021, PET).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from joyul.forms.hangul import korean
from joyul.forms.wording import Wording

Language = str
Spoken = Mapping[str, tuple[str, ...]]  # role -> words


@dataclass(frozen=True)
class Ask:
    """A template and the words of each role in it; none: the labels as they stand."""

    template: str
    words: Spoken | None = None


@dataclass(frozen=True)
class Kind:
    """Labels by role, as people write them, and for each Form and language what to ask. `paired`: of two texts."""

    roles: Mapping[str, tuple[str, ...]]
    asks: Mapping[tuple[str, Language], tuple[Ask, ...]]
    paired: bool = False


def _said(**words: str) -> Spoken:
    return {role: tuple(found.split("|")) for role, found in words.items()}


SENTIMENT = Kind(
    {
        "negative": ("negative", "neg", "bad", "부정", "부정적", "나쁨", "불만"),
        "neutral": ("neutral", "중립", "보통"),
        "positive": ("positive", "pos", "good", "긍정", "긍정적", "좋음", "만족"),
    },
    {
        ("cloze", "en"): (
            Ask("{text} It was {label}.", _said(negative="terrible", neutral="okay", positive="great")),
            Ask("{text} All in all, it was {label}.", _said(negative="bad", neutral="average", positive="good")),
            Ask("Just {label}! {text}", _said(negative="awful", neutral="okay", positive="great")),
            Ask("The sentiment of this text is {label}. {text}", _said(negative="negative", neutral="neutral", positive="positive")),
        ),
        ("continuation", "en"): (
            Ask("Review: {text}\nSentiment: {label}", _said(negative="negative", neutral="neutral", positive="positive")),
            Ask("{text}\nIs this review positive? {label}", _said(negative="No", neutral="Neither", positive="Yes")),
            Ask("{text} It was {label}", _said(negative="terrible", neutral="okay", positive="great")),
        ),
        ("similarity", "en"): (
            Ask("It was {label}.", _said(negative="terrible", neutral="average", positive="great")),
            Ask("A {label} review.", _said(negative="negative", neutral="neutral", positive="positive")),
            Ask("I think this is {label}.", _said(negative="bad|awful", neutral="okay", positive="good|excellent")),
        ),
        ("cloze", "ko"): (
            Ask("{text} 한마디로 {label}.", _said(negative="별로", neutral="보통", positive="최고")),
            Ask("{text} 이 리뷰는 긍정적인가요? {label}.", _said(negative="아니요", neutral="글쎄요", positive="네")),
            Ask("{text} 이 영화는 긍정적인가요? {label}.", _said(negative="아니요", neutral="글쎄요", positive="네")),
            Ask("{text} 평가: {label}.", _said(negative="나쁨", neutral="보통", positive="좋음")),
        ),
        ("continuation", "ko"): (
            Ask("{text}\n이 리뷰는 긍정적인가요? {label}", _said(negative="아니요", neutral="글쎄요", positive="네")),
            Ask("{text}\n이 영화는 긍정적인가요? {label}", _said(negative="아니요", neutral="글쎄요", positive="네")),
            Ask("리뷰: {text}\n감정: {label}", _said(negative="부정", neutral="중립", positive="긍정")),
            Ask("{text}\n평가: {label}", _said(negative="나쁨", neutral="보통", positive="좋음")),
        ),
        ("similarity", "ko"): (
            Ask("정말 {label}.", _said(negative="별로예요", neutral="그저 그래요", positive="좋아요")),
            Ask("{label} 리뷰입니다.", _said(negative="부정적인", neutral="중립적인", positive="긍정적인")),
            Ask("{label}", _said(negative="재미없다|실망이다", neutral="보통이다", positive="재미있다|훌륭하다")),
        ),
    },
)  # fmt: skip
INFERENCE = Kind(
    {
        "no": ("contradiction", "not_entailment", "모순"),
        "maybe": ("neutral", "중립"),
        "yes": ("entailment", "entails", "함의"),
    },
    {
        ("cloze", "en"): (Ask("{text}? {label}, {text_pair}", _said(no="No", maybe="Maybe", yes="Yes")),),
        ("continuation", "en"): (
            Ask("{text}\nQuestion: {text_pair} True, false, or neither? Answer: {label}", _said(no="false", maybe="neither", yes="true")),
        ),
        ("cloze", "ko"): (Ask("{text}? {label}, {text_pair}", _said(no="아니", maybe="아마", yes="그래")),),
        ("continuation", "ko"): (
            Ask("{text}\n위 글에 따르면 다음 문장은 맞습니까? {text_pair}\n답: {label}", _said(no="아니요", maybe="알 수 없음", yes="예")),
        ),
    },
    paired=True,
)  # fmt: skip
YES_NO = Kind(
    {"no": ("no", "false", "아니요", "아니오", "거짓"), "yes": ("yes", "true", "예", "네", "참")},
    {
        ("cloze", "en"): (Ask("{text} Question: {text_pair}? Answer: {label}.", _said(no="No", yes="Yes")),),
        ("continuation", "en"): (Ask("{text}\nQuestion: {text_pair}?\nAnswer: {label}", _said(no="no", yes="yes")),),
        ("cloze", "ko"): (Ask("{text} 질문: {text_pair} 답: {label}.", _said(no="아니요", yes="예")),),
        ("continuation", "ko"): (Ask("{text}\n질문: {text_pair}\n답: {label}", _said(no="아니요", yes="예")),),
    },
    paired=True,
)
SPAM = Kind(
    {"no": ("ham", "not_spam", "normal", "정상"), "yes": ("spam", "스팸")},
    {
        ("cloze", "en"): (Ask("{text} Is this spam? {label}.", _said(no="No", yes="Yes")),),
        ("continuation", "en"): (Ask("{text}\nIs this message spam? {label}", _said(no="no", yes="yes")),),
        ("similarity", "en"): (Ask("This is {label}.", _said(no="a personal message", yes="spam|an advertisement")),),
        ("cloze", "ko"): (Ask("{text} 스팸인가요? {label}.", _said(no="아니요", yes="네")),),
        ("continuation", "ko"): (Ask("{text}\n이 글은 스팸인가요? {label}", _said(no="아니요", yes="네")),),
        ("similarity", "ko"): (Ask("{label}입니다.", _said(no="개인적인 메시지", yes="스팸|광고")),),
    },
)
KINDS = (SENTIMENT, INFERENCE, YES_NO, SPAM)
ANY: Mapping[tuple[str, Language], tuple[Ask, ...]] = {
    ("cloze", "en"): (Ask("{text} This is about {label}."), Ask("Category: {label}. {text}"), Ask("{label}: {text}")),
    ("continuation", "en"): (Ask("{text}\nCategory: {label}"), Ask("{text}\nThis is about {label}"), Ask("Text: {text}\nLabel: {label}")),
    ("similarity", "en"): (Ask("{label}"),),  # words that all labels share only bring them together (LOG.md)
    ("cloze", "ko"): (Ask("{text} 이것은 {label}에 관한 글이다."), Ask("분류: {label}. {text}"), Ask("{label}: {text}")),
    ("continuation", "ko"): (Ask("{text}\n분류: {label}"), Ask("{text}\n이 글의 주제: {label}"), Ask("글: {text}\n라벨: {label}")),
    ("similarity", "ko"): (Ask("{label}"),),
}


def usual(
    form: str, words: Mapping[str, tuple[str, ...]], paired: bool = False, named: bool = False, in_korean: bool = False
) -> list[Wording]:
    """What is usually asked about labels with these words, the default first; in Korean where words are, or the rows.

    `named`: the words are the user's own, and stay as they are: questions that are answered by them come first. Else labels that
    are known by name get the words of their task.
    """
    language = "ko" if in_korean or korean(word for found in words.values() for word in found) else "en"
    kind, roles = _kind(words, paired)
    if kind is None and named:
        kind, roles = _kind({label: (label,) for label in words}, paired)
    asks = kind.asks.get((form, language), ()) if kind else ()
    if named:
        asks = tuple(sorted(asks, key=lambda ask: not _answered(ask, words, roles)))
    if not asks:
        asks, roles = ANY[form, language], {}
        if paired and form != "similarity":
            asks = tuple(replace(ask, template=ask.template.replace("{text}", "{text} {text_pair}")) for ask in asks)
    return [Wording(ask.template, words if named else _words(words, roles, ask.words)) for ask in asks]


def _answered(ask: Ask, words: Mapping[str, tuple[str, ...]], roles: Mapping[str, str]) -> bool:
    """Whether these words are among those that answer a question."""
    said = ask.words or {}
    return all(found[0].casefold() in map(str.casefold, said.get(roles[label], ())) for label, found in words.items())


def _kind(words: Mapping[str, tuple[str, ...]], paired: bool) -> tuple[Kind | None, Mapping[str, str]]:
    """The task that all labels belong to, and the role of each."""
    for kind in KINDS:
        role = {name: role for role, names in kind.roles.items() for name in names}
        found = {label: role.get(said[0].casefold().strip()) for label, said in words.items()}
        if kind.paired == paired and all(found.values()) and len(set(found.values())) == len(found):
            return kind, {label: name for label, name in found.items() if name}
    return None, {}


def _words(words: Mapping[str, tuple[str, ...]], roles: Mapping[str, str], said: Spoken | None) -> dict[str, tuple[str, ...]]:
    return {label: said[roles[label]] if said else found for label, found in words.items()}


def readable(labels: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Labels as words: `card_arrival` becomes `card arrival`, unless two labels become one by that."""
    spaced = {label: " ".join(label.replace("_", " ").split()) or label for label in labels}
    kept = len(set(spaced.values())) == len(spaced)
    return {label: (spaced[label] if kept else label,) for label in labels}
