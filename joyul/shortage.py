"""Memory that runs out: how libraries say so, and what keeps addresses free where the system limits them (`ulimit -v`)."""

from __future__ import annotations

import os

from joyul.errors import RunError

try:
    import resource
except ImportError:  # Windows: there is no such limit
    resource = None  # type: ignore[assignment]

SIGNS = (  # of a full memory, in the words of torch, C++, oneDNN, threads, the loader of libraries, OpenBLAS
    "out of memory", "DefaultCPUAllocator", "bad_alloc", "not enough memory", "could not create a memory object",
    "could not create a primitive\n", "can't start new thread", "failed to map segment", "annot allocate memory",
)  # fmt: skip
LIBRARIES = 1_200_000_000  # bytes of addresses that torch, transformers, datasets and the rest take
POOL = "ARROW_DEFAULT_MEMORY_POOL"


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory was full."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # that of torch, which is not loaded here
        return True
    said = any(sign in f"{error}\n" for sign in SIGNS)
    return said or (error.__cause__ is not None and out_of_memory(error.__cause__))


def address_limit() -> int | None:
    """Bytes of addresses that this process may hold; None without a limit."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0] if resource is not None else -1
    return None if resource is None or limit == resource.RLIM_INFINITY else limit


def require_addresses() -> None:
    """Raise RunError where the limit is below what the libraries take by being loaded: loading them would end the process."""
    limit = address_limit()
    if limit is not None and limit < LIBRARIES:
        raise RunError("addresses_too_few", limit=f"{limit / 1e9:.1f} GB", need=f"{LIBRARIES / 1e9:.1f} GB")


def spare_addresses() -> None:
    """Where addresses are limited, Arrow takes what it needs only: its own pool begins by reserving 1 GiB of them."""
    if address_limit() is not None:
        os.environ.setdefault(POOL, "system")
