"""Instructions that the model itself proposes: shown a few labelled rows, it says what was asked (Zhou et al., 2023, APE).

Each proposal is shown rows of one fold of the race alone, and the Form that it was made from answers those in its place
(`methods.race`): it gains nothing from rows that it has seen.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from joyul.contracts import Example, Form
from joyul.engine.generate import written
from joyul.forms.hangul import korean
from joyul.methods.race import FOLDS

if TYPE_CHECKING:
    from joyul.bases.hosted import Hosted
    from joyul.forms.continuation import Continuation
    from joyul.forms.instruct import Instruct
    from joyul.methods.offers import Ask

SHOWN = 8  # rows
LONGEST = 400  # characters of a text that is shown
WRITTEN = 64  # tokens of an instruction
MOST = 500  # characters of one
# What is asked of the model. Korean where the labels are; it belongs to the result, not to the language of the messages.
ENGLISH = (
    "Text: {text}\nAnswer: {label}",
    "Someone was given an instruction and answered every text by it:\n\n{shown}\n\n"
    "What was the instruction? Write it alone, in one or two sentences, and none of the texts.\nInstruction:",
)
KOREAN = (
    "글: {text}\n답: {label}",
    "누군가 지시문 하나를 받고 글마다 그에 따라 답했습니다:\n\n{shown}\n\n"
    "그 지시문은 무엇이었을까요? 글은 옮기지 말고 지시문만 한두 문장으로 쓰세요.\n지시문:",
)


@dataclass(frozen=True)
class Proposed:
    """The instruction with this number; `model` writes it."""

    model: nn.Module
    number: int
    seed: int

    @property
    def fold(self) -> int:
        """The fold whose rows are shown."""
        return self.number % FOLDS

    def __call__(self, form: Instruct | Continuation, rows: Sequence[Example], ask: Ask) -> Form:
        """The Form with the instruction; as it was where none came."""
        found = cleaned(self._written(form, self.shown(form, rows)))
        return form.instructed(found) if found else form

    def shown(self, form: Form, rows: Sequence[Example]) -> list[str]:
        """A few rows with their labels, of each label in turn."""
        draw = random.Random(f"{self.seed} {self.number}")
        waiting = {label: draw.sample(mine, len(mine)) for label in form.setting.task.labels if (mine := _of(rows, label))}
        words = form.spec()["words"]
        said: list[str] = []
        while len(said) < SHOWN and any(waiting.values()):
            for label, mine in waiting.items():
                if mine and len(said) < SHOWN:
                    text = "\n".join(str(part)[:LONGEST] for part in mine.pop().inputs.values())
                    said.append(_language(form)[0].replace("{label}", words[label][0]).replace("{text}", text))
        return said

    def request(self, form: Instruct, rows: Sequence[Example]) -> dict[str, Any]:
        """What is sent to an endpoint."""
        return form.writing(_question(form, self.shown(form, rows)))

    def _written(self, form: Instruct | Continuation, shown: list[str]) -> str:
        if form.setting.architecture == "hosted":
            return cast("Hosted", self.model).write(cast("Instruct", form).writing(_question(form, shown)))
        return self._local(cast("Continuation", form), shown)

    def _local(self, form: Continuation, shown: list[str]) -> str:
        """By a model of this machine; fewer rows are shown where it cannot read all."""
        limit, tokenizer = form.setting.max_length, form.setting.tokenizer
        most = min(WRITTEN, limit // 2)
        while shown:
            ids = form.question(_question(form, shown))
            if len(ids) + most <= limit:
                end = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
                return str(tokenizer.decode(written(self.model, ids, most, end), skip_special_tokens=True))
            shown = shown[:-1]
        return ""


def _of(rows: Sequence[Example], label: str) -> list[Example]:
    return [row for row in rows if row.target == label]


def _language(form: Form) -> tuple[str, str]:
    spec = form.spec()
    return KOREAN if korean((spec["template"], *(word for said in spec["words"].values() for word in said))) else ENGLISH


def _question(form: Form, shown: Sequence[str]) -> str:
    return _language(form)[1].replace("{shown}", "\n\n".join(shown))


def cleaned(text: str) -> str:
    """The first paragraph of what was written (an opening like "Sure:" is none) in one line, without quotation marks."""
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]
    found = next((part for part in parts if part and not part.endswith(":")), "")
    return re.sub(r"^(Instruction|지시문):\s*", "", found).strip("\"'“”‘’ ")[:MOST]
