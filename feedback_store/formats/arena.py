"""Chatbot Arena: two models' answers and who won (JSON lines, JSON list, Parquet, or the Kaggle CSV).

Source: https://huggingface.co/datasets/lmsys/chatbot_arena_conversations (`question_id`, `model_a`, `model_b`,
`winner`, `judge`, `conversation_a` and `_b`, `turn`, `language`, `tstamp`) and
https://www.kaggle.com/competitions/lmsys-chatbot-arena/data (.csv). `tie (bothbad)` is both bad; `judge` is the person;
A was on the left. Of a conversation the last answer is compared and what comes before it is the prompt. Left out, as
problems: conversations whose models had said different things before, for they have no common prompt; answers that are
null. Languages get their codes where they are known here ("unknown" is `und`). Other keys are kept under `arena`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feedback_store import canonical, exchange_keys, foreign_rows
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import Problem
from feedback_store.foreign_rows import Message, Row
from feedback_store.line_files import csv_rows, suffix_of

KEYS = ("model_a", "model_b", "winner", "conversation_a", "conversation_b")
OWN_KEYS = (*KEYS, "judge", "language", "tstamp")
VERDICTS: dict[str, Row] = {
    "model_a": {"ranks": [1, 2]},
    "model_b": {"ranks": [2, 1]},
    "tie": {"ranks": [1, 1]},
    "tie (bothbad)": {"ranks": [1, 1], "both_bad": True},
}
CSV_KEYS = (
    "model_a", "model_b", "prompt", "response_a", "response_b", "winner_model_a", "winner_model_b", "winner_tie",
)  # fmt: skip
CSV_VERDICTS = dict(zip(("100", "010", "001"), ("model_a", "model_b", "tie"), strict=True))
# Names as the Arena writes them, with their codes of ISO 639-1.
LANGUAGES = {
    "Arabic": "ar", "Bulgarian": "bg", "Catalan": "ca", "Chinese": "zh", "Czech": "cs", "Danish": "da", "Dutch": "nl",
    "English": "en", "Finnish": "fi", "French": "fr", "German": "de", "Greek": "el", "Hebrew": "he", "Hungarian": "hu",
    "Indonesian": "id", "Italian": "it", "Japanese": "ja", "Korean": "ko", "Norwegian": "no", "Persian": "fa",
    "Polish": "pl", "Portuguese": "pt", "Romanian": "ro", "Russian": "ru", "Spanish": "es", "Swedish": "sv",
    "Thai": "th", "Turkish": "tr", "Ukrainian": "uk", "Vietnamese": "vi", "unknown": "und",
}  # fmt: skip


def read(path: Path) -> Iterator[tuple[int, Row | Problem]]:
    """Yield (line number, row of the format `comparisons`) of a file. Raises InvalidInput for another CSV."""
    if suffix_of(path) == ".csv":
        yield from csv_rows(path, CSV_KEYS, of_cells)
    else:
        yield from foreign_rows.rows_of(path, to_comparison)


def to_comparison(row: Row) -> Row:
    """Turn a row of the Arena's own data into one of the format `comparisons`. Raises InvalidInput."""
    foreign_rows.require_keys(row, KEYS)
    parted = [foreign_rows.last_answer(foreign_rows.messages_at(row, key), key) for key in KEYS[-2:]]
    prompt = foreign_rows.shared_prompt(parted[0][0], parted[1][0], "conversation_a and conversation_b")
    if not isinstance(row["winner"], str) or row["winner"] not in VERDICTS:
        raise InvalidInput(f"`winner` is {foreign_rows.quoted(row['winner'])}; allowed are {', '.join(VERDICTS)}.")
    judge = {} if row.get("judge") is None else {"annotator": foreign_rows.text_at(row, "judge")}
    judgment = {**foreign_rows.vote(**VERDICTS[row["winner"]]), **judge, "shown": [0, 1], **_when(row.get("tstamp"))}
    models = [foreign_rows.text_at(row, key) for key in KEYS[:2]]
    completions = [(text, model) for (_, text), model in zip(parted, models, strict=True)]
    language = None if row.get("language") is None else foreign_rows.text_at(row, "language")
    return foreign_rows.comparison(
        "arena", prompt, completions, [judgment], exchange_keys.unknown(row, OWN_KEYS),
        language=LANGUAGES.get(language or "", language or None),
    )  # fmt: skip


def of_cells(cells: dict[str, str]) -> Row:
    """Turn a row of the Kaggle CSV into one of the format `comparisons`. Raises InvalidInput."""
    foreign_rows.require_keys(cells, CSV_KEYS)
    sides = [_conversation(cells, f"response_{side}") for side in "ab"]
    flags = "".join(cells[key] for key in CSV_KEYS[-3:])
    if flags not in CSV_VERDICTS:
        raise InvalidInput(
            f"winner_model_a, winner_model_b and winner_tie are {', '.join(cells[key][:20] for key in CSV_KEYS[-3:])}; "
            "exactly one of them has to be 1, the others 0."
        )
    further = exchange_keys.unknown(cells, CSV_KEYS)
    models = {key: cells[key] for key in ("model_a", "model_b")}
    conversations = {"conversation_a": sides[0], "conversation_b": sides[1]}
    return to_comparison({**further, **models, **conversations, "winner": CSV_VERDICTS[flags]})


def _conversation(cells: dict[str, str], key: str) -> list[Message]:
    """Return the turns of a prompt cell and a response cell: JSON lists of texts, equally long."""
    asked, said = (_texts(cells[name], name) for name in ("prompt", key))
    if len(asked) != len(said):
        raise InvalidInput(f"`prompt` has {len(asked)} turns and `{key}` has {len(said)}; they have to be as many.")
    pairs = zip(asked, said, strict=True)
    return [
        {"role": role, "content": text}
        for pair in pairs
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]


def _texts(cell: str, key: str) -> list[str]:
    texts = canonical.loads(cell)
    if not isinstance(texts, list) or any(not isinstance(text, str) for text in texts):
        raise InvalidInput(f"`{key}` is {cell[:80]}; it has to be a JSON list of texts.")
    return texts


def _when(seconds: Any) -> Row:
    """Return the moment of a judgment, given in seconds since 1970."""
    if seconds is None:
        return {}
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise InvalidInput(f"`tstamp` is {foreign_rows.quoted(seconds)}; it has to be seconds since 1970.") from error
    return {"at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
