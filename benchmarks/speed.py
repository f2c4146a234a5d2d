"""Time inside training against transformers' Trainer on the same work, in pairs, each run in a process of its own:

    python benchmarks/speed.py --data ../shared/data [--rows 2000] [--pairs 5] [--only full]

Same base (`starter`), real rows of SST-2, batch size, rate, schedule and epochs. The peer runs at its defaults (fp32, random
order, DataCollatorWithPadding) and at its best (bf16 and group by length). `soft_prompt` is PEFT's prompt tuning there, which
reads a learned vector in the place of [CLS] (docs/peft.md): its seconds are compared, not its answers. Ratios are medians over
the pairs of peer seconds over our seconds, with the smallest and largest; accuracy is that on the given dev rows. The floor is
6 operations a parameter and real token at the measured rate of this machine's matrix products. benchmarks/speed.md is written by
this command.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
BATCH, MAX_LENGTH = 16, 256
RATES = {"full": 7e-5, "layers": 2e-4, "head": 1e-3, "soft_prompt": 1e-2, "predict": 0.0}
EPOCHS = {"full": 1, "layers": 5, "head": 10, "soft_prompt": 1, "predict": 1}
TOP_LAYERS, VECTORS = 2, 8
PEERS = ("defaults", "best")
AIMS = {
    ("full", "defaults"): 4.5, ("full", "best"): 1.3, ("layers", "defaults"): 5.0, ("layers", "best"): 1.8, ("head", "best"): 8.0,
    ("soft_prompt", "defaults"): 3.0, ("soft_prompt", "best"): 1.2, ("predict", "defaults"): 4.0,
}  # fmt: skip


def sst2(data: Path, split: str, rows: int | None = None) -> list[tuple[str, str]]:
    """(sentence, label) of the first rows of a split."""
    with open(data / "sst2" / f"{split}.csv", encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)][:rows]


def resident() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


def highest() -> int:
    """Resident memory at its peak, as Linux tells it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def ours(work: str, data: Path, rows: int) -> dict[str, Any]:
    """One run of Joyul: seconds inside training, memory above that after loading, accuracy on dev."""
    import joyul
    from joyul.engine import device

    if work == "predict":
        return our_prediction(data)
    loaded: list[int] = []
    reset = device.reset_peak
    device.reset_peak = lambda: (loaded.append(resident()), reset())[1]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "train.csv"
        with open(file, "w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows([("text", "label"), *sst2(data, "train", rows)])
        extra = {"layers": {"top_layers": TOP_LAYERS}, "soft_prompt": {"prompt_length": VECTORS}}.get(work, {})
        run = joyul.train(
            data=file, valid="none", test=data / "sst2" / "dev.csv", method=work, epochs=EPOCHS[work], batch_size=BATCH,
            learning_rate=RATES[work], max_length=MAX_LENGTH, out=Path(folder) / "run", save_every="none", **extra,
        )  # fmt: skip
    return {
        "seconds": run.metrics["seconds"]["train"], "memory": run.metrics["peak_memory"] - loaded[0],
        "accuracy": run.metrics["scores"]["test"]["accuracy"]["value"],
    }  # fmt: skip


def trainer(work: str, data: Path, rows: int, best: bool) -> dict[str, Any]:
    """The same work by transformers' Trainer."""
    import torch
    from datasets import Dataset
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    from joyul.bases.source import find

    if work == "predict":
        return peer_prediction(data)
    source = find("starter").path
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenized = {}
    for split, count in (("train", rows), ("dev", None)):
        texts = sst2(data, split, count)
        encoded = tokenizer([text for text, _ in texts], truncation=True, max_length=MAX_LENGTH)
        tokenized[split] = Dataset.from_dict({**encoded, "labels": [int(label) for _, label in texts]})
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=2)
    model = frozen(model, work)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=BATCH, per_device_eval_batch_size=32, learning_rate=RATES[work],
            weight_decay=0.01, num_train_epochs=EPOCHS[work], lr_scheduler_type="linear", warmup_steps=0.1, save_strategy="no",
            logging_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True, bf16=best,
            train_sampling_strategy="group_by_length" if best else "random",
        )  # fmt: skip
        peer = Trainer(model, arguments, DataCollatorWithPadding(tokenizer), tokenized["train"])
        loaded = resident()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the high-water mark starts again
        started = time.perf_counter()
        peer.train()
        seconds, memory = time.perf_counter() - started, highest() - loaded
        answers = peer.predict(tokenized["dev"])
    hits = (answers.predictions.argmax(-1) == answers.label_ids).mean()
    return {"seconds": seconds, "memory": memory, "accuracy": float(hits)}


def frozen(model: Any, work: str) -> Any:
    """The peer's model, moving what ours moves."""
    if work == "full":
        return model
    if work == "soft_prompt":
        import peft

        return peft.get_peft_model(model, peft.PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=VECTORS))
    model.requires_grad_(False)
    parts = [model.classifier, model.bert.pooler]
    if work == "layers":
        parts += list(model.bert.encoder.layer[-TOP_LAYERS:])
    for part in parts:
        part.requires_grad_(True)
    return model


def texts_to_predict(data: Path) -> list[str]:
    return [text for split in ("train", "dev") for text, _ in sst2(data, split)]


def our_prediction(data: Path) -> dict[str, Any]:
    import joyul

    with tempfile.TemporaryDirectory() as folder:
        run = joyul.train(
            data=data / "sst2" / "dev.csv", valid="none", test="none", method="head", epochs=1, out=Path(folder) / "run"
        )
        made = joyul.load(run.folder)
        texts = texts_to_predict(data)
        made.predict(texts[:64])
        loaded = resident()
        started = time.perf_counter()
        made.predict(texts)
        return {"seconds": time.perf_counter() - started, "memory": resident() - loaded, "accuracy": 0.0}


def peer_prediction(data: Path) -> dict[str, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    from joyul.bases.source import find

    source = find("starter").path
    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=2)
    run: Any = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(source))
    texts = texts_to_predict(data)
    run(texts[:64], batch_size=32)
    loaded = resident()
    started = time.perf_counter()
    run(texts, batch_size=32, truncation=True, max_length=MAX_LENGTH)
    return {"seconds": time.perf_counter() - started, "memory": resident() - loaded, "accuracy": 0.0}


def apart(who: str, work: str, options: argparse.Namespace) -> dict[str, Any]:
    """One run in a process of its own."""
    command = [sys.executable, __file__, "--data", str(options.data), "--rows", str(options.rows), "--one", who, work]
    quiet = {**os.environ, "TRANSFORMERS_VERBOSITY": "error"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def compare(work: str, options: argparse.Namespace) -> list[str]:
    """The table lines of one kind of work: runs are interleaved, so that a noisy machine disturbs all alike."""
    peers = PEERS if work != "predict" else PEERS[:1]
    runs: dict[str, list[dict[str, Any]]] = {who: [] for who in ("ours", *peers)}
    for _ in range(options.pairs):
        for who, found in runs.items():
            found.append(apart(who, work, options))
            print(work, who, found[-1], flush=True)
    mine = runs["ours"]
    lines = []
    for peer in peers:
        ratios = sorted(theirs["seconds"] / our["seconds"] for theirs, our in zip(runs[peer], mine, strict=True))
        memory = median(item["memory"] for item in mine) / max(1.0, median(item["memory"] for item in runs[peer]))
        each = [f"{median(item[key] for item in found):{form}}" for key, form in (("seconds", ".1f"), ("accuracy", ".4f"))
                for found in (mine, runs[peer])]  # fmt: skip
        lines.append(
            f"| {work}, {EPOCHS[work]} epochs | {peer} | **{median(ratios):.2f}x** ({ratios[0]:.2f} to {ratios[-1]:.2f}) "
            f"| {AIMS.get((work, peer), '')} | {each[0]} s, {each[1]} s | {each[2]}, {each[3]} | {memory:.2f} "
            f"| {floor(work, mine, options)} |"
        )
    return lines


def floor(work: str, mine: list[dict[str, Any]], options: argparse.Namespace) -> str:
    """Share of the measured matrix-product rate that full training reached."""
    if work != "full":
        return ""
    from joyul.bases.load import open_base
    from joyul.engine.kernels import rates

    files = open_base("starter")
    tokens = sum(map(len, files.tokenizer([text for text, _ in sst2(options.data, "train", options.rows)])["input_ids"]))
    layers, width = files.config.num_hidden_layers, files.width
    operations = 6 * 12 * layers * width * width * tokens * EPOCHS[work]
    return f"{operations / max(rates(width).values()) / median(item['seconds'] for item in mine):.0%}"


WORKS: dict[str, Callable[..., Any]] = dict.fromkeys(RATES, compare)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", choices=sorted(WORKS))
    parser.add_argument("--one", nargs=2, metavar=("WHO", "WORK"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        who, work = options.one
        mine = who == "ours"
        found = ours(work, options.data, options.rows) if mine else trainer(work, options.data, options.rows, who == "best")
        print(json.dumps(found))
        return
    kept = HERE / "speed.json"
    lines: dict[str, list[str]] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for work in [options.only] if options.only else WORKS:
        lines[work] = compare(work, options)
        print("\n".join(lines[work]), flush=True)
    kept.write_text(json.dumps(lines, indent=2) + "\n", encoding="utf-8")
    write(lines, options)


def write(lines: dict[str, list[str]], options: argparse.Namespace) -> None:
    """benchmarks/speed.md, from what has been measured so far."""
    from joyul.engine.device import describe
    from joyul.record import versions

    used = ", ".join(f"{package} {version}" for package, version in versions().items())
    head = [
        "# Speed", "", f"Written by `python benchmarks/speed.py --rows {options.rows} --pairs {options.pairs}` on "
        f"{datetime.date.today()}: {describe()}; {used}.",
        "Seconds inside training (predict: of 7,792 texts, tokenising included), peer / ours. Memory: above that after loading,",
        "ours / peer.", "",
        "| work | peer | ratio | aim | seconds (ours, peer) | accuracy (ours, peer) | memory | share of the floor |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    rows = [row for rows in lines.values() for row in rows]
    (HERE / "speed.md").write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
