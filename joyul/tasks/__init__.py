"""What a right answer is. The table below is all there is: no registry."""

from __future__ import annotations

from joyul.contracts import Task
from joyul.tasks.classify import Classify

TASKS: dict[str, type[Task]] = {"classify": Classify}
