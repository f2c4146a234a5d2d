"""What is said about tags before training."""

from __future__ import annotations

from joyul.bases.load import open_base
from joyul.contracts import Example, Setting
from joyul.forms.tags import Tags
from joyul.learn import report_borders
from joyul.notes import Notes
from joyul.tasks.tag import Tag


def test_entities_that_end_inside_a_token_are_said(base: str) -> None:
    """`film` is one token; the entity is `fi`. Of two entities one can be told: F1 = 2 / (2 + 2)."""
    files = open_base(base)
    task = Tag(("B-X", "I-X", "O"), "characters")
    form = Tags(Setting(task, files.tokenizer, files.architecture, 32))
    told = Example("r:1", {"text": "a dog"}, ["O", "O", "B-X", "I-X", "I-X"])
    hidden = Example("r:2", {"text": "a film"}, ["O", "O", "B-X", "I-X", "O", "O"])
    notes = Notes()
    report_borders(task, form.encode([told]), notes)
    assert not notes.kept
    report_borders(task, form.encode([told, hidden]), notes)
    assert "in 1 row an entity begins or ends inside a token" in notes.kept[0][1]
    assert "would be 0.500: r:2." in notes.kept[0][1]
