"""A base behind an endpoint made ready for `prompt`: its Form, and what asking will take, said before any row is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from joyul.bases.hosted import Hosted, hosted
from joyul.bases.source import Source
from joyul.contracts import Method, Setting, Task
from joyul.endpoint.ability import tells_probabilities
from joyul.errors import DoesNotFit, UsageError
from joyul.forms import FORMS
from joyul.forms.instruct import Instruct
from joyul.forms.rows import untokenised
from joyul.forms.usual import readable
from joyul.forms.wording import known, label_words
from joyul.forms.written import as_written
from joyul.messages import words
from joyul.methods.answers import Answers
from joyul.methods.chain import Data, Tuned, fitting
from joyul.methods.propose import Proposed
from joyul.methods.race import FOLDS, Race
from joyul.notes import Notes
from joyul.recipe.settings import RunSettings

if TYPE_CHECKING:
    from joyul.data.gather import Gathered


UNREAD = ("max_length", "dropout")  # settings of what is computed here


def open_hosted(settings: RunSettings, source: Source, methods: Sequence[Method], task: Task, notes: Notes) -> Tuned:
    """The endpoint behind the Form `instruct`. What cannot be is refused before anything is sent.

    Raises DoesNotFit, UsageError, BaseModelError.
    """
    base = source.path
    reason = Instruct.why_not(task, "hosted")
    if reason is not None or settings.form not in (None, Instruct.name):
        asked = settings.form or Instruct.name
        raise DoesNotFit("form_does_not_fit", form=asked, base=base, reason=reason or words("method_needs_weights"))
    for key in UNREAD:
        if getattr(settings, key) is not None:
            raise UsageError("setting_not_for_form", key=key, form=Instruct.name)
    form = _asked(settings, untokenised(task, "hosted"))
    for method in methods:
        fitting(method, form)
    model = hosted(settings, base, notes)
    way = model.way()
    sure = tells_probabilities(way)
    address = model.asker.address
    notes.say("endpoint_sure" if sure else "endpoint_bare", way=way, model=address.model, host=address.host)
    if not sure:
        _without_probabilities(settings)
    return Tuned(model, replace(form, way=way))


def _asked(settings: RunSettings, setting: Setting) -> Instruct:
    """What a prompt.yaml says, or the settings."""
    if settings.prompt is not None:
        form = as_written(settings, setting, FORMS)
        if not isinstance(form, Instruct):
            raise DoesNotFit("form_does_not_fit", form=form.name, base=settings.base, reason=words("method_needs_weights"))
        return form
    given = label_words(settings.label_words or ())
    known(given, setting.task)
    template = settings.template[0] if settings.template else "{text}"
    return Instruct(setting, template, settings.instruction or "", {**readable(setting.task.labels), **given})


def _without_probabilities(settings: RunSettings) -> None:
    for name in ("abstain", "operating_point"):
        if getattr(settings, name) is not None:
            raise UsageError("endpoint_no_probabilities", key=name, base=settings.base)


def report_hosted(tuned: Tuned, methods: Sequence[Method], data: Data, gathered: Gathered | None, seed: int) -> None:
    """Say what the whole run will ask for: every candidate on the labelled rows, instructions, then the test rows."""
    assert isinstance(tuned.model, Hosted)
    candidates = [form for method in methods for form in method.forms(tuned.form)]
    labelled = [*data.train, *data.valid] if candidates else [*data.valid]
    test = (gathered.splits.test or ()) if gathered is not None and gathered.labelled else ()
    offered = [item for method in methods for item in method.further(tuned.model, tuned.form, 1) or ()] if labelled else []
    rows = Race(Answers(tuned.model, labelled), seed).rows
    proposed = [item for item in offered if isinstance(item, Proposed)]
    made = [item(tuned.form, rows, lambda form, rows: []) for item in offered if callable(item) and item not in proposed]
    forms = [*(candidates or [tuned.form]), *made]
    requests = [request for form in forms if isinstance(form, Instruct) for request in form.requests(form.encode(labelled))]
    assert isinstance(tuned.form, Instruct)
    asked = [item.request(tuned.form, rows[item.fold :: FOLDS]) for item in proposed]
    tuned.model.asker.announce([*requests, *asked], further=len(test) + len(proposed) * len(rows))
