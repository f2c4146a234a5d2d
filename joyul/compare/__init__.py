"""Comparing methods on the user's own rows. The package is also the function: `joyul.compare(data="reviews.csv")`.

Importing a subpackage binds its name in `joyul`, over any function of that name; so the module itself can be called.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joyul.compare.result import Comparison


class _Callable(ModuleType):
    def __call__(self, *places: str | Path, **settings: Any) -> Comparison:
        from joyul.compare.protocol import compare

        return compare(*places, **settings)


sys.modules[__name__].__class__ = _Callable
