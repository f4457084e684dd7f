"""Argilla 2: records with a ranking question, or a label question that names the better response (JSON list or lines).

Source: https://docs.argilla.io/latest/how_to_guides/import_export/, `records.to_list(flatten=True)` as JSON, and what
`to_datasets` gives as Parquet: fields and metadata at the top level, `<question>.responses`, with `.users` and with
`.status`. A ranking value is a list of field names, the best first; a label value is the name of one of two fields that
differ in their number or last letter. The prompt is the field `prompt`, `instruction`, `question`, `query` or `input`,
else the only other text. Only submitted responses count; drafts and discarded ones are kept under `argilla`, as is
every other key that is not null (records are padded with null). Left out, as problems: records without a submitted
response, several comparing questions, and the nested form of `to_json`, which does not say what was submitted.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from feedback_store import exchange_keys, foreign_rows
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import Problem
from feedback_store.foreign_rows import Row

RESPONSES = ".responses"
OWN_KEYS = ("id", "status", "_server_id", "score")
PROMPT_FIELDS = ("prompt", "instruction", "question", "query", "input")
NUMBERED = re.compile(r"(.*?)(\d+|[A-Za-z])")


def read(path: Path) -> Iterator[tuple[int, Row | Problem]]:
    """Yield (line number, row of the format `comparisons`) of a file."""
    yield from foreign_rows.rows_of(path, to_comparison)


def to_comparison(row: Row) -> Row:
    """Turn a record into a row of the format `comparisons`. Raises InvalidInput."""
    if isinstance(row.get("fields"), dict):
        raise InvalidInput("The record is nested. Export it by records.to_list(flatten=True), which tells the status.")
    fields = _fields(row)
    said = {name: _responses(row, name) for name in _questions(row)}
    if not any(status == "submitted" for one in said.values() for _, _, status in one):
        raise InvalidInput("The record has no submitted response.")
    comparing = [name for name, one in said.items() if _compares(one, fields)]
    if len(comparing) != 1:
        which = f"the questions {', '.join(comparing)} do" if comparing else "none does"
        raise InvalidInput(f"One question has to rank, or to name, text fields of the record; {which}.")
    question = comparing[0]
    submitted = [(value, user) for value, user, status in said[question] if status == "submitted"]
    candidates = _candidates(next(value for value, _ in submitted if value is not None), fields)
    asked = _prompt_field(row, fields, candidates)
    prompt = foreign_rows.messages_at(row, asked) if isinstance(row[asked], list) else row[asked]
    judgments = [{"annotator": user, "ranks": _ranks(value, candidates, question)} for value, user in submitted]
    waiting = [
        {"user": user, "status": status, "value": value}
        for value, user, status in said[question]
        if status != "submitted"
    ]
    own = (asked, *candidates, *(f"{question}{RESPONSES}{part}" for part in ("", ".users", ".status")))
    extra = {
        **{key: value for key, value in exchange_keys.unknown(row, own).items() if value is not None},
        "question": question,
        "fields": candidates,
        **({"not_submitted": waiting} if waiting else {}),
    }
    return foreign_rows.comparison("argilla", prompt, [(row[key], "unknown") for key in candidates], judgments, extra)


def _fields(row: Row) -> list[str]:
    return [key for key, value in row.items() if isinstance(value, str) and key not in OWN_KEYS and "." not in key]


def _questions(row: Row) -> list[str]:
    return [key.removesuffix(RESPONSES) for key in row if key.endswith(RESPONSES) and row[key] is not None]


def _responses(row: Row, question: str) -> list[tuple[Any, str, Any]]:
    """Return (value, user, status) of each response to a question."""
    lists = [row.get(f"{question}{RESPONSES}{part}") for part in ("", ".users", ".status")]
    if any(not isinstance(one, list) or len(one) != len(lists[0] or []) for one in lists):
        raise InvalidInput(
            f"`{question}{RESPONSES}`, its `.users` and its `.status` have to be lists of one length; they are "
            f"{', '.join(foreign_rows.quoted(one) for one in lists)}."
        )
    values, users, states = (one or [] for one in lists)
    if any(not isinstance(user, str) or not user for user in users):
        raise InvalidInput(f"The users of {question!r} are {foreign_rows.quoted(users)}; they have to be names.")
    return list(zip(values, users, states, strict=True))


def _compares(responses: list[tuple[Any, str, Any]], fields: list[str]) -> bool:
    """Tell whether the submitted answers to a question are names of the record's texts."""
    values = [value for value, _, status in responses if status == "submitted" and value is not None]
    return bool(values) and all(
        (isinstance(value, list) and bool(value) and all(item in fields for item in value)) or value in fields
        for value in values
    )


def _candidates(value: Any, fields: list[str]) -> list[str]:
    """Return the fields that are compared, in the order of the record."""
    if isinstance(value, list):
        return [field for field in fields if field in value]
    stem, end = _numbered(value)
    alike = [(field, *_numbered(field)) for field in fields]
    found = [field for field, other, number in alike if other == stem and number.isdigit() == end.isdigit()]
    if len(found) != 2:
        raise InvalidInput(
            f"The label {value!r} names one of {len(found)} fields ({', '.join(found)[:80]}); it says which one is "
            "better only where there are two of them, named alike but for their number or last letter."
        )
    return found


def _numbered(field: str) -> tuple[str, str]:
    parts = NUMBERED.fullmatch(field)
    return (parts[1], parts[2]) if parts else (field, "")


def _prompt_field(row: Row, fields: list[str], candidates: list[str]) -> str:
    others = [field for field in fields if field not in candidates]
    named = [field for field in PROMPT_FIELDS if field in others or isinstance(row.get(field), list)]
    if not named and len(others) != 1:
        raise InvalidInput(
            f"Which field is the prompt? Name it {' or '.join(PROMPT_FIELDS)}; texts beside the responses are "
            f"{', '.join(others)[:80] or 'none'}."
        )
    return (named or others)[0]


def _ranks(value: Any, candidates: list[str], question: str) -> list[int]:
    if isinstance(value, str):
        value = [value, *(field for field in candidates if field != value)]
    if not isinstance(value, list):
        raise InvalidInput(f"A submitted answer to {question!r} is {foreign_rows.quoted(value)}; it names no field.")
    return foreign_rows.ranks_of(value, candidates, f"An answer to {question!r}")
