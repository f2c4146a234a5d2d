"""Korean particles that depend on the sound before them: 값은, 점수는; 7이, 2가; 글로, 값으로."""

from __future__ import annotations

import re

CHOICES = {  # as a sentence writes it: after a consonant, after a vowel
    "은(는)": ("은", "는"), "이(가)": ("이", "가"), "을(를)": ("을", "를"), "과(와)": ("과", "와"), "와(과)": ("과", "와"),
    "(으)로": ("으로", "로"), "(이)라": ("이라", "라"),
}  # fmt: skip
PLACE = re.compile(r"([가-힣0-9])([\"'”’)\]]*)(" + "|".join(map(re.escape, CHOICES)) + ")")
DIGITS = "영일이삼사오육칠팔구"  # as they are read
SYLLABLE, ENDINGS, RIEUL = ord("가"), 28, 8  # Unicode orders syllables by their endings; 8 is ㄹ


def with_particles(text: str) -> str:
    """`text` with one particle chosen wherever Hangul or a digit stands before; after other scripts both stay."""
    return PLACE.sub(_chosen, text)


def _chosen(found: re.Match[str]) -> str:
    before, between, particle = found.groups()
    ending = (ord(DIGITS[int(before)] if before.isdigit() else before) - SYLLABLE) % ENDINGS
    as_vowel = ending == 0 or (particle == "(으)로" and ending == RIEUL)
    return before + between + CHOICES[particle][as_vowel]
