"""What the columns are for, by the rules that `rules_table` prints."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from joyul.data.names import Names, folded
from joyul.data.rules import RULES, SLOTS, Rule, Slot, is_label, peek, rules_table, two_columns
from joyul.data.table import Table
from joyul.errors import DataError, listing
from joyul.messages import words
from joyul.recipe.rows import TASKS

__all__ = ["RULES", "Columns", "infer", "rules_table"]

CANONICAL = {"text": "text", "text_pair": "text_pair", "target": "label"}
Seen = Mapping[str, str]  # folded name -> the column as it is called


@dataclass(frozen=True)
class Columns:
    """`roles` maps `text`, `text_pair`, `target`, `group` to columns; `rule` says which rule found the task."""

    task: str
    roles: dict[str, str]
    rule: str


def infer(
    table: Table, *, task: str | None = None, text: str | None = None, pair: str | None = None,
    label: str | None = None, group: str | None = None, has_labels: bool = False,
) -> Columns:  # fmt: skip
    """Find the task and what its columns are for. Named columns win; with `has_labels` a table needs no target."""
    named = _named(table, {"text": text, "text_pair": pair, "target": label, "group": group})
    seen = _seen(table, named)
    rules = [(rule, columns) for rule in RULES if (columns := _match(rule, table, seen)) is not None]
    if task is None:
        task = "classify" if has_labels and not _is_tag(rules) else _choose(rules, table)
    elif task not in SLOTS:
        raise DataError("columns_task", where=table.name, found=task, allowed=list(SLOTS))
    roles = _roles(task, table, seen, named, has_labels)
    rule = next((rule.words for rule, _ in rules if task in rule.tasks), words("columns_named"))
    return Columns(task, roles, rule)


def _named(table: Table, given: Mapping[str, str | None]) -> dict[str, str]:
    named = {role: column for role, column in given.items() if column is not None}
    for column in named.values():
        if column not in table.columns:
            raise DataError("columns_missing", where=table.name, found=column, allowed=table.columns)
        if list(named.values()).count(column) > 1:
            raise DataError("columns_twice", where=table.name, column=column)
    return named


def _seen(table: Table, named: Mapping[str, str]) -> dict[str, str]:
    """Columns under the names that rules know. A named column whose own name says nothing counts as text or label."""
    only = named.values() if {"text", "target"} <= named.keys() else table.columns
    seen: dict[str, str] = {}
    for column in only:
        if column != named.get("group"):
            seen.setdefault(folded(column), column)
    for role, column in named.items():
        if role in CANONICAL and folded(column) not in _known(role):
            seen.pop(folded(column), None)
            seen[CANONICAL[role]] = column
    return seen


def _known(role: str) -> set[str]:
    """Every name that a task knows for the role."""
    slots = (slot for alternatives in SLOTS.values() for slots in alternatives for slot in slots)
    return {name for slot in slots if slot.role == role for name in slot.names}


def _first(kind: Names, seen: Seen, taken: Collection[str]) -> str | None:
    ordered = seen if isinstance(kind, frozenset) else kind
    return next((seen[name] for name in ordered if name in kind and name in seen and seen[name] not in taken), None)


def _match(rule: Rule, table: Table, seen: Seen) -> list[str] | None:
    """The columns by which the rule holds, or None."""
    for needs in rule.needs:
        columns: list[str] = []
        for kind in needs:
            if found := _first(kind, seen, columns):
                columns.append(found)
        if len(columns) == len(needs) and rule.check(table, columns):
            return columns
    return None


def _is_tag(rules: Sequence[tuple[Rule, list[str]]]) -> bool:
    return bool(rules) and rules[0][0].tasks == ("tag",)


def _choose(rules: Sequence[tuple[Rule, list[str]]], table: Table) -> str:
    """The task of the first rule. Another rule that reads further columns makes it the user's choice."""
    if not rules:
        raise DataError("columns_unclear", where=table.name, columns=listing(table.columns), tasks=listing(TASKS))
    first, columns = rules[0]
    rivals = [rule for rule, others in rules if len(others) > 1 and not set(others) <= set(columns)]
    asked = [first] if first.sure else [first, *rivals]
    tasks = list(dict.fromkeys(task for rule in asked for task in rule.tasks))
    if len(tasks) > 1:
        choices = " / ".join(f"task={task}" for task in tasks if task in TASKS)
        found = {"columns": listing(table.columns), "tasks": ", ".join(tasks)}
        if not choices:
            raise DataError("columns_ask_none", where=table.name, **found, trained=", ".join(TASKS))
        raise DataError("columns_ask", where=table.name, **found, choices=choices)
    return tasks[0]


def _roles(task: str, table: Table, seen: Seen, named: Mapping[str, str], has_labels: bool) -> dict[str, str]:
    for without in ((), ("target",)) if has_labels else ((),):
        for slots in SLOTS[task]:
            roles = _fill([slot for slot in slots if slot.role not in without], seen, named)
            if not isinstance(roles, Slot):
                return roles
        if task == "classify" and not named and two_columns(table):
            label, text = sorted(table.columns, key=lambda column: not is_label(table, column))
            if label in peek(table, label):
                raise DataError("columns_no_header", where=table.name, found=label)
            return {"text": text, "target": label}
    missing = _fill(SLOTS[task][-1], seen, named)
    assert isinstance(missing, Slot)
    key = {"text": "text", "text_pair": "pair", "target": "label"}[missing.role]
    raise DataError("columns_no_role", where=table.name, task=task, setting=key, columns=listing(table.columns))


def _fill(slots: Sequence[Slot], seen: Seen, named: Mapping[str, str]) -> dict[str, str] | Slot:
    """The roles, or the first slot that no column fills. Who names the text alone wants no second text."""
    roles = dict(named)
    for slot in slots:
        if slot.role in roles or (slot.role == "text_pair" and "text" in named):
            continue
        column = _first(slot.names, seen, roles.values())
        if column is not None:
            roles[slot.role] = column
        elif slot.needed:
            return slot
    return roles
