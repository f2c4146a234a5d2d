"""Every setting, declared once: type, bounds, words in two languages, aliases. Flags, recipes, help and errors are derived."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from joyul.recipe.fields import (
    ALL_VERBS,
    ASKING_VERBS,
    RUN_VERBS,
    Doc,
    LabelWords,
    Listed,
    Price,
    Templates,
    Trackers,
)  # fmt: skip
from joyul.recipe.rows import RowSettings
from joyul.recipe.searching import SearchSettings


class RunSettings(RowSettings):
    """What holds for a whole run. Every field may be absent; `joyul.recipe.resolve` fills what has a default."""

    base: Annotated[str, Doc(
        "the pre-trained model: a hub id, a folder, a run folder, a folder of PEFT, starter (small, English, offline), or openai:MODEL behind an endpoint",
        "사전 학습 모델: 허브 이름, 폴더, 실행 폴더, PEFT 폴더, starter (작은 영어 모델, 오프라인), 또는 서버에 있는 openai:모델이름",
        aliases=("model", "base_model", "model_name", "model_name_or_path", "pretrained_model_name_or_path"),
    )] = "starter"
    base_url: Annotated[str | None, Doc(
        "where base=openai:MODEL is served (default: OPENAI_BASE_URL, else OpenAI); its key comes from the environment",
        "base=openai:모델이름이 있는 서버 주소 (기본: OPENAI_BASE_URL, 없으면 OpenAI). 키는 환경 변수에서만 읽음",
        aliases=("api_base", "openai_api_base"), verbs=ASKING_VERBS,
    )] = None
    concurrency: Annotated[int | None, Field(ge=1, le=256), Doc(
        "requests on their way to the endpoint at a time (default: 8)", "서버에 동시에 보내는 요청 수 (기본: 8)",
        aliases=("num_concurrent", "max_concurrency"), verbs=ASKING_VERBS,
    )] = None
    rate_limit: Annotated[float | None, Field(gt=0), Doc(
        "requests a minute at most (default: as many as the endpoint takes)", "1분에 보낼 최대 요청 수 (기본: 서버가 받는 만큼)",
        aliases=("requests_per_minute", "rpm"), verbs=ASKING_VERBS,
    )] = None
    timeout: Annotated[float | None, Field(gt=0), Doc(
        "seconds to wait for an answer of the endpoint (default: 60)", "서버의 답을 기다리는 시간(초) (기본: 60)",
        aliases=("request_timeout",), verbs=ASKING_VERBS,
    )] = None
    price: Annotated[Price | None, Doc(
        "of a million tokens read and written by the endpoint, e.g. 0.15,0.60: the cost is then said before and after",
        "서버가 읽고 쓰는 백만 토큰의 값, 예: 0.15,0.60. 주면 비용을 미리, 그리고 끝난 뒤에 알려 줌", verbs=ASKING_VERBS,
    )] = None
    method: Annotated[str, Doc(
        "one stage or several joined by + (see joyul methods)", "단계 하나, 또는 +로 이은 여러 단계 (joyul methods 참고)",
        aliases=("finetuning_type", "tuner_type", "train_type", "peft_method"), verbs=("train", "lr"),
    )] = "full"
    methods: Annotated[Listed | None, Doc(
        "the methods to compare (default: every one that fits)", "비교할 방법들 (기본: 쓸 수 있는 모두)", verbs=("compare",),
    )] = None
    form: Annotated[Literal["default", "cloze", "continuation", "instruct", "similarity"] | None, Doc(
        "how rows are put to the model: default (a head), cloze (a gap that label words fill), continuation (label words come next), "
        "similarity (text against label prompts) or instruct (a model behind an endpoint answers with a label)",
        "모델에 묻는 방식: default (분류 층), cloze (라벨 단어로 채우는 빈칸), continuation (이어지는 라벨 단어), similarity (텍스트와 라벨 문장의 유사도) 또는 instruct (서버의 모델이 라벨로 답함)",
    )] = None
    template: Annotated[Templates | None, Doc(
        'the words around the text ("Review: {text}"), the label ("It was {label}.") or both; several as ["...", "..."]',
        '텍스트("리뷰: {text}")나 라벨("{label} 리뷰입니다."), 또는 둘 다를 감싸는 틀. 여럿이면 ["...", "..."]',
        aliases=("templates",),
    )] = None
    prompt: Annotated[str | None, Doc(
        "a prompt.yaml of another run, as it is or edited: it is asked as it stands there",
        "다른 실행의 prompt.yaml. 그대로든 고친 것이든 거기 적힌 대로 물음", verbs=("train",),
    )] = None
    label_words: Annotated[LabelWords | None, Doc(
        "the words that stand for each label in a prompt: 0=bad|awful,1=good|great (default: the label itself)",
        "프롬프트에서 라벨을 나타내는 단어: 0=나쁜|별로,1=좋은|훌륭한 (기본: 라벨 그대로)", aliases=("verbalizer", "answer_choices"),
    )] = None
    instruction: Annotated[str | None, Doc(
        "what is asked, before everything else in the prompt", "프롬프트 맨 앞의 지시문", aliases=("system", "system_prompt"),
    )] = None
    max_length: Annotated[int | None, Field(ge=4), Doc(
        "cut rows after this many tokens", "이 토큰 수를 넘는 부분은 자름",
        aliases=("cutoff_len", "max_seq_length", "max_seq_len", "sequence_len", "block_size"),
    )] = None
    dropout: Annotated[float | None, Field(ge=0, lt=1), Doc(
        "dropout everywhere in the model (default: the base's own)", "모델 전체의 드롭아웃 (기본: 모델 고유 값)",
        aliases=("hidden_dropout_prob",),
    )] = None
    precision: Annotated[Literal["auto", "fp32", "bf16"], Doc(
        "arithmetic: auto measures which is faster on this machine", "연산 정밀도: auto는 이 기기에서 빠른 쪽을 잽니다",
        aliases=("mixed_precision", "torch_dtype", "dtype"),
    )] = "auto"
    allow_unknown: Annotated[bool, Doc(
        "go on although the base does not know half of the tokens", "모델이 토큰의 절반을 모르더라도 계속",
    )] = False
    seed: Annotated[int, Field(ge=0, lt=2**32), Doc(
        "the first seed: split, order, new weights, dropout", "분할, 순서, 새 가중치, 드롭아웃의 시작 시드",
        aliases=("random_state", "random_seed"),
    )] = 0
    save_every: Annotated[Literal["auto", "epoch", "none"] | Annotated[int, Field(ge=1)], Doc(
        "when the state is saved to go on from: after every epoch, after so many updates, never, or auto (as often as costs next to nothing)",
        "이어서 학습할 상태를 저장하는 때: 에폭마다, 갱신 횟수마다, 저장 안 함, 또는 auto (시간이 거의 들지 않는 만큼)",
        aliases=("save_steps",), verbs=(*RUN_VERBS, "adjust"),
    )] = "auto"
    report_to: Annotated[Trackers | None, Doc(
        "also pass the numbers of each step to tensorboard, wandb or mlflow (keys and hosts come from the environment)",
        "단계마다의 수치를 tensorboard, wandb, mlflow에도 보냄 (키와 주소는 환경 변수에서만 읽음)",
        aliases=("log_with",), verbs=("train", "compare"),
    )] = None
    out: Annotated[str | None, Doc(
        "the folder (predict: the file) to write", "결과 폴더 (predict에서는 결과 파일)",
        aliases=("output_dir", "project_name", "save_dir"), verbs=(*RUN_VERBS, "predict", "eval", "export", "init"),
    )] = None
    format: Annotated[Literal["model", "fp16", "bf16", "onnx"], Doc(
        "model (plain transformers, adapters folded in), fp16 or bf16 (the same at half the size), or onnx",
        "model (어댑터를 합친 순수 transformers), fp16 또는 bf16 (절반 크기), 또는 onnx", verbs=("export",),
    )] = "model"
    overwrite: Annotated[bool, Doc(
        "write over an existing file", "이미 있는 파일을 덮어씀", verbs=("predict", "eval", "init"),
    )] = False
    lang: Annotated[Literal["en", "ko"] | None, Doc(
        "language of the messages (default: the locale's)", "메시지 언어 (기본: 시스템 언어)", verbs=ALL_VERBS,
    )] = None


class StageSettings(SearchSettings):
    """What each stage of a chain has for itself. None: the stage does not take it, or its default is not settled yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Annotated[float | None, Field(gt=0, le=10_000), Doc(
        "passes over the training rows, at most", "학습 데이터를 도는 최대 횟수", aliases=("num_train_epochs", "num_epochs", "n_epochs"), verbs=(*RUN_VERBS, "adjust"),
    )] = None
    learning_rate: Annotated[Annotated[float, Field(gt=0, le=10)] | Literal["auto"] | None, Doc(
        "the highest rate of the schedule; auto measures it first (see joyul lr)",
        "가장 높은 학습률. auto는 먼저 재어 봄 (joyul lr 참고)", aliases=("lr",), verbs=(*RUN_VERBS, "adjust"),
    )] = None
    batch_size: Annotated[int | None, Field(ge=1), Doc(
        "rows in one update, exactly", "한 번 갱신에 쓰는 행 수", aliases=("train_batch_size", "global_batch_size"),
    )] = None
    micro_batch: Annotated[int | None, Field(ge=1), Doc(
        "at most this many rows at once; only cuts the update", "한 번에 계산하는 최대 행 수. 갱신 결과는 같음",
    )] = None
    weight_decay: Annotated[float | None, Field(ge=0, lt=1), Doc("AdamW's decay of weight matrices", "AdamW 가중치 감쇠")] = None
    schedule: Annotated[Literal[
        "linear", "cosine", "cosine_with_restarts", "polynomial", "inverse_sqrt", "warmup_stable_decay", "constant",
    ] | None, Doc(
        "how the rate falls after the warm-up (restarts: 3; polynomial: power 2; stable: until the last fifth)",
        "워밍업 뒤 학습률이 줄어드는 모양 (재시작 3번, 다항식 2차, 유지 뒤 마지막 5분의 1에서 감소)",
        aliases=("lr_scheduler_type", "lr_scheduler"),
    )] = None
    warmup: Annotated[float | None, Field(ge=0, lt=1), Doc(
        "share of the updates in which the rate rises", "학습률이 올라가는 구간의 비율", aliases=("warmup_ratio",),
    )] = None
    clip: Annotated[float | None, Field(gt=0), Doc(
        "longest gradient (2-norm)", "그래디언트의 최대 길이 (2-노름)", aliases=("max_grad_norm", "gradient_clipping"),
    )] = None
    label_smoothing: Annotated[float | None, Field(ge=0, lt=1), Doc(
        "share of the target given to the other labels", "다른 라벨에 나누어 주는 정답의 비율", aliases=("label_smoothing_factor",),
    )] = None
    class_weights: Annotated[Literal["none", "balanced"] | None, Doc(
        "balanced gives rare labels the same say", "balanced는 드문 라벨에 같은 무게를 줌", aliases=("class_weight",),
    )] = None
    patience: Annotated[Annotated[int, Field(ge=1)] | Literal["none"] | None, Doc(
        "stop after this many epochs without a better validation score; none trains to the end",
        "검증 점수가 이만큼의 에폭 동안 나아지지 않으면 멈춤, none은 끝까지 학습", aliases=("early_stopping_patience", "early_stopping"), verbs=(*RUN_VERBS, "adjust"),
    )] = None
    average: Annotated[bool | None, Doc(
        "from the middle of the run on, validate and keep the mean of the weights so far instead of the last ones",
        "학습 중반부터는 마지막 가중치 대신 그때까지의 평균 가중치를 검증하고 남김", aliases=("swa", "stochastic_weight_avg", "weight_averaging"),
    )] = None
    gradient_checkpointing: Annotated[bool | None, Doc(
        "compute activations twice instead of keeping them: less memory, about a third more time, the same gradients",
        "활성값을 보관하지 않고 두 번 계산: 메모리를 아끼고 시간은 3분의 1쯤 늘며 그래디언트는 같음", aliases=("activation_checkpointing", "use_gradient_checkpointing"),
    )] = None
    top_layers: Annotated[int | None, Field(ge=1), Doc(
        "only the top n layers: those that move (layers), or that adapters or prefixes stand in (lora and its kin, prefix)",
        "위쪽 n개 층만: 학습할 층(layers), 또는 어댑터나 프리픽스를 둘 층(lora 등, prefix)", aliases=("freeze_trainable_layers", "num_trainable_layers"),
    )] = None
    layer_decay: Annotated[float | None, Field(gt=0, le=1), Doc(
        "each layer's learning rate is this times that of the layer above; the head has the whole rate",
        "층마다 바로 위층 학습률의 이 배수를 씀. 분류 층은 학습률 그대로", aliases=("layerwise_lr_decay", "layer_wise_lr_decay", "lr_layer_decay", "llrd"),
    )] = None
    head_rate: Annotated[float | None, Field(gt=0, le=1000), Doc(
        "a head drawn for this run learns this many times as fast as the rest",
        "이번 실행에서 새로 만든 분류 층은 나머지보다 이 배수만큼 빠르게 학습", aliases=("head_lr_multiplier", "classifier_lr_multiplier"),
    )] = None
    unfreeze: Annotated[Literal["at_once", "gradual"] | None, Doc(
        "gradual: the head first, then layer by layer from the top; all of them move from the middle of the run on",
        "gradual: 분류 층부터, 위에서 아래로 한 층씩 풀어 학습 중반부터는 모두 움직임",
    )] = None
    rank: Annotated[int | None, Field(ge=1), Doc(
        "rank of the adapters' matrices", "어댑터 행렬의 랭크", aliases=("r", "lora_rank", "lora_r", "lora_dim"),
    )] = None
    lora_alpha: Annotated[float | None, Field(gt=0), Doc(
        "adapters count lora_alpha / rank times", "어댑터에 곱하는 크기: lora_alpha / rank", aliases=("alpha",),
    )] = None
    lora_dropout: Annotated[float | None, Field(ge=0, lt=1), Doc(
        "dropout in front of the adapters", "어댑터 앞의 드롭아웃", aliases=("adapter_dropout",),
    )] = None
    targets: Annotated[Listed | None, Doc(
        "the modules that get adapters, by the ends of their names (query,value), or all-linear",
        "어댑터를 붙일 모듈. 이름의 끝부분(query,value) 또는 all-linear", aliases=("target_modules", "lora_target", "lora_target_modules"),
    )] = None
    dora: Annotated[bool | None, Doc("weight-decomposed adapters (DoRA)", "크기와 방향을 나눈 어댑터 (DoRA)", aliases=("use_dora", "peft_use_dora"))] = None
    rslora: Annotated[bool | None, Doc(
        "adapters count lora_alpha / sqrt(rank) times (rsLoRA)", "어댑터 크기를 lora_alpha / sqrt(rank)로 (rsLoRA)", aliases=("use_rslora", "peft_use_rslora"),
    )] = None

    prompt_length: Annotated[int | None, Field(ge=1, le=1000), Doc(
        "learned vectors beside the text; every one of them is read with every row",
        "텍스트 곁에 두는 학습 벡터의 수. 모든 행에서 함께 읽힘", aliases=("num_virtual_tokens", "pre_seq_len", "prefix_length", "n_tokens"),
    )] = None
    prompt_init: Annotated[str | None, Doc(
        "what they start from: labels (words of the template and the labels, then of the vocabulary), vocabulary, random, or a text",
        "시작 값: labels (틀과 라벨의 단어, 나머지는 어휘에서), vocabulary (어휘에서), random, 또는 어떤 글",
        aliases=("prompt_tuning_init_text", "initialize_from"),
    )] = None
    reparametrisation: Annotated[Literal["none", "mlp", "residual"] | None, Doc(
        "a small network that the vectors pass while they are learned: none, mlp (in their place), residual (beside them)",
        "학습하는 동안 벡터가 거치는 작은 신경망: none, mlp (대신), residual (더하기)", aliases=("reparameterization",),
    )] = None
    position: Annotated[Literal["before", "after"] | None, Doc(
        "where they stand: before the text, or after it (causal models: texts are read once, an update then costs the vectors alone)",
        "벡터의 자리: before (텍스트 앞) 또는 after (텍스트 뒤. 인과 언어 모델은 텍스트를 한 번만 읽고, 그 뒤로는 벡터만 계산)", aliases=("prompt_position",),
    )] = None

    pairs: Annotated[Literal["labels", "dropout"] | None, Doc(
        "what belongs together: rows of one label, or each row with itself under other dropout (SimCSE)",
        "무엇을 가까이 모을지: labels (같은 라벨의 행) 또는 dropout (드롭아웃만 다른 같은 행, SimCSE)",
    )] = None
    temperature: Annotated[float | None, Field(gt=0), Doc(
        "divides the similarities of rows: the lower, the more the nearest rows count",
        "행 사이의 유사도를 나누는 값. 낮을수록 가까운 행이 중요해짐", aliases=("tau",),
    )] = None

    joint: Annotated[bool | None, Doc(
        "what the stages before moved goes on moving, each at its own rate, instead of being folded in and frozen",
        "앞 단계에서 학습한 것도 합치거나 고정하지 않고 각자의 학습률로 계속 움직임", aliases=("train_jointly",),
    )] = None


MODELS: tuple[type[BaseModel], ...] = (RunSettings, StageSettings)
RUN_KEYS = tuple(RunSettings.model_fields)
STAGE_KEYS = tuple(StageSettings.model_fields)


def doc(key: str) -> Doc:
    """The words and aliases of a setting."""
    model = RunSettings if key in RunSettings.model_fields else StageSettings
    return next(item for item in model.model_fields[key].metadata if isinstance(item, Doc))


def keys_of(verb: str) -> tuple[str, ...]:
    """The settings a verb takes, in the order of declaration."""
    return tuple(key for key in (*RUN_KEYS, *STAGE_KEYS) if verb in doc(key).verbs)


ALIASES = {alias: key for key in (*RUN_KEYS, *STAGE_KEYS) for alias in doc(key).aliases}
