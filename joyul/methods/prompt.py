"""Hard prompts: no weight moves; the Form is chosen by score (`methods.choose`).

First given and usual wordings race, then edits of the best, then what labelled rows offer (`methods.offers`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import nn

from joyul.contracts import Architecture, Form
from joyul.forms.hangul import korean
from joyul.forms.instruct import Instruct
from joyul.forms.prompted import Prompted, askable
from joyul.forms.similarity import Similarity
from joyul.forms.usual import readable, usual
from joyul.forms.wording import Phrase
from joyul.messages import words
from joyul.methods import offers
from joyul.methods.base import InPlace
from joyul.methods.edits import edits
from joyul.methods.propose import Proposed

EDITING = 2  # rounds of edits
FEW = 2  # demonstrations a label that a model that writes is shown
SIMILAR_SHOWN = 16  # texts a label that a sentence encoder is shown: they cost nothing when it is used
MOST_NEAREST = 8  # demonstrations that are chosen for each row
ASKING = (Prompted, Similarity, Instruct)
WRITING = ("continuation", "instruct")  # Forms whose bases write
SHARES = (0.25, 0.5, 0.75)  # of a label in its texts, the rest in its prompts


@dataclass(frozen=True)
class Prompt(InPlace):
    """`templates` as the user gave them; the Form as it stands is always a candidate, before them.

    `wide`: also try what nobody gave, at most `candidates` in a round; of an endpoint demonstrations alone. `shown`:
    demonstrations a label (0: none). `fixed`: the Form is a prompt.yaml, and stays as that says. `proposals`: instructions that
    the model is asked for.
    """

    templates: tuple[str, ...] = ()
    wide: bool = False
    candidates: int = 12
    shown: int | None = None
    seed: int = 0
    fixed: bool = False
    proposals: int = 0
    name: ClassVar[str] = "prompt"
    trains: ClassVar[bool] = False

    def why_not(self, form: Form, architecture: Architecture) -> str | None:
        if self.proposals and form.name not in WRITING:
            return words("proposals_need_writer", form=form.name)
        return words("demonstrations_need_words", form=form.name) if self.shown and not isinstance(form, ASKING) else None

    def forms(self, form: Form) -> Sequence[Form]:
        given = [form.with_template(template) for template in self.templates]
        found = [form, *(one for one in given if one != form)]
        if form.setting.architecture == "hosted" and not (found[1:] or self.wide or self.shown or self.proposals):
            return ()  # a score that chooses nothing would still have to be paid
        if self.wide:
            found += [one for one in self._usual(form) if one not in found]
        return [*found, *_together([one for one in given if isinstance(one, Prompted | Similarity)])]

    def further(self, model: nn.Module, best: Form, done: int) -> Sequence[Form | Callable[..., Form]] | None:
        if isinstance(best, Instruct):  # every try is paid
            return self._asked_for(model, best) or None if done == 1 else None
        if not isinstance(best, Prompted | Similarity):
            return None
        calibrated = [] if self.fixed else [offers.content_free, offers.calibrated]
        if not self.wide:
            return {1: self._asked_for(model, best), 2: calibrated}.get(done)
        if done <= EDITING:
            return self._edited(best, random.Random(self.seed + done))
        if done == EDITING + 1:
            return self._learned(model, best)
        return calibrated if done == EDITING + 2 else None

    def _usual(self, form: Form) -> list[Form]:
        """What is usually asked, one wording at a time, and all of them together."""
        said = readable(form.setting.task.labels)
        if isinstance(form, Similarity):
            in_korean = korean(form.templates)
            known = form == form.asked(usual(form.name, said, in_korean=in_korean))
            found = usual(form.name, said if known else form.words_of, named=not known, in_korean=in_korean)
            return [form.asked([wording]) for wording in found]
        if not isinstance(form, Prompted):
            return []
        in_korean = korean([form.wording.template])
        usually = usual(form.name, said, form.paired, in_korean=in_korean)
        known = any(form.wording.words == wording.words for wording in usually)
        found = usually if known else usual(form.name, form.wording.words, form.paired, True, in_korean)
        asked = [form.worded(replace(wording, instruction=form.wording.instruction)) for wording in found]
        fitting = [one for one in asked if askable(one)]
        return [*fitting, *_together(fitting)]

    def _edited(self, best: Prompted | Similarity, draw: random.Random) -> Sequence[Form]:
        """Edits of a template, at most `candidates`; a language model reads each once, for its place and for one beside it."""
        if isinstance(best, Similarity):
            found = _edited_prompts(best)
            return draw.sample(found, min(len(found), self.candidates))
        phrases = best.wording.phrases
        every = [(place, Phrase(made, one.words)) for place, one in enumerate(phrases) for made in edits(one.template)]
        fewer = [phrases[:place] + phrases[place + 1 :] for place in range(len(phrases))] if len(phrases) > 1 else []
        for place, made in draw.sample(every, min(len(every), self.candidates)):
            fewer += [(*phrases[:place], made, *phrases[place + 1 :]), (*phrases, made)]
        return [best.worded(best.wording.saying(one)) for one in fewer if len(set(map(repr, one))) == len(one)]

    def _learned(self, model: nn.Module, best: Prompted | Similarity) -> Sequence[offers.Maker]:
        """Forms that are made from labelled rows."""
        if isinstance(best, Similarity):
            return self._shown(best, SIMILAR_SHOWN if self.shown is None else self.shown, 1)
        found = self._shown(best, FEW if self.shown is None else self.shown, 3)
        return [*found, *self._proposed(model), offers.worded_by_base(model)]

    def _asked_for(self, model: nn.Module, best: Prompted | Similarity | Instruct) -> Sequence[offers.Maker]:
        """Of all that, what was asked for by name; of an endpoint that is all there is."""
        usual = FEW if self.wide else 0
        return [*self._shown(best, usual if self.shown is None else self.shown, 1), *self._proposed(model)]

    def _proposed(self, model: nn.Module) -> list[offers.Maker]:
        return [Proposed(model, number, self.seed) for number in range(self.proposals)]

    def _shown(self, best: Prompted | Similarity | Instruct, most: int, draws: int) -> list[offers.Maker]:
        """One and `most` demonstrations of each label, drawn `draws` times; as many in all of those most like each row.

        Of a sentence encoder `most`, weighing more or less.
        """
        if isinstance(best, Similarity) or not most:
            return [offers.showing(most, self.seed, share) for share in SHARES if most]
        near = min(MOST_NEAREST, most * len(best.setting.task.labels))
        drawn = [offers.showing(count, self.seed + draw) for count in sorted({1, most}) for draw in range(draws)]
        return [*drawn, offers.showing_nearest(near, self.seed)]


def _together(forms: Sequence[Prompted | Similarity]) -> list[Form]:
    """The ensemble of several Forms that differ in their templates."""
    if len(forms) < 2:
        return []
    first = forms[0]
    if isinstance(first, Similarity):
        templates = dict.fromkeys(one for form in forms if isinstance(form, Similarity) for one in form.templates)
        return [replace(first, templates=tuple(templates))]
    phrases = [one for form in forms if isinstance(form, Prompted) for one in form.wording.phrases]
    return [first.worded(first.wording.saying(phrases))]


def _edited_prompts(best: Similarity) -> list[Form]:
    """One template less, or one more: an edit of another."""
    found: list[Form] = []
    for place, template in enumerate(best.templates):
        others = best.templates[:place] + best.templates[place + 1 :]
        found += [replace(best, templates=others)] if others else []
        found += [replace(best, templates=(*best.templates, made)) for made in edits(template) if made not in best.templates]
    return found
