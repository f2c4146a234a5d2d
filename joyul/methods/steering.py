"""What is changed from outside while a stage trains, passed on to whoever it concerns."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from joyul.engine.best import Best
from joyul.engine.control import SAVE, STOP, Control
from joyul.engine.loop import Plan
from joyul.engine.saver import Saver
from joyul.signals import Interrupted


@dataclass(frozen=True)
class Steering:
    """Passes what is changed from outside on to whoever it concerns: the loop, early stopping, the saver."""

    control: Control
    best: Best
    saver: Saver

    def resumed(self, plan: Plan, done: int) -> Plan:
        """The plan as the updates that are done already have left it. `save_every` is that of the process."""
        found = self.control.before(plan.stage, done)
        self.best.patience = found.get("patience", self.best.patience)
        return replace(plan, **{key: found[key] for key in ("learning_rate", "epochs") if key in found})

    def changes(self, plan: Plan, done: int) -> Mapping[str, Any]:
        """What the loop asks before each update."""
        found = self.control.changes(plan.stage, done, plan.first_step + done)
        self.best.patience = found.get("patience", self.best.patience)
        self.saver.every = found.get("save_every", self.saver.every)
        return found

    def obey(self) -> None:
        """Save where that was asked for; raise Interrupted where it was asked to stop."""
        self.control.read()
        wanted, self.control.wanted = self.control.wanted, set()
        if SAVE in wanted:
            self.saver.save()
        if STOP in wanted:
            raise Interrupted(signal.SIGTERM)
