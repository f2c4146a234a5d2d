"""The Form a run starts with: what was asked for, or what fits the base and the task; in the user's words or the usual ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from joyul.bases.anatomy import declared_pooling
from joyul.bases.load import BaseFiles
from joyul.contracts import Architecture, Example, Form, Method, Setting
from joyul.errors import DoesNotFit, UsageError
from joyul.forms import FORMS, HEADS
from joyul.forms.hangul import mostly_korean
from joyul.forms.instruct import Instruct
from joyul.forms.prompted import Prompted, askable
from joyul.forms.similarity import Similarity
from joyul.forms.usual import readable, usual
from joyul.forms.wording import known, label_words
from joyul.forms.written import as_written
from joyul.messages import words
from joyul.recipe.settings import RunSettings

WORD_HEADS = ("ForMaskedLM", "ForPreTraining", "ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
SAMPLE = 100  # rows whose letters say which language they are in
ASKING: dict[Architecture, str] = {"encoder": "cloze", "decoder": "continuation", "encoder-decoder": "continuation"}


def first_form(
    settings: RunSettings, methods: Sequence[Method], setting: Setting, files: BaseFiles, kept: bool, rows: Sequence[Example]
) -> Form:
    """`form=`, or: a head that the base brings (`kept`) or that will be trained; words where a prompt comes first.

    `rows`: some of those it is for. Raises DoesNotFit with the reason where the Form does not.
    """
    if settings.prompt is not None:
        form = as_written(settings, setting, FORMS)
        _check(form.name, setting, settings.base, files)
        return form
    prompted = methods[0].name == "prompt" and not kept
    name: str = settings.form or (asking(files) if prompted else "default")
    if name == "default":
        name = HEADS.get(setting.task.target_type, name)
    _check(name, setting, settings.base, files)
    form = FORMS[name](setting)  # type: ignore[call-arg]  # every Form has defaults for all but its Setting
    return templated(worded(form, settings, rows), settings, methods)


def _check(name: str, setting: Setting, base: str, files: BaseFiles) -> None:
    """Raise DoesNotFit with the reason where a Form does not."""
    reason = FORMS[name].why_not(setting.task, setting.architecture) or _without_words(name, files)
    if reason is not None:
        raise DoesNotFit("form_does_not_fit", form=name, base=base, reason=reason)


def asking(files: BaseFiles) -> str:
    """The Form that asks this base without training: its own kind of question, where it was trained for one."""
    if files.architecture == "encoder" and (declared_pooling(files.source.path) or not _has_words(files)):
        return "similarity"
    return ASKING[files.architecture]


def _without_words(name: str, files: BaseFiles) -> str | None:
    return words("form_without_words", form=name) if name in ("cloze", "continuation") and not _has_words(files) else None


def _has_words(files: BaseFiles) -> bool:
    """Whether the base was saved with an output layer over its vocabulary, or needs none of its own."""
    saved = files.config.architectures or ()
    if any(name.startswith("Electra") and name.endswith("PreTraining") for name in saved):
        return False  # it tells replaced words from real ones
    tied = files.architecture != "encoder" and files.config.get_text_config().tie_word_embeddings
    return bool(tied) or any(name.endswith(WORD_HEADS) for name in saved)


def worded(form: Form, settings: RunSettings, rows: Sequence[Example]) -> Form:
    """The Form in the user's words, or the usual ones for such rows. Raises UsageError for words of a label that there is not."""
    if not isinstance(form, Prompted | Similarity):
        for key in ("label_words", "instruction"):
            if getattr(settings, key) is not None:
                raise UsageError("setting_not_for_form", key=key, form=form.name)
        return form
    given = label_words(settings.label_words or ())
    task = form.setting.task
    known(given, task)
    said = {**readable(task.labels), **given}
    paired = bool(rows) and "text_pair" in rows[0].inputs
    in_korean = mostly_korean(str(row.inputs["text"]) for row in rows[:SAMPLE])
    asked = usual(form.name, said, paired, bool(given) or settings.template is not None, in_korean)
    if isinstance(form, Prompted):
        made = [form.worded(replace(wording, instruction=settings.instruction or "")) for wording in asked]
        return next((one for one in made if askable(one)), made[0])
    if settings.instruction is not None:
        raise UsageError("setting_not_for_form", key="instruction", form=form.name)
    return form.asked(asked)


def templated(form: Form, settings: RunSettings, methods: Sequence[Method]) -> Form:
    """`template=` around the Form: the first of them, where a stage is there to choose; a head is then asked without any too."""
    choosing = any(method.name == "prompt" for method in methods)
    if settings.template is None or (choosing and not isinstance(form, Prompted | Similarity | Instruct)):
        return form
    if len(settings.template) > 1 and not choosing:
        raise UsageError("templates_without_prompt", count=len(settings.template))
    return form.with_template(settings.template[0])
