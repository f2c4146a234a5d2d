"""A candidate of a search in words: what is asked, what answers it, what is shown beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from joyul.messages import words
from joyul.report.units import cut

Candidate = Mapping[str, Any]  # the spec of a Form, its demonstrations counted
MOST = 3  # templates that one line has room for
ROOM = 60  # characters that it has for an instruction, or for the words of labels
BETWEEN = " · "


def line(candidate: Candidate, first: Candidate | None = None) -> str:
    """In one line, cut where it grows long: templates, the words of labels, the instruction, demonstrations, calibration.

    Words and instruction are left out where they are those of the `first` that was tried.
    """
    asked = [_flat(template) for template in _templates(candidate)]
    if len(asked) > MOST:
        asked = [asked[0], words("candidate_more", count=len(asked) - 2), asked[-1]]
    new = {key: candidate.get(key) for key in ("words", "instruction") if first is None or candidate.get(key) != first.get(key)}
    told = [part for part in (_answers(new.get("words") or {}), new.get("instruction")) if part]
    return BETWEEN.join([" | ".join(asked), *(cut(_flat(part), ROOM) for part in told), *_beside(candidate)])


def lines(candidate: Candidate) -> list[str]:
    """In full: the instruction, each template, the words of its labels where they are others than the labels, the rest."""
    opening = [candidate["instruction"]] if candidate.get("instruction") else []
    answered = [_answers(one.get("words") or {}) for one in (candidate, *candidate.get("ensemble", ()))]
    asked = [_flat(template) for template in _templates(candidate)]
    if len(set(answered)) == 1:
        asked += answered[:1]
    else:
        asked = [part for pair in zip(asked, answered, strict=True) for part in pair]
    return [part for part in (*opening, *asked, BETWEEN.join(_beside(candidate))) if part]


def _templates(candidate: Candidate) -> list[str]:
    given = candidate.get("template", "")
    listed = [given] if isinstance(given, str) else list(given)
    return [*listed, *(item["template"] for item in candidate.get("ensemble", ()))]


def _flat(template: str) -> str:
    return template.replace("\n", " ⏎ ")


def _answers(said: Mapping[str, Sequence[str]]) -> str:
    """`negative: terrible, bad`, of each label that stands not for itself alone."""
    return BETWEEN.join(f"{label}: {', '.join(found)}" for label, found in said.items() if list(found) != [label])


def _beside(candidate: Candidate) -> list[str]:
    """Demonstrations and calibration."""
    shown, nearest, found = candidate.get("demonstrations"), candidate.get("nearest"), []
    if nearest:
        found.append(words("candidate_nearest", count=nearest, of=shown))
    elif shown:
        found.append(words("candidate_shown", count=shown))
    if candidate.get("share") is not None:
        found.append(words("candidate_share", share=f"{candidate['share']:.0%}"))
    if candidate.get("bias"):
        moved = ", ".join(f"{label} {by:+.2f}" for label, by in candidate["bias"].items())
        found.append(words("candidate_calibrated", moved=moved))
    return found
