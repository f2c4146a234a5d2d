"""Other wordings of a template by rule: delete, swap, paraphrase, add (after GrIPS, Prasad et al., 2023; no model is asked)."""

from __future__ import annotations

import re

from joyul.forms.hangul import korean
from joyul.forms.template import TOKEN

PARAPHRASES = (
    ("It was", "This is"), ("It was", "I think it is"), ("was", "is"), ("All in all, ", "In summary, "), ("movie", "film"),
    ("Category", "Topic"), ("Category", "Class"), ("Sentiment", "Opinion"), ("Review", "Text"), ("Answer", "In one word"),
    ("This is about", "The subject is"), ("review", "opinion"), (": ", " = "), (".", "!"),
    ("정말", "아주"), ("분류", "주제"), ("감정", "의견"), ("리뷰:", "글:"), ("리뷰는", "글은"), ("리뷰입니다", "글입니다"),
    ("입니다", "이다"), ("인가요", "일까요"), ("평가:", "의견:"),
)  # fmt: skip
ADDED = {  # in front of a text that opens the template, or of words about it
    ("en", "text"): ("Text: ", "Read this. ", "Question: "), ("en", "words"): ("Overall, ", "In summary, "),
    ("ko", "text"): ("글: ", "다음을 읽으세요. ", "질문: "), ("ko", "words"): ("한마디로 ", "전체적으로 "),
}  # fmt: skip
BEFORE_LABEL = {"en": ("This is about ", "A "), "ko": ("이것은 ",)}  # in front of a label that opens the template


def edits(template: str) -> list[str]:
    """Templates that differ from this one by one edit, each once; the slots stay."""
    found = [*_deleted(template), *_swapped(template), *_paraphrased(template), *_added(template)]
    return [made for made in dict.fromkeys(found) if made != template and _slots(made) == _slots(template)]


def pieces(template: str) -> list[str]:
    """Slots and the words between them, in order."""
    parts, at = [], 0
    for match in TOKEN.finditer(template):
        parts += [template[at : match.start()], match[0]]
        at = match.end()
    return [part for part in (*parts, template[at:]) if part]


def _slots(template: str) -> list[str]:
    return sorted(match[1] for match in TOKEN.finditer(template) if match[1])


def _deleted(template: str) -> list[str]:
    """Without one stretch of words."""
    parts = pieces(template)
    found = []
    for place, part in enumerate(parts):
        if not TOKEN.fullmatch(part) and part.strip():
            between = " " if 0 < place < len(parts) - 1 else ""
            found.append("".join([*parts[:place], between, *parts[place + 1 :]]).strip())
    return found


def _swapped(template: str) -> list[str]:
    """The question before the text instead of behind it; a colon's two sides changed."""
    match = re.fullmatch(r"\{text\}\s+(.*\{label\}.*)", template, re.DOTALL)
    return [f"{match[1]} {{text}}"] if match else []


def _paraphrased(template: str) -> list[str]:
    found = []
    for one, other in PARAPHRASES:
        found += [_outside(template, a, b) for a, b in ((one, other), (other, one))]
    return found


def _outside(template: str, old: str, new: str) -> str:
    """`old` replaced by `new` in the words, never in a slot, nor within another English word."""
    edges = [r"\b" if letter.isascii() and letter.isalpha() else "" for letter in (old[0], old[-1])]
    found = re.compile(edges[0] + re.escape(old) + edges[1])
    return "".join(part if TOKEN.fullmatch(part) else found.sub(new, part) for part in pieces(template))


def _added(template: str) -> list[str]:
    """With a few words before the text, or before the label."""
    language = "ko" if korean([template]) else "en"
    kind = "text" if "{text}" in template else "words"
    begun = not template.startswith("{text}") if kind == "text" else template.startswith(ADDED[language, kind])
    rest = template if kind == "text" or template.startswith("I ") else template[:1].lower() + template[1:]
    found = [] if begun else [words + rest for words in ADDED[language, kind]]
    found += [words + template for words in BEFORE_LABEL[language] if template.startswith("{label}")]
    return [*found, template.replace("{label}", '"{label}"')]
