"""Label Studio, pairwise comparison: tasks with annotations (its JSON export: one list; lines are taken as well).

Source: https://labelstud.io/tags/pairwise and https://labelstud.io/guide/task_format. `selected` is left or right:
`to_name` of the result names the texts in `data`, the left one first. A person is `completed_by` (a number becomes
"label-studio-2", or it is an object with `email` or `id`); `was_cancelled` is a skip, and so is an annotation without a
choice; `lead_time` is in seconds. The prompt is `data.prompt`, else the only other text. Left out, as problems: tasks
that nobody looked at, or whose texts are not named in `data` as in `to_name`. Other keys are kept under `label-studio`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from feedback_store import exchange_keys, foreign_rows
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import Problem
from feedback_store.foreign_rows import Row

NAME = "label-studio"
SIDES = {"left": 0, "right": 1}
CANCELLED = "cancelled in Label Studio"
UNANSWERED = "nothing selected in Label Studio"
OWN_KEYS = ("result", "completed_by", "was_cancelled", "lead_time", "created_at")


def read(path: Path) -> Iterator[tuple[int, Row | Problem]]:
    """Yield (line number, row of the format `comparisons`) of a file."""
    yield from foreign_rows.rows_of(path, to_comparison)


def to_comparison(task: Row) -> Row:
    """Turn a task into a row of the format `comparisons`. Raises InvalidInput."""
    foreign_rows.require_keys(task, ("data", "annotations"))
    data, annotations = task["data"], task["annotations"]
    if not isinstance(data, dict):
        raise InvalidInput(f"`data` is {foreign_rows.quoted(data)}; it has to be an object.")
    if not isinstance(annotations, list) or any(not isinstance(one, dict) for one in annotations):
        raise InvalidInput(f"`annotations` is {foreign_rows.quoted(annotations)}; it has to be a list of objects.")
    if not annotations:
        raise InvalidInput("The task has no annotation.")
    choices = [_choice(one) for one in annotations]
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    names = _names(choices, texts)
    asked = _prompt_name(texts, names)
    judgments = [_judgment(one, choice, names) for one, choice in zip(annotations, choices, strict=True)]
    extra = {
        **exchange_keys.unknown(task, ("data", "annotations")),
        "data": exchange_keys.unknown(data, (asked, *names)),
        "names": names,
    }
    return foreign_rows.comparison(NAME, texts[asked], [(texts[name], "unknown") for name in names], judgments, extra)


def _choice(annotation: Row) -> tuple[list[str], str] | None:
    """Return (the names of the left and the right text, the side selected), or None where nothing was."""
    results = annotation.get("result") or []
    if not isinstance(results, list) or any(not isinstance(one, dict) for one in results):
        raise InvalidInput(f"`result` is {foreign_rows.quoted(results)}; it has to be a list of objects.")
    found = [one for one in results if one.get("type") == "pairwise"]
    if not found or annotation.get("was_cancelled"):
        return None
    if len(found) > 1:
        raise InvalidInput("An annotation has two pairwise results; keep one pairwise question a task.")
    value = found[0].get("value")
    side = value.get("selected") if isinstance(value, dict) else None
    if not isinstance(side, str) or side not in SIDES:
        raise InvalidInput(f"`selected` is {foreign_rows.quoted(side)}; allowed are left and right.")
    names = [name.strip() for name in foreign_rows.text_at(found[0], "to_name").split(",")]
    if len(set(names)) != 2:
        raise InvalidInput(f"`to_name` is {foreign_rows.quoted(found[0]['to_name'])}; it has to name two texts.")
    return names, side


def _names(choices: list[tuple[list[str], str] | None], texts: dict[str, str]) -> list[str]:
    """Return the names of the two texts as the first choice has them; without a choice, the only two it can be."""
    chosen = [choice[0] for choice in choices if choice]
    names = chosen[0] if chosen else [name for name in texts if name != "prompt"]
    if len(names) != 2 or ("prompt" not in texts and not chosen):
        raise InvalidInput("Everybody skipped this task, and its data does not tell which two texts were compared.")
    for one in chosen:
        if set(one) != set(names):
            raise InvalidInput(f"The annotations compare different texts: {', '.join(names)} and {', '.join(one)}.")
    for name in names:
        if name not in texts:
            raise InvalidInput(
                f"`to_name` names {name!r}, which is no text in `data` (it has {', '.join(texts)[:80] or 'none'}). "
                'Name the tags of the labelling interface as their data, as in <Text name="a" value="$a"/>.'
            )
    return names


def _prompt_name(texts: dict[str, str], names: list[str]) -> str:
    others = [name for name in texts if name not in names]
    if "prompt" not in others and len(others) != 1:
        raise InvalidInput(
            f"Which text is the prompt? Name it prompt; texts beside the two are {', '.join(others)[:80] or 'none'}."
        )
    return "prompt" if "prompt" in others else others[0]


def _judgment(annotation: Row, choice: tuple[list[str], str] | None, names: list[str]) -> Row:
    extra = exchange_keys.unknown(annotation, OWN_KEYS)
    others = [one for one in annotation.get("result") or [] if one.get("type") != "pairwise"]
    return {
        "annotator": _person(annotation.get("completed_by")),
        **_verdict(annotation, choice, names),
        "milliseconds": _milliseconds(annotation.get("lead_time")),
        "at": annotation.get("created_at"),
        **({NAME: {**extra, **({"result": others} if others else {})}} if extra or others else {}),
    }


def _verdict(annotation: Row, choice: tuple[list[str], str] | None, names: list[str]) -> Row:
    if choice is None:
        return {"ranks": None, "skipped": CANCELLED if annotation.get("was_cancelled") else UNANSWERED}
    shown, side = choice
    best = shown[SIDES[side]]
    return {"shown": [names.index(name) for name in shown], "ranks": [1 if name == best else 2 for name in names]}


def _person(who: Any) -> str:
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    if isinstance(who, str) and who.strip():
        return who
    if isinstance(who, int) and not isinstance(who, bool):
        return f"{NAME}-{who}"
    raise InvalidInput(f"`completed_by` is {foreign_rows.quoted(who)}; it has to be a person's number.")


def _milliseconds(seconds: Any) -> int | None:
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < 1e12:
        raise InvalidInput(f"`lead_time` is {foreign_rows.quoted(seconds)}; it has to be seconds.")
    return round(1000 * seconds)
