"""The five nouns everything else is a function over: Example, Task, Form, Method, Step. Types and docstrings only.

A new task, form or method is a class with these attributes; nothing has to be inherited or registered.

    Example --Form.encode--> Row --Form.collate--> Batch --Form.losses--> loss of each row   (training)
                                                   Batch --Form.reader--> Predictions        (use)
"""

from __future__ import annotations

from joyul.contracts.example import Batch, Example, Row
from joyul.contracts.form import Architecture, Form, Setting
from joyul.contracts.method import Method, ParameterGroup
from joyul.contracts.step import STANDARD_ERROR, Step
from joyul.contracts.task import Prediction, Score, TargetType, Task

__all__ = [
    "STANDARD_ERROR", "Architecture", "Batch", "Example", "Form", "Method", "ParameterGroup", "Prediction", "Row", "Score",
    "Setting", "Step", "TargetType", "Task",
]  # fmt: skip
