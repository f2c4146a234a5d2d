"""Both languages say the same things; every sentence that is asked for exists and gets its slots; none lies idle."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from joyul import messages
from joyul.messages.counts import with_counts
from joyul.messages.en import ENGLISH
from joyul.messages.ko import KOREAN

HOME = Path(messages.__file__).parent
MODULES = [path for path in HOME.parent.rglob("*.py") if path.parent != HOME]
TEMPLATES = list(HOME.parent.rglob("*.jinja"))
SPEAKERS = {"words": 0, "say": 0, "warn": 0, "rows": 0, "track": 1}  # which argument is the key
ERRORS = re.compile(r"[A-Z]\w*(Error|Loss)|DoesNotFit")
BUILT = ("type_", "bound_", "col_", "verb_")  # keys put together: f"type_{...}"
FILLED = {"rows": {"count", "rows"}, "error": {"found", "allowed"}}  # slots that the speaker fills itself
IN_TEMPLATE = re.compile(r"\bt\('(\w+)'")


@dataclass(frozen=True)
class Use:
    """A place where a sentence is asked for; `slots` is None where they are passed on as a whole."""

    key: str
    slots: frozenset[str] | None
    where: str


def slots(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def uses() -> Iterator[Use]:
    """Every call in the syntax trees that names a sentence."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield from _named(node, path)


def _named(call: ast.Call, path: Path) -> Iterator[Use]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    raised = ERRORS.fullmatch(name) is not None and not hasattr(builtins, name)  # a ValueError speaks to programmers
    place = 0 if raised else SPEAKERS.get(name)
    if place is None or len(call.args) <= place or (name in SPEAKERS and not _speaks(call.func)):
        return
    given = {keyword.arg for keyword in call.keywords}
    filled = FILLED.get("error" if raised else name, set())
    passed = None if None in given else frozenset(filled | {arg for arg in given if arg})
    for key in _constants(call.args[place]):
        yield Use(key, passed, f"{path.relative_to(HOME.parent)}:{call.lineno}")


def _speaks(function: ast.expr) -> bool:
    """`words(...)`, or a method of something called notes: `data.rows(...)` says nothing."""
    return isinstance(function, ast.Name) or "notes" in ast.unparse(function).lower()


def _constants(node: ast.expr) -> list[str]:
    """The texts that an argument may be: a constant, or either side of a condition."""
    if isinstance(node, ast.IfExp):
        return _constants(node.body) + _constants(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def mentioned() -> set[str]:
    """Every text in the syntax trees, and every key in the templates of the report."""
    found = {key for path in TEMPLATES for key in IN_TEMPLATE.findall(path.read_text(encoding="utf-8"))}
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return found


def built() -> set[str]:
    """The openings of keys that are put together."""
    found = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "words" and isinstance(node.args[0], ast.JoinedStr):
                opening = node.args[0].values[0]
                assert isinstance(opening, ast.Constant), f"{path}:{node.lineno}: a key has to open with a constant"
                found.add(str(opening.value))
    return found


def test_same_keys() -> None:
    assert ENGLISH.keys() == KOREAN.keys()
    assert list(ENGLISH) == list(KOREAN), "keep the same order in both files"


def test_same_slots() -> None:
    assert not [key for key in ENGLISH if slots(ENGLISH[key]) != slots(KOREAN[key])]


def test_korean_is_korean() -> None:
    """Every sentence with a word of its own has Hangul in it; only "joyul: {text}" has none."""
    bare = {key: re.sub(r"\{[^}]*\}", "", text) for key, text in ENGLISH.items()}
    spoken = [key for key, text in bare.items() if re.search(r"\b[a-z]{4,}\b(?!=)", text)]
    assert [key for key in spoken if not re.search("[가-힣]", KOREAN[key])] == ["error"]


def test_every_sentence_asked_for_exists() -> None:
    assert not [use for use in uses() if use.key not in ENGLISH]
    templates = {key for path in TEMPLATES for key in IN_TEMPLATE.findall(path.read_text(encoding="utf-8"))}
    assert not templates - ENGLISH.keys()


def test_every_slot_is_filled() -> None:
    """A slot without a value would be a KeyError in the face of the user."""
    assert not [use for use in uses() if use.slots is not None and slots(ENGLISH[use.key]) - use.slots]


def test_every_sentence_is_said() -> None:
    said = mentioned()
    assert not [key for key in ENGLISH if key not in said and not key.startswith(BUILT)]


def test_openings_of_built_keys() -> None:
    assert built() == set(BUILT)


def test_nouns_and_verbs_go_with_their_number() -> None:
    """The number is the last one before the pair; text that fills a slot is no number and is left as it is."""
    counted = {"file": "a[x|y].csv", "column": "1"}
    assert messages.words("columns_unusable_target", count=1, rows="3", **counted) == (
        "a[x|y].csv: 1 row without a value in '1' is left out: 3."
    )
    assert messages.words("columns_unusable_target", count=21, rows="1, 2", **counted).startswith("a[x|y].csv: 21 rows without")
    plan = {"methods": "full", "labels": "1", "test": "1,001"}
    assert "1 run (full; 2 draws, 1 seed), at most 1 labelled row for each, 1,001 test rows" in messages.words("plan", runs=1, draws=2, seeds=1, **plan)


def test_no_pair_is_left_open() -> None:
    """Every pair has a number before it, and is understood."""
    for key, sentence in ENGLISH.items():
        first = sentence.find("[") if "|" in sentence else -1
        assert "|" not in with_counts(sentence, dict.fromkeys(slots(sentence), 1)) or first < 0, key
        assert first < 0 or "{" in sentence[:first], key
