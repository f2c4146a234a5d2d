"""Every answer on disk under its request's hash, so that nothing is asked, and paid, twice.

They lie in the user's cache, not in a run's folder: the same rows are asked in searches, comparisons, reruns and predictions.
What was asked is not kept, only its SHA-256: no row can be read there. One JSON file an answer, written beside its name and
renamed: threads, processes and kills leave whole files or none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joyul.endpoint.address import Address
from joyul.endpoint.reply import Reply, parse
from joyul.files import user_cache, write_text

FOLDER = "answers"


class Answers:
    """The kept answers of one model at one address."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.folder = user_cache() / FOLDER

    def key(self, request: Mapping[str, Any]) -> str:
        """Of the address, the model and all that is asked."""
        asked = [self._address.url, self._address.model, request]
        return hashlib.sha256(json.dumps(asked, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()

    def get(self, key: str) -> Reply | None:
        """The kept answer, or None. A file that cannot be read is none."""
        try:
            return parse(json.loads(self._file(key).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
            return None

    def put(self, key: str, essential: Mapping[str, Any]) -> None:
        """Keep an answer. Raises RunError where the disk refuses."""
        kept = {"url": self._address.url, "model": self._address.model, **essential}
        write_text(self._file(key), json.dumps(kept, ensure_ascii=False) + "\n")  # -Infinity is a logarithm some give

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"
