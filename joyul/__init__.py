"""Joyul (조율): adapt a pre-trained model by fine-tuning, by prompt-tuning, or by both, and see which to ship.

    import joyul
    run = joyul.train(data="reviews.csv", base="starter", method="full")
    joyul.load(run.folder).predict(["the delivery was quick"])

The names below are loaded on first use, so that `import joyul` and `joyul --help` stay fast.
"""

from __future__ import annotations

import importlib
from typing import Any

from joyul.shortage import spare_addresses

__version__ = "0.1.0"

_HOMES = {
    "train": "joyul.run",
    "steps": "joyul.run",
    "Run": "joyul.run",
    "load": "joyul.artifact",
    "evaluate": "joyul.use",
    "adjust": "joyul.adjusting",
    "export": "joyul.exported",
    "Exported": "joyul.exported",
    "compare": "joyul.compare",
    "learning_rate": "joyul.rates",
    "Comparison": "joyul.compare.result",
    "JoyulError": "joyul.errors",
}
__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the keys are strings

spare_addresses()  # before anything imports Arrow


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'joyul' has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    return home if name == "compare" else getattr(home, name)  # that package can be called itself
