"""Hard prompts: no weight moves; the Form is chosen among given templates by score (see `methods.choose`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from joyul.contracts import Architecture, Form
from joyul.methods.base import InPlace


@dataclass(frozen=True)
class Prompt(InPlace):
    """`templates` as the user gave them; the Form as it stands is always a candidate, after them."""

    templates: tuple[str, ...] = ()
    name: ClassVar[str] = "prompt"
    trains: ClassVar[bool] = False

    def why_not(self, form: Form, architecture: Architecture) -> str | None:
        return None

    def forms(self, form: Form) -> Sequence[Form]:
        if form.setting.architecture == "hosted" and not self.templates:
            return ()  # a score that chooses nothing would still have to be paid
        given = [form.with_template(template) for template in self.templates]
        return [*given, *(() if form in given else (form,))]
