"""The rules of the house, read from the syntax tree: who imports whom, how long things are, what is never called."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

import pytest

import joyul
from tests.conftest import ROOT

# The order of the imports. A module imports only from rows above its own, or from its own row.
HOUSE = (
    "messages",   # words in two languages
    "errors",     # one base error
    "shortage",   # memory that runs out
    "limits",     # memory that the system lets a process have
    "notes",      # what a run tells while it works
    "files",      # whole or not at all
    "signals",    # stopping in good order
    "state",      # whether a run runs
    "contracts",  # the five nouns
    "endpoint",   # models behind an address
    "hub",        # whether the network may and can be asked
    "recipe",     # every setting
    "data",       # from files to examples
    "bases",      # pre-trained models
    "engine",     # the loop
    "forms",      # examples to tokens, outputs to predictions
    "tasks",      # what a right answer is
    "methods",    # what moves
    "linear",     # counted words and a linear model as a result
    "artifact",   # one folder per result
    "report",     # the page and the model card
    "record",     # how a Step is written down
    "answering",  # a finished model on validation and test rows
    "results",    # scores, costs and files of a finished run
    "learn",      # the task that rows and settings define
    "monitor",    # trackers that read Steps
    "question",   # the Form a run starts with
    "hosting",    # a base behind an endpoint made ready
    "start",      # everything ready for the first stage
    "resume",     # going on with a run that did not end
    "adjusting",  # settings of a run in progress
    "run",        # the story
    "use",        # predict and eval on files
    "exported",   # for others to load
    "terminal",   # what a person sees
    "plot",       # curves as letters
    "watch",      # live curves of runs
    "rates",      # the learning rate, measured
    "compare",    # several methods on the same rows
    "__init__",   # the Python API, loaded on first use
    "help",       # derived from the settings
    "verbs",      # one call into the library each
    "cli",        # the command line
    "__main__",
)  # fmt: skip
LONGEST_CHAIN = 12  # modules
MODULE_LINES, FUNCTION_LINES, MEDIAN_LINES = 300, 40, 10
LONG_TABLES = ("joyul.messages.en", "joyul.messages.ko")  # a sentence a line, nothing else
FORBIDDEN_MODULES = ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal")
FORBIDDEN_CALLS = ("eval", "exec", "compile", "__import__", "torch.load", "yaml.load", "os.system", "os.popen")
FORBIDDEN_TRUE = ("shell", "trust_remote_code", "allow_pickle")


@dataclass(frozen=True)
class Module:
    """A module of the house; `name` as it is imported."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def row(self) -> int:
        return HOUSE.index((self.name.split(".")[1:] or ["__init__"])[0])


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Module]:
    """Every module by its name."""
    paths = sorted((ROOT / "joyul").rglob("*.py"))
    return {_name(path): Module(_name(path), path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths}


def imported(node: ast.AST) -> Iterator[str]:
    """The modules of the house that a node imports. A module's dotted name as a text counts: it is loaded by that name later."""
    house = modules()
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in house)
    elif isinstance(node, ast.ImportFrom) and node.module in house:
        inside = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name if name in house else node.module for name in inside)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value and node.value in house:
        yield node.value


def imports(module: Module) -> set[str]:
    """All imports: at the top, inside functions, under TYPE_CHECKING, by name."""
    return {name for node in ast.walk(module.tree) for name in imported(node)} - {module.name}


def top_imports(module: Module) -> set[str]:
    """The imports that happen when the module is loaded."""
    return {name for node in module.tree.body if isinstance(node, ast.Import | ast.ImportFrom) for name in imported(node)}


def functions(node: ast.AST) -> Iterator[ast.FunctionDef]:
    """Every function and method under a node, inner ones too."""
    yield from (child for child in ast.walk(node) if isinstance(child, ast.FunctionDef))


def length(function: ast.FunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_every_module_has_its_row_and_every_row_its_module() -> None:
    assert not list((ROOT / "joyul").rglob("*.pyi"))
    rows = {(name.split(".")[1:] or ["__init__"])[0] for name in modules()}
    assert rows == set(HOUSE)


def test_imports_point_upwards() -> None:
    house = modules()
    wrong = [
        f"{module.name} ({HOUSE[module.row]}) imports {other}"
        for module in house.values()
        for other in sorted(imports(module))
        if house[other].row > module.row
    ]
    assert not wrong


def test_no_cycle_and_no_long_chain() -> None:
    """Without a cycle the depth of every module is defined; the walk fails on the first cycle it meets."""
    for edges in (imports, top_imports):
        depth: dict[str, int] = {}
        for name in modules():
            _walk(name, edges, depth, ())
        if edges is top_imports:
            deepest = max(depth, key=lambda name: depth[name])
            assert depth[deepest] <= LONGEST_CHAIN, f"{deepest} stands {depth[deepest]} modules deep"


def _walk(name: str, edges, depth: dict[str, int], above: tuple[str, ...]) -> int:  # type: ignore[no-untyped-def]
    assert name not in above, "cycle: " + " -> ".join((*above, name))
    if name not in depth:
        depth[name] = 1 + max((_walk(other, edges, depth, (*above, name)) for other in edges(modules()[name])), default=0)
    return depth[name]


def test_modules_and_functions_are_short() -> None:
    long = [
        f"{module.name}: {lines} lines"
        for module in modules().values()
        if (lines := len(module.path.read_text(encoding="utf-8").splitlines())) > MODULE_LINES and module.name not in LONG_TABLES
    ]
    found = [
        (length(function), f"{module.name}.{function.name}")
        for module in modules().values()
        for function in functions(module.tree)
    ]
    long += [f"{name}: {lines} lines" for lines, name in found if lines > FUNCTION_LINES]
    assert not long
    assert median(lines for lines, _ in found) <= MEDIAN_LINES


def test_what_is_public_says_what_it_is() -> None:
    """Modules, classes, functions and methods. A method that a contract or a base describes says it there."""
    describing = [name for name in modules() if name.startswith("joyul.contracts.")]
    described = set[str]().union(*map(_methods_with_docstring, [*describing, "joyul.notes", "joyul.methods.learned"]))
    bare = []
    for module in modules().values():
        nodes: list[tuple[str, ast.AST]] = [("", module.tree)]
        for node in module.tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                nodes.append((f".{node.name}", node))
                inner = node.body if isinstance(node, ast.ClassDef) else []
                nodes += [
                    (f".{node.name}.{method.name}", method)
                    for method in inner
                    if isinstance(method, ast.FunctionDef) and not method.name.startswith("_") and method.name not in described
                ]
        bare += [module.name + name for name, node in nodes if not ast.get_docstring(node)]  # type: ignore[arg-type]
    assert not bare


def _methods_with_docstring(name: str) -> set[str]:
    return {function.name for function in functions(modules()[name].tree) if ast.get_docstring(function)}


def test_nothing_that_runs_foreign_code() -> None:
    """No pickle, no evaluation of text, no shell, no code from the hub, no YAML tag."""
    wrong = [
        f"{module.name}, line {getattr(node, 'lineno', '?')}: {reason}"
        for module in modules().values()
        for node in ast.walk(module.tree)
        if (reason := _foreign(node))
    ]
    assert not wrong


def _foreign(node: ast.AST) -> str | None:
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        return next((name for name in names if name.split(".")[0] in FORBIDDEN_MODULES), None)
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called in FORBIDDEN_CALLS or any(called == f"builtins.{name}" for name in FORBIDDEN_CALLS):
            return called
        if "YAML(" in called and called.endswith((".load", ".compose")) and "typ='base'" not in called:
            return called
    pairs = [(node.arg, node.value)] if isinstance(node, ast.keyword) else []
    if isinstance(node, ast.Dict):
        pairs = [(key.value, value) for key, value in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant)]
    return next((f"{key}=True" for key, value in pairs if key in FORBIDDEN_TRUE and ast.unparse(value) != "False"), None)


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("import pickle", True), ("from pickle import loads", True), ("eval('1')", True), ("model.eval()", False),
        ("torch.load('x')", True), ("run('ls', shell=True)", True), ("load(trust_remote_code=True)", True),
        ("load(trust_remote_code=False)", False), ("load(**{'trust_remote_code': found})", True),
        ("YAML(typ='unsafe').load(text)", True), ("YAML().load(text)", True), ("YAML(typ='base', pure=True).load(text)", False),
    ],
)  # fmt: skip
def test_the_search_for_foreign_code_finds_it(line: str, caught: bool) -> None:
    assert any(_foreign(node) for node in ast.walk(ast.parse(line))) is caught


def test_every_public_name_can_be_imported() -> None:
    for name in joyul.__all__:
        assert getattr(joyul, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = joyul.no_such_name
    for name in modules():
        if name != "joyul.__main__":
            importlib.import_module(name)
