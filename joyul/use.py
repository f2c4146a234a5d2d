"""A finished result at work: predictions from file to file, and scores on new labelled rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from joyul.artifact import Artifact, load
from joyul.bases.source import RECIPE_FILE
from joyul.contracts import Example, Prediction
from joyul.data.columns import infer
from joyul.data.examples import AS_IS, Examples, drop_unusable
from joyul.data.labels import split_labels
from joyul.data.read import Table, read
from joyul.data.values import composed
from joyul.engine.evaluate import evaluate as score
from joyul.errors import DataError, UsageError
from joyul.files import check_writable, write_file, write_lines, write_text
from joyul.learn import check_targets
from joyul.messages import words
from joyul.methods.chain import encode
from joyul.notes import Notes
from joyul.recipe.grammar import read_recipe
from joyul.recipe.resolve import from_words
from joyul.recipe.settings import RunSettings
from joyul.results import answer, grouped, scored

TABULAR = (".csv", ".tsv", ".xlsx")
LINES = (".jsonl", ".ndjson")
ADDED = ("id", "prediction", "score", "error")
CHUNK = 2000  # rows predicted before they are let go


def check_out(out: str, data: str, overwrite: bool, suffixes: Sequence[str] = (*TABULAR, *LINES)) -> Path:
    """The file to write. Raises UsageError for one that exists, for the input itself, and for another suffix."""
    path = Path(out)
    if path.suffix.lower() not in suffixes:
        raise UsageError("out_suffix", found=path.suffix, allowed=suffixes)
    if path.resolve() == Path(data).resolve():
        raise UsageError("out_is_input", found=out)
    if path.exists() and not overwrite:
        raise UsageError("file_exists", found=out)
    check_writable(path.parent)
    return path


def predict_file(artifact: Artifact, settings: RunSettings, notes: Notes) -> list[dict[str, Any]]:
    """Predict every row of `data=`: exactly one line a row, in order; written to `out=` where it is given."""
    assert settings.data is not None
    out = check_out(settings.out, settings.data, settings.overwrite) if settings.out else None
    table = read(settings.data, notes=notes, encoding=settings.encoding)["train"]
    as_is = artifact.form.setting.task.name in AS_IS
    examples = Examples(table, input_roles(artifact, table, settings), as_is=as_is)
    lines = predict_lines(artifact, examples, notes)
    if out is not None:
        write_predictions(out, table, lines)
        notes.say("predictions_written", count=len(lines), out=str(out))
    return lines


def predict_texts(artifact: Artifact, texts: Sequence[str], notes: Notes) -> list[dict[str, Any]]:
    """Predict texts typed by hand or read from standard input. Raises UsageError where the result reads pairs."""
    if trained_columns(artifact).get("pair"):
        raise UsageError("pairs_need_a_file")
    examples = [Example(str(number), {"text": composed(text)}) for number, text in enumerate(texts, start=1)]
    return predict_lines(artifact, examples, notes)


def predict_lines(artifact: Artifact, examples: Sequence[Example], notes: Notes) -> list[dict[str, Any]]:
    """One line an Example; an empty text has no prediction and says so in `error`."""
    lines: list[dict[str, Any]] = []
    for start in range(0, len(examples), CHUNK):
        chunk = [examples[index] for index in range(start, min(start + CHUNK, len(examples)))]
        full = [example for example in chunk if str(example.inputs.get("text") or "").strip()]
        found: Mapping[str, Prediction] = dict(
            zip((example.id for example in full), artifact.predict_examples(full, notes) if full else (), strict=True)
        )
        lines += [_line(example, found.get(example.id)) for example in chunk]
    return lines


def _line(example: Example, prediction: Prediction | None) -> dict[str, Any]:
    if prediction is None:
        return {"id": example.id, "prediction": None, "score": None, "error": words("error_empty_text")}
    line = {"id": example.id, **answer(prediction)}
    if prediction.value is not None:
        return line
    if prediction.reason is not None:
        return {**line, "error": prediction.reason}
    withheld = words("error_withheld", score=f"{prediction.score:.2f}") if prediction.score is not None else None
    return {**line, "error": withheld or words("error_no_number")}


def input_roles(artifact: Artifact, table: Table, settings: RunSettings) -> dict[str, str]:
    """Which columns to read: those named, those of the training file, or those the rules find."""
    trained = trained_columns(artifact)
    text = settings.text or _present(trained.get("text"), table)
    pair = settings.pair or _present(trained.get("pair"), table)
    if text is None and len(table.columns) == 1:
        text = table.columns[0]
    columns = infer(table, task=artifact.form.setting.task.name, text=text, pair=pair, has_labels=True)
    roles = {role: column for role, column in columns.roles.items() if role in ("text", "text_pair")}
    if trained.get("pair") and "text_pair" not in roles:
        raise DataError("pair_missing", where=table.name, column=trained["pair"])
    return roles if trained.get("pair") else {"text": roles["text"]}


def trained_columns(artifact: Artifact) -> dict[str, str]:
    """What the recipe of the run says, the columns of its training file among it."""
    return {item.key: item.value for item in read_recipe(artifact.folder / RECIPE_FILE)}


def _present(column: str | None, table: Table) -> str | None:
    return column if column in table.columns else None


def write_predictions(out: Path, table: Table, lines: Sequence[Mapping[str, Any]]) -> None:
    """JSON Lines, or the input's columns with prediction, score and error for csv, tsv and xlsx."""
    if out.suffix.lower() in LINES:
        write_lines(out, lines)
        return
    added = [name for name in ADDED if name != "id" or "id" not in table.columns]  # rows that have an id keep theirs
    header = [*table.columns, *(_free_name(name, table.columns) for name in added)]
    rows = ([*(row[column] for column in table.columns), *(line.get(name) for name in added)]
            for row, line in zip(table.rows, lines, strict=True))  # fmt: skip
    if out.suffix.lower() == ".xlsx":
        _write_xlsx(out, header, rows)
    else:
        _write_delimited(out, header, rows)


def _free_name(name: str, taken: Sequence[str]) -> str:
    """`prediction`, or `prediction_joyul` where the input has a column of that name."""
    return name if name not in taken else _free_name(f"{name}_joyul", taken)


def _write_delimited(out: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter="\t" if out.suffix.lower() == ".tsv" else ",", lineterminator="\n")
    writer.writerow(header)
    writer.writerows([["" if value is None else _cell(value) for value in row] for row in rows])
    write_text(out, stream.getvalue())


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _write_xlsx(out: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    try:
        from openpyxl import Workbook
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    except ImportError as error:
        raise UsageError("xlsx_needs_openpyxl") from error
    book = Workbook(write_only=True)
    sheet = book.create_sheet("predictions")
    for row in (header, *rows):
        cells = []
        for value in map(_cell, row):
            cells.append(WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value) if isinstance(value, str) else value))
            if isinstance(value, str):
                cells[-1].data_type = "s"  # text that opens with = is no formula
        sheet.append(cells)
    write_file(out, book.save)


def evaluate(path: str | Path, notes: Notes | None = None, **settings: Any) -> dict[str, Any]:
    """Score a result on new labelled rows: `joyul.evaluate("runs/x", data="new.csv")`."""
    return evaluate_file(load(path), from_words("eval", settings).run, notes or Notes())


def evaluate_file(artifact: Artifact, settings: RunSettings, notes: Notes) -> dict[str, Any]:
    """Scores with intervals on the labelled rows of `data=`; predictions are written to `out=` where it is given."""
    assert settings.data is not None
    out = check_out(settings.out, settings.data, settings.overwrite, LINES) if settings.out else None
    table = read(settings.data, notes=notes, encoding=settings.encoding)["train"]
    inputs = input_roles(artifact, table, settings)
    task = artifact.form.setting.task
    trained = trained_columns(artifact)
    label = settings.label or _present(trained.get("label"), table)
    group = settings.group or _present(trained.get("group"), table)
    found = infer(table, task=task.name, text=inputs["text"], pair=inputs.get("text_pair"), label=label, group=group)
    if separator := settings.separator or trained.get("separator"):
        table = split_labels(table, found.roles["target"], separator, notes)
    roles = {**inputs, **{role: column for role, column in found.roles.items() if role in ("target", "group")}}
    examples = drop_unusable(Examples(table, roles, as_is=task.name in AS_IS), notes, need_target=True)
    check_targets(task, examples)
    rows = encode(artifact.form, examples, notes)
    evaluation = score(artifact.tuned.model, artifact.form, rows, notes)
    if out is not None:
        pairs = zip(examples, evaluation.predictions, strict=True)
        write_lines(out, ({"id": example.id, "target": example.target, **answer(found)} for example, found in pairs))
    groups = grouped(evaluation, examples.groups, task)
    return {"rows": len(rows), "metric": task.metric, "scores": scored(evaluation, task), "groups": groups}
