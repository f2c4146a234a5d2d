"""The command line: `joyul VERB [positional] [key=value ...]`. Each verb is one call into the library (`joyul.verbs`).

This module and what it imports load neither torch nor transformers, datasets or numpy: help has to be quick.
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Callable, Sequence

from joyul.errors import JoyulError, UsageError
from joyul.messages import use_language, words
from joyul.recipe.grammar import Call, Given, parse
from joyul.shortage import out_of_memory, require_addresses
from joyul.signals import Interrupted, listening

VERBS = ("train", "compare", "lr", "predict", "eval", "export", "adjust", "init", "methods", "env", "watch")
COMPUTING = ("train", "compare", "lr", "predict", "eval", "export")
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit status: 0, 1 (a run or its data failed), 2 (the command is wrong), 128 + the signal."""
    try:
        with listening():
            return _run(list(sys.argv[1:] if arguments is None else arguments))
    except JoyulError as error:
        print(words("error", text=error), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as error:
        sent = isinstance(error, Interrupted) and error.number != signal.SIGINT  # that is Ctrl-C; others come from elsewhere
        print(words("terminated", signal=error) if sent else words("interrupted"), file=sys.stderr)
        return error.exit_code if isinstance(error, Interrupted) else INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe went away
        sys.stderr.close()
        return 0
    except Exception as error:
        text = _refused(error)
        if text is None:
            raise
        print(words("error", text=text), file=sys.stderr)
        return 1


def _refused(error: Exception) -> str | None:
    """A full memory, a full disk, a file taken away: whatever nobody worded better; None for a fault of ours."""
    if out_of_memory(error):
        return words("memory_full")
    if isinstance(error, OSError):
        return words("system_refused", reason=f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return None


def _run(arguments: list[str]) -> int:
    call = parse(arguments)
    _speak(call.given)
    if "version" in call.flags:
        print(importlib.import_module("joyul").__version__)
        return 0
    verb = call.positionals.pop(0) if call.positionals else None
    if verb is None or verb == "help":
        return _help(call.positionals[0] if call.positionals else None)
    if verb not in VERBS:
        raise UsageError("unknown_verb", found=verb, allowed=VERBS)
    if "help" in call.flags:
        return _help(verb)
    if verb in COMPUTING:
        require_addresses()
    action: Callable[[Call], int] = getattr(importlib.import_module("joyul.verbs"), verb)
    return action(call)


def _help(verb: str | None) -> int:
    if verb is not None and verb not in VERBS:
        raise UsageError("unknown_verb", found=verb, allowed=VERBS)
    importlib.import_module("joyul.help").show(verb)
    return 0


def _speak(given: Sequence[Given]) -> None:
    """`lang=` holds from the first word on."""
    for item in given:
        if item.key == "lang" and item.value in ("en", "ko"):
            use_language(str(item.value))


if __name__ == "__main__":
    sys.exit(main())
