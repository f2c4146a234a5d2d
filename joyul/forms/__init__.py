"""How rows are put to the model. The table below is all there is: no registry."""

from __future__ import annotations

from joyul.contracts import Form
from joyul.forms.default import Default
from joyul.forms.similarity import Similarity

FORMS: dict[str, type[Form]] = {"default": Default, "similarity": Similarity}
