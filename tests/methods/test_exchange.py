"""Prompts in PEFT's format against stock PEFT: the same answers where it writes them, and the faults where it does not."""

from __future__ import annotations

from pathlib import Path

import peft
import pytest
import torch
from torch import Tensor, nn

from joyul.contracts import Form
from tests.methods.test_learned import LENGTH, alone, examples, form_of, fresh, method_of, outputs, share, stirred

EXACT = (
    ("gpt2", "generate", "soft_prompt"), ("llama", "generate", "p_tuning"), ("qwen3", "generate", "soft_prompt"),
    ("t5", "generate", "soft_prompt"), ("bart", "generate", "soft_prompt"), ("gpt2", "generate", "prefix"),
    ("llama", "generate", "prefix"), ("gemma", "generate", "prefix"), ("roberta", "classify", "prefix"), ("bert", "tag", "prefix"),
)  # fmt: skip
REFUSED = (
    ("bert", "classify", "soft_prompt"), ("llama", "classify", "soft_prompt"), ("bert", "tag", "p_tuning"),
    ("t5", "generate", "prefix"), ("modernbert", "classify", "prefix"),
)  # fmt: skip


class Cut(nn.Module):
    """Stock PEFT's model, whose logits have the prompt's positions in front where it puts the prompt into the input."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, **inputs: Tensor) -> object:
        found = self.model(**inputs)
        length = inputs.get("labels", inputs["input_ids"]).shape[1]
        if found.logits.ndim == 3:
            found.logits = found.logits[:, -length:]
        return found


@pytest.mark.parametrize(("architecture", "task", "name"), EXACT, ids=["-".join(cell) for cell in EXACT])
def test_stock_peft_reads_it_and_answers_the_same(architecture: str, task: str, name: str, tmp_path: Path) -> None:
    form, method = form_of(architecture, task), method_of(name)
    rows = form.encode(examples(task))
    torch.manual_seed(0)
    model = stirred(method.insert(fresh(architecture, form), form), method)
    method.save(model, tmp_path)
    stock = Cut(peft.PeftModel.from_pretrained(fresh(architecture, form), str(tmp_path))).eval()
    assert share(alone(model, form, rows), alone(stock, form, rows)) < 1e-5


@pytest.mark.parametrize(("architecture", "task", "name"), REFUSED, ids=["-".join(cell) for cell in REFUSED])
def test_what_stock_peft_would_answer_otherwise_is_not_offered_to_it(architecture: str, task: str, name: str, tmp_path: Path) -> None:
    form, method = form_of(architecture, task), method_of(name)
    method.save(method.insert(fresh(architecture, form), form), tmp_path)
    assert not (tmp_path / "adapter_config.json").exists()


@pytest.mark.parametrize("architecture", ["llama", "qwen3"])
def test_the_fault_that_this_avoids_is_there(architecture: str) -> None:
    """A decoder's classifier under stock prompt tuning: the row alone and the same row padded differ; ours does not."""
    form: Form = form_of(architecture, "classify")
    rows = form.encode(examples("classify"))
    torch.manual_seed(0)
    stock = peft.get_peft_model(fresh(architecture, form), peft.PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=LENGTH)).eval()
    assert share(alone(stock, form, rows), outputs(stock, form, rows)) > 1e-2
