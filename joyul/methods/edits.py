"""Other wordings of a template by rule: delete, swap, paraphrase, add (after GrIPS, Prasad et al., 2023; no model is asked)."""

from __future__ import annotations

import re

from joyul.forms.template import TOKEN

PARAPHRASES = (
    ("It was", "This is"), ("It was", "I think it is"), ("was", "is"), ("All in all, ", "In summary, "), ("movie", "film"),
    ("Category", "Topic"), ("Category", "Class"), ("Sentiment", "Opinion"), ("Review", "Text"), ("Answer", "In one word"),
    ("This is about", "The subject is"), ("review", "opinion"), (": ", " = "), (".", "!"),
    ("정말", "아주"), ("분류", "주제"), ("감정", "의견"), ("리뷰", "글"),
    ("입니다", "이다"), ("인가요", "일까요"), ("평가", "의견"),
)  # fmt: skip
ADDED = {
    ("en", True): ("Overall, ", "In summary, ", "This is about ", "A "), ("ko", True): ("한마디로 ", "전체적으로 ", "이것은 "),
    ("en", False): ("Text: ", "Read this. ", "Question: "), ("ko", False): ("글: ", "다음을 읽으세요. ", "질문: "),
}  # fmt: skip


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
    """`old` replaced by `new` in the words, never in a slot."""
    return "".join(part if TOKEN.fullmatch(part) else part.replace(old, new) for part in pieces(template))


def _added(template: str) -> list[str]:
    """With a few words before the text, or before the label."""
    language = "ko" if re.search("[가-힣]", template) else "en"
    found = [words + template for words in ADDED[language, "{text}" not in template]]
    return [*found, template.replace("{label}", '"{label}"')]
