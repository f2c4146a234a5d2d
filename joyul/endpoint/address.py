"""Where a hosted model is, and which key may go there. Keys come from the environment and stay out of every file."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from joyul.errors import UsageError

PREFIX = "openai:"
OFFICIAL = "https://api.openai.com/v1"
URL_VARIABLE, KEY_VARIABLE, OWN_KEY = "OPENAI_BASE_URL", "OPENAI_API_KEY", "JOYUL_API_KEY"
PATH = "/chat/completions"


def is_hosted(base: str) -> bool:
    """Whether `base=` names a model behind an endpoint."""
    return base.startswith(PREFIX)


@dataclass(frozen=True)
class Address:
    """A model's name and the address of its server, without a slash at the end."""

    model: str
    url: str

    @property
    def host(self) -> str:
        """As it stands in the address, with the port where there is one."""
        return urlsplit(self.url).netloc

    @property
    def local(self) -> bool:
        """Whether what is sent stays on this machine."""
        name = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return name == "localhost" or name.endswith(".localhost")

    def key(self) -> str | None:
        """JOYUL_API_KEY; else OPENAI_API_KEY, which goes to OpenAI and to the host of OPENAI_BASE_URL only.

        Raises UsageError where OpenAI itself is asked without one, and for a key that no header can hold.
        """
        own = {urlsplit(OFFICIAL).netloc, urlsplit(os.environ.get(URL_VARIABLE, "")).netloc}
        names = (OWN_KEY, KEY_VARIABLE) if self.host in own else (OWN_KEY,)
        name = next((name for name in names if os.environ.get(name, "").strip()), None)
        if name is None:
            if self.url == OFFICIAL:
                raise UsageError("endpoint_key_missing", variable=KEY_VARIABLE, host=self.host)
            return None
        key = os.environ[name].strip()
        if not key.isascii() or not key.isprintable():
            raise UsageError("endpoint_key_unreadable", variable=name)
        return key


def address(base: str, base_url: str | None) -> Address:
    """The address of `base=openai:MODEL` at `base_url=`, OPENAI_BASE_URL, or OpenAI's own. Raises UsageError."""
    model = base.removeprefix(PREFIX).strip()
    if not model:
        raise UsageError("endpoint_without_model", found=base)
    url = (base_url or os.environ.get(URL_VARIABLE) or OFFICIAL).strip().rstrip("/").removesuffix(PATH)
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        sound = False
    if not sound or parts.query or parts.fragment:
        raise UsageError("endpoint_url", found=url)
    if parts.username or parts.password:
        raise UsageError("endpoint_url_with_key", variable=OWN_KEY)
    return Address(model, url)
