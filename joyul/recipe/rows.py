"""The settings that say which rows a run is about: files, columns, labels, splits and draws."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from joyul.recipe.fields import DATA_SUFFIXES, RUN_VERBS, Doc, LabelSet, Listed, Size, sizes

TaskName = Literal["classify", "regress", "tag"]
TASKS: tuple[str, ...] = get_args(TaskName)  # those that can be trained; columns may tell of others


class RowSettings(BaseModel):
    """Where the rows are and how they are used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Annotated[str | None, Doc(
        "the rows, labelled where they teach or score: csv, tsv, jsonl, json, txt (or those packed as .gz), parquet, xlsx, a folder, a saved or hub data set",
        "데이터, 학습과 평가에는 라벨이 달린 것: csv, tsv, jsonl, json, txt(.gz 압축 포함), parquet, xlsx, 폴더, 저장된 또는 허브의 데이터 세트",
        aliases=("dataset", "dataset_name", "train_file", "train_data"), verbs=(*RUN_VERBS, "predict", "eval", "export"),
    )] = None
    valid: Annotated[str | None, Doc(
        "validation rows: a file, a share such as 0.1, or none (default: a tenth of train)",
        "검증 데이터: 파일, 0.1 같은 비율, 또는 none (기본: 학습 데이터의 10분의 1)",
        aliases=("validation_file", "val_size", "val_set_size", "split_dataset_ratio", "validation", "dev"),
    )] = None
    test: Annotated[str | None, Doc(
        "test rows, read once at the end: a file, a share, or none (default: a tenth, unless valid is given)",
        "마지막에 한 번만 쓰는 시험 데이터: 파일, 비율, 또는 none (기본: 10분의 1, valid가 있으면 없음)",
        aliases=("test_file", "test_size"),
    )] = None
    encoding: Annotated[str | None, Doc(
        "the files' encoding, where it cannot be told (utf-8, utf-16, cp949 are recognised)",
        "파일 인코딩. utf-8, utf-16, cp949는 스스로 알아봅니다", verbs=(*RUN_VERBS, "predict", "eval", "export"),
    )] = None
    text: Annotated[str | None, Doc(
        "the column that holds the text", "텍스트가 있는 열",
        aliases=("text_column", "text_column_name", "dataset_text_field"), verbs=(*RUN_VERBS, "predict", "eval", "export"),
    )] = None
    pair: Annotated[str | None, Doc(
        "the column of the second text, where rows are pairs", "문장 쌍일 때 두 번째 텍스트의 열",
        aliases=("text_pair",), verbs=(*RUN_VERBS, "predict", "eval", "export"),
    )] = None
    label: Annotated[str | None, Doc(
        "the target column", "정답이 있는 열", aliases=("target", "label_column", "label_column_name"),
        verbs=(*RUN_VERBS, "eval"),
    )] = None
    labels: Annotated[LabelSet | None, Doc(
        "the label set, e.g. negative,positive (without a target column: zero-shot), or a file of labels for the rows of data, "
        "joined by a common column (id or text)",
        "라벨의 집합, 예: 부정,긍정 (정답 열이 없으면 제로샷). 또는 데이터와 따로 있는 라벨 파일: 같은 열(id나 텍스트)로 잇습니다", aliases=("label_names", "classes"),
    )] = None
    group: Annotated[str | None, Doc(
        "a column whose equal values never fall into different splits (patient, author, thread); scores are given per group",
        "같은 값이 서로 다른 분할에 나뉘지 않게 할 열 (환자, 작성자, 대화). 그룹마다 점수를 냄", aliases=("group_column",),
        verbs=(*RUN_VERBS, "eval"),
    )] = None
    task: Annotated[TaskName | None, Doc(
        "the task, where the columns do not tell: classify (labels), regress (numbers), tag (a tag for each word or character)",
        "열만 보고 알 수 없을 때의 과제: classify (라벨), regress (숫자), tag (단어나 글자마다 태그)", aliases=("task_type",),
    )] = None
    separator: Annotated[str | None, Doc(
        "what stands between the labels of a cell, where rows have several, e.g. ;",
        "한 칸에 라벨이 여럿일 때 그 사이의 구분자, 예: ;", aliases=("label_separator", "label_delimiter"), verbs=(*RUN_VERBS, "eval"),
    )] = None
    bounds: Annotated[Listed | None, Doc(
        "regress: the ends of the scale, e.g. 0,5; predictions stay within, targets outside are refused",
        "regress: 척도의 양 끝, 예: 0,5. 예측은 그 안에 머물고 벗어난 정답은 거절함", aliases=("scale",),
    )] = None
    positive: Annotated[str | None, Doc(
        "of two labels, the one to be found (default: the second)", "라벨이 둘일 때 찾아내려는 쪽 (기본: 둘째)", aliases=("pos_label", "positive_label"),
    )] = None
    operating_point: Annotated[str | None, Doc(
        "with two labels: sensitivity=0.95 or specificity=0.9; the threshold that reaches it is chosen on validation rows",
        "라벨이 둘일 때: sensitivity=0.95 또는 specificity=0.9. 이를 만족하는 문턱값을 검증 데이터에서 고름",
    )] = None
    abstain: Annotated[float | None, Field(gt=0, lt=1), Doc(
        "withhold answers less probable than this", "확률이 이보다 낮은 답은 내지 않음", aliases=("reject_below",),
    )] = None
    shots: Annotated[Size | tuple[Size | Literal["all"], ...] | None, BeforeValidator(sizes), Doc(
        "use only this many labelled rows a class in all, validation included (compare: several, 8,16,all, for learning curves)",
        "클래스마다 이만큼의 라벨만 사용, 검증 포함 (compare에서는 8,16,all처럼 여럿: 학습 곡선)", aliases=("num_shots", "k_shot"),
    )] = None
    draws: Annotated[int | None, Field(ge=1, le=1000), Doc(
        "draw the labelled rows this many times; every method sees the same draws, the test rows stay",
        "라벨 행을 이만큼 다시 뽑음. 모든 방법이 같은 행을 보고, 시험 행은 그대로", aliases=("num_draws", "repeats"), verbs=("compare",),
    )] = None
    seeds: Annotated[int | None, Field(ge=1, le=1000), Doc(
        "train this many times in each draw, with other new weights and another order",
        "뽑을 때마다 새 가중치와 순서를 바꿔 이만큼 학습", aliases=("num_seeds",), verbs=("compare",),
    )] = None
    folds: Annotated[int | None, Field(ge=2, le=100), Doc(
        "cross-validation: every row is tested once, by what was trained on the other folds",
        "교차 검증: 모든 행을 한 번씩, 다른 겹으로 학습한 것으로 시험", aliases=("num_folds", "cv"), verbs=("compare",),
    )] = None
    budget: Annotated[str | None, Doc(
        "the longest the comparison may take: 90s, 10m or 2h", "비교에 쓸 수 있는 시간: 90s, 10m, 2h",
        aliases=("time_limit",), verbs=("compare",),
    )] = None
    tries: Annotated[int | None, Field(ge=1, le=5), Doc(
        "learning rates to try with each method, its usual one first, the others from its own grid; validation rows choose",
        "방법마다 시도할 학습률의 수. 평소 값이 먼저, 나머지는 그 방법의 격자에서. 검증 데이터로 고름",
        aliases=("num_trials", "n_trials", "trials"), verbs=("compare",),
    )] = None
    method_budget: Annotated[str | None, Doc(
        "no method begins another try after training this long: 30s, 5m", "이만큼 학습한 방법은 더 시도하지 않음: 30s, 5m",
        aliases=("search_budget",), verbs=("compare",),
    )] = None
    duplicates: Annotated[Literal["exclude", "keep"], Doc(
        "test rows whose text stands in the labelled rows too: left out of the scores, or kept",
        "라벨 행에도 있는 텍스트의 시험 행: 점수에서 뺌, 또는 둠", verbs=("compare",),
    )] = "exclude"

    @property
    def label_file(self) -> str | None:
        """`labels=` where it names a file of labelled rows."""
        only = self.labels[0] if self.labels and len(self.labels) == 1 else ""
        return only if only.lower().endswith(DATA_SUFFIXES) else None

    @property
    def label_set(self) -> tuple[str, ...] | None:
        """`labels=` where it lists the labels."""
        return None if self.label_file else self.labels
