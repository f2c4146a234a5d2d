"""`joyul export`: a result as others load it, written only where it answers the same on real rows.

`model` is plain transformers with every adapter folded in, `fp16` and `bf16` the same at half the size, `onnx` a graph for
onnxruntime (made by torch.onnx). What was written is opened again by stock software and compared with the run itself.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from torch import Tensor, nn
from transformers import PreTrainedModel

from joyul.artifact import Artifact, load, save_tokenizer
from joyul.bases.anatomy import inner
from joyul.bases.hosted import Hosted
from joyul.bases.source import RECIPE_FILE
from joyul.contracts import Batch, Example
from joyul.data.examples import AS_IS, Examples
from joyul.data.read import read
from joyul.data.values import composed
from joyul.engine.batches import TOKEN_BUDGET, cut
from joyul.engine.device import device
from joyul.errors import DoesNotFit, RunError, UsageError
from joyul.files import check_free, write_folder, write_json, write_text
from joyul.forms.written import PROMPT_FILE, prompt_yaml
from joyul.linear import Linear
from joyul.methods.chain import encode, fold
from joyul.notes import Notes
from joyul.recipe.grammar import read_recipe
from joyul.recipe.settings import RunSettings
from joyul.use import input_roles, trained_columns

Format = Literal["model", "fp16", "bf16", "onnx"]
ROWS = 64  # compared at most
TOLERANCE = {"model": 1e-4, "onnx": 1e-4, "fp16": 1e-2, "bf16": 1e-1}  # of the largest output, and of 1 where that is larger
HALVES = {"fp16": torch.float16, "bf16": torch.bfloat16}
ONNX_FILE, PARITY_FILE = "model.onnx", "parity.json"
ONNX_SINGLE = 2**31  # bytes; protobuf holds no more in one file
Answer = Callable[[Batch], Tensor]


@dataclass(frozen=True)
class Exported:
    """`difference` is the largest between the outputs of what was written and the run's own, over `rows` rows."""

    folder: Path
    format: Format
    rows: int
    difference: float
    tolerance: float


def export(path: str | Path, out: str | Path | None = None, format: Format = "model", texts: Sequence[str] = ()) -> Exported:
    """Write a run for others: `joyul.export("runs/x", format="onnx")`; compared on `texts`, or on rows of the run's data.

    Raises UsageError, DoesNotFit, and RunError where the outputs differ beyond `TOLERANCE`: then nothing is written.
    """
    return export_run(load(path), RunSettings(out=str(out) if out else None, format=format), texts, Notes())


def export_run(artifact: Artifact, settings: RunSettings, texts: Sequence[str], notes: Notes) -> Exported:
    """The same with settings as they are typed; `data=` names other rows to compare on. The artifact is used up."""
    kind = settings.format
    out = Path(settings.out) if settings.out else artifact.folder / "export" / kind
    check_free(out)
    if isinstance(artifact.tuned.model, Hosted):
        raise UsageError("endpoint_without_weights", found=f"{artifact.tuned.model.asker.address.model}")
    if isinstance(artifact.tuned.model, Linear):
        raise UsageError("export_no_model", found=str(artifact.folder))
    if kind == "onnx":
        _require_onnx()
    batches = _batches(artifact, settings, texts, notes)
    own = [_outputs(artifact.tuned.model, batch) for batch in batches]
    model = _plain(artifact)
    made: list[Exported] = []

    def fill(folder: Path) -> None:
        _write(folder, model, artifact, kind, batches[0])
        answer = _onnx(folder) if kind == "onnx" else _stock(folder, type(model).__name__, kind)
        found = _compared(out, kind, batches, own, answer)
        write_json(folder / PARITY_FILE, {
            "run": str(artifact.folder), "format": kind, "rows": found.rows, "largest_difference": found.difference,
            "tolerance": found.tolerance,
        })  # fmt: skip
        made.append(found)

    write_folder(out, fill)
    reason = artifact.form.why_not_plain
    if reason is not None:
        notes.warn("export_not_plain", reason=reason)
    return made[0]


def _compared(out: Path, kind: Format, batches: Sequence[Batch], own: Sequence[Tensor], answer: Answer) -> Exported:
    """The largest difference of any output that is read. Raises RunError where it is too large, or no number."""
    difference = max(float((_read(batch, answer(batch)) - mine).abs().max()) for batch, mine in zip(batches, own, strict=True))
    tolerance = TOLERANCE[kind] * max(1.0, *(float(outputs.abs().max()) for outputs in own))
    if not difference <= tolerance:
        raise RunError("export_differs", where=str(out), format=kind, difference=f"{difference:.2g}", bound=f"{tolerance:.2g}")
    return Exported(out, kind, sum(len(batch.rows) for batch in batches), difference, tolerance)


def _plain(artifact: Artifact) -> PreTrainedModel:
    """The transformers model with every adapter folded in. Raises DoesNotFit for a stage that cannot be."""
    fold(artifact.tuned)
    if artifact.tuned.stages:
        raise DoesNotFit("export_cannot_fold", stages=", ".join(method.name for method in artifact.tuned.stages))
    model = artifact.tuned.model
    assert isinstance(model, PreTrainedModel)
    return model


def _batches(artifact: Artifact, settings: RunSettings, texts: Sequence[str], notes: Notes) -> list[Batch]:
    """The rows to compare on: texts, `data=`, or the run's own test rows (its data, where those were carved from it)."""
    if texts and trained_columns(artifact).get("pair"):
        raise UsageError("pairs_need_a_file")
    rows: Sequence[Example] = [Example(str(number), {"text": composed(text)}) for number, text in enumerate(texts, start=1)]
    if not rows:
        table = read(settings.data or _own_rows(artifact), notes=notes, encoding=settings.encoding)["train"]
        as_is = artifact.form.setting.task.name in AS_IS
        rows = Examples(table, input_roles(artifact, table, settings), as_is=as_is)
    full = list(islice((row for row in rows if str(row.inputs.get("text") or "").strip()), ROWS))
    if not full:
        raise UsageError("export_needs_rows", found=str(artifact.folder))
    pieces = cut(encode(artifact.form, full, notes), TOKEN_BUDGET[device().type])
    return [_whole(artifact.form.collate(piece), artifact) for piece in pieces]


def _whole(batch: Batch, artifact: Artifact) -> Batch:
    """All that the model takes: a decoder behind an encoder begins with its first token."""
    config: Any = inner(artifact.tuned.model).config
    if config.is_encoder_decoder:
        first = config.decoder_start_token_id if config.decoder_start_token_id is not None else config.bos_token_id
        batch.inputs["decoder_input_ids"] = torch.full((len(batch.rows), 1), int(first), device=device())
    return batch


def _own_rows(artifact: Artifact) -> str:
    kept = {item.key: str(item.value) for item in read_recipe(artifact.folder / RECIPE_FILE)}
    found = next((kept[key] for key in ("test", "data") if kept.get(key) and Path(kept[key]).exists()), None)
    if found is None:
        raise UsageError("export_needs_rows", found=str(artifact.folder))
    return found


def _first(output: Any) -> Tensor:
    """Logits, or the states of a model without a head."""
    found: Tensor = output.logits if hasattr(output, "logits") else output.last_hidden_state
    return found


def _read(batch: Batch, outputs: Tensor) -> Tensor:
    """In float32 on the processor; of outputs for each token those of padding are 0, since nobody reads them."""
    found, mask = outputs.float().cpu(), batch.inputs["attention_mask"].cpu()
    return found * mask.unsqueeze(-1) if found.ndim == 3 and found.shape[:2] == mask.shape else found


@torch.no_grad()
def _outputs(model: nn.Module, batch: Batch) -> Tensor:
    return _read(batch, _first(model.eval()(**batch.inputs)))


def _write(folder: Path, model: PreTrainedModel, artifact: Artifact, kind: Format, batch: Batch) -> None:
    save_tokenizer(folder, artifact.form.setting)
    write_text(folder / PROMPT_FILE, prompt_yaml(artifact.form))
    if kind == "onnx":
        model.config.save_pretrained(folder)
        _trace(model, batch, folder / ONNX_FILE)
    else:
        torch.nn.Module.to(model, HALVES.get(kind, torch.float32)).save_pretrained(folder)


def _stock(folder: Path, architecture: str, kind: Format) -> Answer:
    """Stock transformers over the written folder."""
    opened = getattr(transformers, architecture).from_pretrained(
        folder, dtype=HALVES.get(kind, torch.float32), local_files_only=True, trust_remote_code=False, use_safetensors=True
    )
    opened.to(device())
    return lambda batch: _outputs(opened, batch)


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UsageError("export_needs_onnx") from error


class _Named(nn.Module):
    """Takes a model's inputs in order, as torch.onnx passes them, and gives its first output."""

    def __init__(self, model: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.model, self.names = model, tuple(names)

    def forward(self, *inputs: Tensor) -> Tensor:
        return _first(self.model(**dict(zip(self.names, inputs, strict=True))))


def _trace(model: PreTrainedModel, batch: Batch, file: Path) -> None:
    """The graph for any number of rows and tokens. It is traced at two rows or more: torch takes a size of one as fixed."""
    names = list(batch.inputs)
    inputs = tuple(tensor.repeat(2, 1).cpu() for tensor in batch.inputs.values())
    sizes = {0: torch.export.Dim("rows"), 1: torch.export.Dim("tokens")}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the insides of the tracer
            logging.getLogger("torch.onnx").setLevel(logging.ERROR)
            torch.onnx.export(
                _Named(model.cpu(), names).eval(), inputs, str(file), input_names=names, output_names=["output"], dynamo=True,
                dynamic_shapes=(tuple(sizes for _ in names),), verbose=False,
                external_data=sum(p.numel() * p.element_size() for p in model.parameters()) >= ONNX_SINGLE,
            )  # fmt: skip
    except torch.onnx.errors.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise DoesNotFit("export_untraceable", reason=reason) from error


def _onnx(folder: Path) -> Answer:
    """onnxruntime over the written folder, on the processor."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / ONNX_FILE), providers=["CPUExecutionProvider"])

    def answer(batch: Batch) -> Tensor:
        inputs = {name: tensor.cpu().numpy() for name, tensor in batch.inputs.items()}
        return torch.from_numpy(session.run(None, inputs)[0])

    return answer
