"""Whether the Hugging Face hub may and can be asked. Without this look, every request is retried for half a minute."""

from __future__ import annotations

import os
import socket
from functools import cache
from urllib.parse import urlsplit

from huggingface_hub.constants import ENDPOINT

OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
PATIENCE = 3.0  # seconds


def offline() -> bool:
    """True where the user forbids the network (the hub's own variables), or where the hub does not answer."""
    forbidden = any(os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in OFFLINE_VARIABLES)
    return forbidden or not _answers(ENDPOINT)


@cache
def _answers(endpoint: str) -> bool:
    if any(os.environ.get(name) for name in PROXIES):
        return True  # only the proxy knows
    address = urlsplit(endpoint)
    try:
        socket.create_connection((address.hostname, address.port or (443 if address.scheme == "https" else 80)), PATIENCE).close()
    except OSError:
        return False
    return True
