"""Folders: a saved dataset, files named by split, a single file, class folders of texts (by split too), a flat folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import datasets

from joyul.data.columnar import SPLITS, read_splits
from joyul.data.encodings import TextFile, detect
from joyul.data.files import SUFFIXES, lines, read_file, stem, suffix_of
from joyul.data.table import Table, keep
from joyul.errors import DataError, listing
from joyul.notes import Notes

ABOUT = ("readme", "license", "licence", "copying", "notice", "source")  # a folder's own papers are not its data


def read_folder(folder: Path, notes: Notes, encoding: str | None = None) -> dict[str, Table]:
    """Read a folder as the first of those kinds that it is."""
    if (folder / "dataset_dict.json").exists() or (folder / "dataset_info.json").exists():
        return _saved(folder, notes)
    files = [path for path in _inside(folder) if path.is_file() and suffix_of(path) in SUFFIXES]
    if named := _named_by_split(files):
        return {split: read_file(path, notes, encoding) for split, path in named.items()}
    if len(files) == 1:
        return {"train": read_file(files[0], notes, encoding)}
    parts = _named_by_split([path for path in _inside(folder) if path.is_dir() and _classes(path)])
    if parts:
        names = {split: f"{folder.name}/{path.name}" for split, path in parts.items()}
        return {split: _class_folders(names[split], _classes(path), notes, encoding) for split, path in parts.items()}
    if classes := _classes(folder):
        return {"train": _class_folders(folder.name, classes, notes, encoding)}
    if texts := _texts(folder):
        return {"train": _flat(folder.name, texts, notes, encoding)}
    raise DataError("read_folder", where=str(folder), files=listing(path.name for path in files) or "-")


def _inside(folder: Path) -> list[Path]:
    """What stands in a folder, by name, without hidden files and the papers about it."""
    return [path for path in sorted(folder.iterdir()) if path.name[0] != "." and stem(path).lower() not in ABOUT]


def _texts(folder: Path) -> list[Path]:
    return [path for path in _inside(folder) if path.is_file() and path.suffix.lower() == ".txt"]


def _classes(folder: Path) -> list[Path]:
    """The folders of texts in a folder."""
    return [path for path in _inside(folder) if path.is_dir() and _texts(path)]


def _saved(folder: Path, notes: Notes) -> dict[str, Table]:
    try:
        saved = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise DataError("read_broken", where=str(folder), reason=error) from error
    parts = saved if isinstance(saved, datasets.DatasetDict) else {"train": saved}
    return read_splits({str(split): part for split, part in parts.items()}, folder.name, notes)


def _named_by_split(files: list[Path]) -> dict[str, Path]:
    """Files or folders named `train`, `valid`, ... where `train` is among them; two for one split are refused."""
    named: dict[str, Path] = {}
    for path in files:
        split = SPLITS.get(stem(path).lower(), "")
        if split in named:
            both = listing([named[split].name, path.name])
            raise DataError("read_split_twice", where=str(path.parent), split=split, files=both)
        if split:
            named[split] = path
    return named if "train" in named else {}


def _class_folders(name: str, classes: list[Path], notes: Notes, encoding: str | None) -> Table:
    """A file is a row, its folder is its label."""
    files = _decoded([path for folder in classes for path in _texts(folder)], name, notes, encoding)
    rows = ((file.path.read_text(file.encoding), file.path.parent.name) for file in files)
    return keep(name, ["text", "label"], rows, notes)


def _flat(name: str, paths: list[Path], notes: Notes, encoding: str | None) -> Table:
    """A line that is not blank is a row; the files follow each other by name."""
    files = _decoded(paths, name, notes, encoding)
    notes.say("read_flat_folder", folder=name, count=len(files), files=listing(path.name for path in paths))
    return keep(name, ["text"], ([line] for file in files for line in lines(file) if line.strip()), notes)


def _decoded(paths: list[Path], name: str, notes: Notes, encoding: str | None) -> list[TextFile]:
    """The files with their encodings, said once per encoding and not once per file."""
    files = [TextFile(path, detect(path, encoding)) for path in paths]
    for found, count in Counter(file.encoding for file in files if file.encoding != "utf-8").items():
        notes.say("read_encoding_files", folder=name, encoding=found, count=count)
    return files
