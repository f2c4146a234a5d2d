"""Learned prompts on all of SST-2 against the head alone and against stock PEFT, one command:

    python benchmarks/prompts.py --data ../shared/data [--only soft_prompt] [--epochs 3]

`starter`, the same training rows and validation rows for everyone, and one search budget: three learning rates each, chosen by
the validation score; the test rows (dev.csv) are read by the chosen one. PEFT is trained by transformers' Trainer as suits it
best: its vectors start from sampled tokens (prompt tuning) or zeros (prefix tuning), the pooler moves beside the classifier, bf16
and batches of like length, the epoch with the best validation score. An interval is that of paired rows, as in `joyul compare`.
What was measured is kept in benchmarks/prompts.json.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from write import fill, kept, stamp

import joyul
from joyul.compare.statistics import paired

NAME = "prompts"
WORKS = {  # learning rates that are tried: the usual one, a third of it and three times it
    "head": (3e-4, 1e-3, 3e-3), "soft_prompt": (3e-3, 1e-2, 3e-2), "prefix": (3e-3, 1e-2, 3e-2),
    "PEFT soft_prompt": (3e-3, 1e-2, 3e-2), "PEFT prefix": (3e-3, 1e-2, 3e-2),
}  # fmt: skip
PAIRS = (("soft_prompt", "head"), ("prefix", "head"), ("soft_prompt", "PEFT soft_prompt"), ("prefix", "PEFT prefix"))
BATCH, VECTORS, MAX_LENGTH, VALID_EVERY = 32, 8, 256, 10
Table = Sequence[tuple[str, str]]
Try = tuple[float, list[bool]]  # validation score; of each test row: whether it is right


def rows(data: Path) -> dict[str, Table]:
    """(sentence, label) to learn from, to choose by (every tenth) and to test on."""
    found = {}
    for name in ("train", "dev"):
        with open(data / "sst2" / f"{name}.csv", encoding="utf-8", newline="") as file:
            found[name] = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    known = {text for text, _ in found["dev"]}
    once = [(text, label) for text, label in dict(found["train"]).items() if text not in known]
    valid = once[::VALID_EVERY]
    return {"train": [row for place, row in enumerate(once) if place % VALID_EVERY], "valid": valid, "test": found["dev"]}


def ours(work: str, rate: float, tables: dict[str, Table], epochs: int) -> Try:
    """One run of Joyul."""
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for split, table in tables.items():
            files[split] = Path(folder) / f"{split}.csv"
            with open(files[split], "w", encoding="utf-8", newline="") as out:
                csv.writer(out).writerows([("text", "label"), *table])
        more = {"prompt_length": VECTORS, "epochs": epochs} if work != "head" else {}
        run = joyul.train(
            data=files["train"], valid=files["valid"], test=files["test"], method=work, learning_rate=rate, batch_size=BATCH,
            max_length=MAX_LENGTH, out=Path(folder) / "run", save_every="none", **more,
        )  # fmt: skip
        test = run.evaluations["test"]
        hits = [value.value == target for value, target in zip(test.predictions, test.targets, strict=True)]
        return run.metrics["scores"]["valid"]["accuracy"]["value"], hits


def peft_model(work: str, source: str) -> Any:
    """`starter` under a prompt of stock PEFT."""
    import peft
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=2)
    common = {"task_type": "SEQ_CLS", "num_virtual_tokens": VECTORS, "modules_to_save": ["classifier", "pooler"]}
    if work == "prefix":
        return peft.get_peft_model(model, peft.PrefixTuningConfig(init_weights="zero", **common))
    config = peft.PromptTuningConfig(prompt_tuning_init="SAMPLE_VOCAB", tokenizer_name_or_path=source, **common)
    return peft.get_peft_model(model, config)


def peer(work: str, rate: float, tables: dict[str, Table], epochs: int) -> Try:
    """One run of PEFT under transformers' Trainer."""
    import torch
    from datasets import Dataset
    from transformers import AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments

    from joyul.bases.source import find

    source = str(find("starter").path)
    tokenizer = AutoTokenizer.from_pretrained(source)
    sets = {}
    for split, table in tables.items():
        encoded = tokenizer([text for text, _ in table], truncation=True, max_length=MAX_LENGTH)
        sets[split] = Dataset.from_dict({**encoded, "labels": [int(label) for _, label in table]})
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=BATCH, per_device_eval_batch_size=BATCH, learning_rate=rate,
            weight_decay=0.0, num_train_epochs=epochs, lr_scheduler_type="linear", warmup_steps=0.1, save_strategy="epoch",
            eval_strategy="epoch", load_best_model_at_end=True, metric_for_best_model="accuracy", save_total_limit=1,
            logging_strategy="no", report_to=[], use_cpu=not torch.cuda.is_available(), disable_tqdm=True, bf16=True,
            train_sampling_strategy="group_by_length",
        )  # fmt: skip
        trainer = Trainer(
            peft_model(work, source), arguments, DataCollatorWithPadding(tokenizer), sets["train"], sets["valid"],
            compute_metrics=lambda found: {"accuracy": float((found.predictions.argmax(-1) == found.label_ids).mean())},
        )  # fmt: skip
        trainer.train()
        valid = trainer.evaluate()["eval_accuracy"]
        answers = trainer.predict(sets["test"])
    return valid, [bool(hit) for hit in answers.predictions.argmax(-1) == answers.label_ids]


def measure(work: str, data: Path, epochs: int) -> dict[str, Any]:
    """Every rate; what the one with the best validation score (the first of equals) says of the test rows."""
    tables, tries, started = rows(data), {}, time.perf_counter()
    for rate in WORKS[work]:
        run = peer if work.startswith("PEFT") else ours
        tries[rate] = run(work.removeprefix("PEFT "), rate, tables, epochs)
        print(f"{work} at {rate:g}: validation {tries[rate][0]:.4f}, {time.perf_counter() - started:.0f} s", flush=True)
    best = max(tries, key=lambda rate: tries[rate][0])
    return {
        "valid": {f"{rate:g}": score for rate, (score, _) in tries.items()}, "rate": best,
        "hits": [int(hit) for hit in tries[best][1]], "epochs": epochs, "seconds": time.perf_counter() - started, **stamp(),
    }  # fmt: skip


def section(found: dict[str, Any]) -> list[str]:
    """The lines of benchmarks/README.md."""
    lines = [
        "## Learned prompts on all of SST-2", "",
        f"`python benchmarks/prompts.py`: `starter`, {VECTORS} vectors, three learning rates each, chosen by the validation",
        "score; accuracy on dev.csv. `head` has the epochs that it usually has.", "",
        "| method | chosen rate | validation, by rate | test | epochs | measured |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for work, cell in found.items():
        valid = ", ".join(f"{rate}: {score:.3f}" for rate, score in cell["valid"].items())
        epochs = cell["epochs"] if work != "head" else "usual"
        lines.append(f"| {work} | {cell['rate']:g} | {valid} | {np.mean(cell['hits']):.4f} | {epochs} | {cell['date']} |")
    lines += ["", "| difference, paired | points | 95 % interval |", "|---|---|---|"]
    for first, second in PAIRS:
        if first in found and second in found:
            gap = paired(*(np.array([found[name]["hits"]], dtype=float) for name in (first, second)))
            low, high = gap.interval
            lines.append(f"| {first} - {second} | {100 * gap.mean:+.1f} | {100 * low:+.1f} to {100 * high:+.1f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--only", choices=WORKS)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    fill(NAME, WORKS, options.only, lambda work: measure(work, options.data, options.epochs))
    print("\n".join(section(kept(NAME))))


if __name__ == "__main__":
    main()
