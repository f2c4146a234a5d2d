"""How rows are put to the model. The table below is all there is: no registry."""

from __future__ import annotations

from joyul.contracts import Form
from joyul.forms.cloze import Cloze
from joyul.forms.continuation import Continuation
from joyul.forms.default import Default
from joyul.forms.instruct import Instruct
from joyul.forms.similarity import Similarity
from joyul.forms.tags import Tags

FORMS: dict[str, type[Form]] = {
    "default": Default, "cloze": Cloze, "continuation": Continuation, "similarity": Similarity, "instruct": Instruct,
    "tags": Tags,
}  # fmt: skip
HEADS = {"tags": "tags"}  # the Form with a head, by type of target: `default` unless named here
