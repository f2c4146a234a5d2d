"""What columns are called, in English and Korean. Compared without case, with `_` for blanks and hyphens.

Of a tuple the first name that the table has is taken; of a set, the first such column of the table.
"""

from __future__ import annotations

import re
import unicodedata

Names = tuple[str, ...] | frozenset[str]

ID = ("id", "row_id", "doc_id", "document_id", "sample_id", "item_id", "uid", "guid", "uuid", "아이디", "번호", "일련번호")
TEXT = (
    "text", "texts", "sentence", "document", "review", "comment", "content", "utterance", "query", "message", "body",
    "input", "inputs", "문장", "텍스트", "본문", "내용", "리뷰", "후기", "댓글", "발화", "문서",
    "question", "질문", "질의", "premise", "article", "passage", "paragraph", "story", "title", "제목",
)  # fmt: skip
LABEL = (
    "label", "labels", "class", "category", "intent", "sentiment", "emotion", "topic", "gold_label", "target", "y",
    "라벨", "레이블", "분류", "범주", "감성", "감정", "의도", "주제", "정답라벨",
)  # fmt: skip
SCORE = ("score", "similarity", "rating", "stars", "star", "점수", "평점", "별점", "유사도")
TAGS = ("tags", "ner_tags", "pos_tags", "bio_tags", "bio", "태그", "개체명")
WORDS = ("tokens", "words", "토큰", "단어")
QUESTION = ("question", "query", "질문", "질의", "q")
ANSWER = ("answers", "answer", "response", "답변", "정답", "답", "a")
LONG_ANSWER = ("long_answer",)
CONTEXT = ("context", "passage", "paragraph", "지문", "문맥", "본문")
DOCUMENT = ("document", "article", "text", "dialogue", "본문", "원문", "문서", "기사")
SUMMARY = ("summary", "summaries", "highlights", "abstractive", "요약", "요약문")
SOURCE, TARGET = ("source", "src", "원문"), ("target", "tgt", "번역", "번역문")
LANGUAGES = frozenset((
    "en", "ko", "ja", "zh", "de", "fr", "es", "pt", "ru", "it", "vi", "th", "ar", "hi", "nl", "pl", "tr", "sv",
    "eng", "kor", "jpn", "zho", "deu", "fra", "spa",
    "english", "korean", "japanese", "chinese", "german", "french", "spanish", "영어", "한국어", "일본어", "중국어",
))  # fmt: skip
TURNS = ("messages", "conversations", "conversation", "대화")
INSTRUCTION, INSTRUCTION_INPUT = ("instruction", "지시", "명령어"), ("input", "context", "입력")
OUTPUT = ("output", "response", "answer", "출력")
PROMPT, COMPLETION = ("prompt",), ("completion", "response", "chosen")
LINE = ("line", "로그")
LOG_CONTENT = ("content", "message", "text", "line")
LOG_TEMPLATE = ("eventtemplate", "event_template", "template")
LOG_NUMBER = ("lineid", "line_id")
CHOICES = (("choice1",), ("choice2",))
PAIRS: tuple[tuple[Names, Names], ...] = (
    (("sentence1", "sentence_1", "문장1"), ("sentence2", "sentence_2", "문장2")),
    (("premise", "전제"), ("hypothesis", "가설")),
    (("text",), ("text_pair",)),
    (("text1", "text_1", "text_a"), ("text2", "text_2", "text_b")),
    (("question1",), ("question2",)),
    (("text", "premise", "본문", "지문"), QUESTION),
    (QUESTION, CONTEXT),
)


def folded(name: str) -> str:
    """A column's name as the tables above write it."""
    return re.sub(r"[\s-]+", "_", unicodedata.normalize("NFC", name).strip().casefold())
