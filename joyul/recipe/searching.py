"""What the search for a prompt takes, declared as all settings are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from joyul.recipe.fields import Doc


class SearchSettings(BaseModel):
    """Settings of the stage `prompt`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    search: Annotated[Literal["given", "wide"] | None, Doc(
        "prompt: given tries the templates given, each, all together and calibrated, wide also usual ones, edits, demonstrations "
        "and label words "
        "(default: wide unless template= or prompt= is given; of an endpoint, where every try is paid, given, and wide adds "
        "demonstrations alone)",
        "prompt: given은 준 틀을 하나씩, 모두 함께, 보정해서. wide는 흔한 틀, 고친 틀, 예시, 라벨 단어까지 "
        "(기본: template=도 prompt=도 없으면 wide. 물을 때마다 값을 치르는 엔드포인트에서는 given이고, wide는 예시만 더함)",
    )] = None
    candidates: Annotated[int | None, Field(ge=1, le=1000), Doc(
        "prompt: edits tried in a round", "prompt: 한 번에 시도하는 고친 틀의 수", aliases=("num_candidates",),
    )] = None
    demonstrations: Annotated[int | None, Field(ge=0, le=64), Doc(
        "prompt: solved examples of each label at most, drawn or the most like each row (0: none)",
        "prompt: 라벨마다 보여 줄 예시의 최대 수. 뽑은 것이거나 각 행과 가장 비슷한 것 (0: 없음)",
        aliases=("num_fewshot", "k_demonstrations"),
    )] = None
    proposals: Annotated[int | None, Field(ge=0, le=64), Doc(
        "prompt: instructions that the base itself writes after labelled rows, tried like the others (default: 0; for bases "
        "that write, and endpoints)",
        "prompt: 모델이 라벨 행을 보고 스스로 써서 다른 것들과 함께 시도할 지시문의 수 (기본: 0. 글을 쓰는 모델이나 엔드포인트)",
        aliases=("num_instruct_candidates",),
    )] = None
