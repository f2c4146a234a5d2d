"""Time inside training against transformers' Trainer on the same work, in pairs, each run in a process of its own:

    python benchmarks/speed.py --data ../shared/data [--rows 2000] [--pairs 5] [--only full]

Same base (`starter`), real rows of SST-2, batch size, rate, schedule and epochs; each pair has a seed of its own. The peer runs
at its defaults (fp32, random order, DataCollatorWithPadding) and at its best (bf16 and group by length). `lora` is PEFT's there,
`soft_prompt` its prompt tuning, which reads a learned vector in the place of [CLS] (docs/peft.md): its seconds are compared, not
its answers. Ratios are medians over the pairs of peer seconds over our seconds, with the smallest and largest; accuracy is that
on dev.csv, its difference with Student's interval over the pairs. The floor is 6 operations a parameter and real token at the
measured rate of this machine's matrix products. What was measured is kept in benchmarks/speed.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from scipy.stats import t
from write import fill, stamp

NAME = "speed"
BATCH, MAX_LENGTH = 16, 256
RATES = {"full": 7e-5, "layers": 2e-4, "head": 1e-3, "lora": 1e-3, "soft_prompt": 1e-2, "predict": 0.0}
EPOCHS = {"full": 1, "layers": 5, "head": 10, "lora": 3, "soft_prompt": 1, "predict": 1}
TOP_LAYERS, LORA_LAYERS, RANK, VECTORS = 2, 3, 16, 8
EXTRA: dict[str, dict[str, Any]] = {
    "layers": {"top_layers": TOP_LAYERS}, "soft_prompt": {"prompt_length": VECTORS},
    "lora": {"top_layers": LORA_LAYERS, "rank": RANK, "lora_alpha": 2.0 * RANK},
}  # fmt: skip
TITLES = {"layers": f"layers top_layers={TOP_LAYERS}", "lora": f"lora top_layers={LORA_LAYERS}", "predict": "prediction"}
PEERS = ("defaults", "best")
AIMS = {
    ("full", "defaults"): 4.5, ("full", "best"): 1.3, ("layers", "defaults"): 5.0, ("layers", "best"): 1.8, ("head", "best"): 8.0,
    ("lora", "best"): 1.5, ("soft_prompt", "defaults"): 3.0, ("soft_prompt", "best"): 1.2, ("predict", "defaults"): 4.0,
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


def ours(work: str, data: Path, rows: int, seed: int) -> dict[str, Any]:
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
        run = joyul.train(
            data=file, valid="none", test=data / "sst2" / "dev.csv", method=work, epochs=EPOCHS[work], batch_size=BATCH,
            learning_rate=RATES[work], max_length=MAX_LENGTH, out=Path(folder) / "run", save_every="none", seed=seed,
            **EXTRA.get(work, {}),
        )  # fmt: skip
    return {
        "seconds": run.metrics["seconds"]["train"], "memory": run.metrics["peak_memory"] - loaded[0],
        "accuracy": run.metrics["scores"]["test"]["accuracy"]["value"],
    }  # fmt: skip


def trainer(work: str, data: Path, rows: int, best: bool, seed: int) -> dict[str, Any]:
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
    torch.manual_seed(seed)
    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=2)
    model = frozen(model, work)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=BATCH, per_device_eval_batch_size=32, learning_rate=RATES[work],
            weight_decay=0.01, num_train_epochs=EPOCHS[work], lr_scheduler_type="linear", warmup_steps=0.1, save_strategy="no",
            logging_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True, bf16=best, seed=seed,
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
    if work == "lora":
        import peft

        count = model.config.num_hidden_layers
        config = peft.LoraConfig(
            task_type="SEQ_CLS", r=RANK, lora_alpha=2 * RANK, target_modules=["query", "key", "value", "dense"],
            layers_to_transform=list(range(count - LORA_LAYERS, count)), layers_pattern="layer",
            modules_to_save=["classifier", "pooler"],
        )  # fmt: skip
        return peft.get_peft_model(model, config)
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


def apart(who: str, work: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One run in a process of its own."""
    command = [sys.executable, __file__, "--data", str(options.data), "--rows", str(options.rows), "--one", who, work, str(seed)]
    quiet = {**os.environ, "TRANSFORMERS_VERBOSITY": "error"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def compare(work: str, options: argparse.Namespace) -> dict[str, Any]:
    """The runs of one kind of work, interleaved, so that a noisy machine disturbs all alike."""
    runs: dict[str, list[dict[str, Any]]] = {who: [] for who in ("ours", *(PEERS if work != "predict" else PEERS[:1]))}
    for seed in range(options.pairs):
        for who, found in runs.items():
            found.append(apart(who, work, seed, options))
            print(work, who, found[-1], flush=True)
    return {"runs": runs, "rows": options.rows, "floor": floor(work, runs["ours"], options), **stamp()}


def floor(work: str, mine: list[dict[str, Any]], options: argparse.Namespace) -> float | None:
    """Share of the measured matrix-product rate that full training reached."""
    if work != "full":
        return None
    from joyul.bases.load import open_base
    from joyul.engine.kernels import rates

    files = open_base("starter")
    tokens = sum(map(len, files.tokenizer([text for text, _ in sst2(options.data, "train", options.rows)])["input_ids"]))
    layers, width = files.config.num_hidden_layers, files.width
    operations = 6 * 12 * layers * width * width * tokens * EPOCHS[work]
    return operations / max(rates(width).values()) / median(item["seconds"] for item in mine)


def section(found: dict[str, Any]) -> list[str]:
    """The lines of benchmarks/README.md."""
    lines = [
        "## Speed against transformers' Trainer", "",
        "`python benchmarks/speed.py`: seconds inside training (prediction: of 7,792 texts, tokenising included), peer / ours,",
        "medians of pairs, smallest and largest. Accuracy: ours minus the peer's over the pairs' seeds. Memory: above that after",
        "loading, ours / peer. Floor: the share of this machine's rate of matrix products that is reached.", "",
        "| work | peer | times | aim | seconds (ours, peer) | accuracy, 95 % interval | memory | floor | measured |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    return lines + [line(work, peer, cell) for work, cell in found.items() for peer in PEERS if peer in cell["runs"]]


def line(work: str, peer: str, cell: dict[str, Any]) -> str:
    """A row of the table."""
    mine, theirs = cell["runs"]["ours"], cell["runs"][peer]
    ratios = sorted(other["seconds"] / our["seconds"] for other, our in zip(theirs, mine, strict=True))
    seconds, memory = ([median(item[key] for item in found) for found in (mine, theirs)] for key in ("seconds", "memory"))
    share = f"{cell['floor']:.0%}" if cell["floor"] else ""
    epochs = f", {EPOCHS[work]} epochs, {cell['rows']:,} rows" if work != "predict" else ""
    return (
        f"| {TITLES.get(work, work)}{epochs} | {peer} | **{median(ratios):.2f}** ({ratios[0]:.2f} to {ratios[-1]:.2f}) "
        f"| {AIMS.get((work, peer), '')} | {seconds[0]:.1f}, {seconds[1]:.1f} | {gained(work, mine, theirs)} "
        f"| {memory[0] / max(1.0, memory[1]):.2f} | {share} "
        f"| {cell['date']}, {cell['device']} |"
    )


def gained(work: str, mine: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> str:
    """The mean difference of accuracies and Student's interval, where answers can be compared."""
    if work in {"predict", "soft_prompt"} or len(mine) < 2:
        return ""
    gaps = [our["accuracy"] - other["accuracy"] for our, other in zip(mine, theirs, strict=True)]
    half = float(t.ppf(0.975, len(gaps) - 1)) * stdev(gaps) / len(gaps) ** 0.5
    return f"{fmean(gaps):+.4f}, {fmean(gaps) - half:+.4f} to {fmean(gaps) + half:+.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", choices=RATES)
    parser.add_argument("--one", nargs=3, metavar=("WHO", "WORK", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        who, work, seed = options.one
        same = (work, options.data, options.rows)
        print(json.dumps(ours(*same, int(seed)) if who == "ours" else trainer(*same, who == "best", int(seed))))
        return
    fill(NAME, RATES, options.only, lambda work: compare(work, options))


if __name__ == "__main__":
    main()
