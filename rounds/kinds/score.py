"""Scores for the completions of a file in the format `comparisons` (runs/N/input.jsonl), into runs/N/scores.jsonl.

Where people of the study answered criteria, a score by each of them stands beside. Where the file has judgments: all
figures of the reward on them, and the best that any reward could show where people judged the same pairs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from feedback_store import comparisons, line_files, preferences, prompts
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import Problem
from reward_training.criteria_heads import CriteriaHeads
from reward_training.human_ceiling import human_ceiling, said_of
from reward_training.records import Pair, Text
from reward_training.training import figures
from rounds.context import RunContext
from rounds.plain import plain
from rounds.resuming import INPUT
from rounds.settings import StudySettings
from rounds.texts import with_system_prompt

BATCH = 32
OUTPUT = "scores.jsonl"
SHOWN_PROBLEMS = 20
FINISHED = {"stop": True, "length": False}


class UnusableInput(ValueError):
    """The file cannot be scored."""


def run(context: RunContext) -> dict[str, Any]:
    """Score every completion; a line that cannot be read is reported in the run's log and counted."""
    row = context.models.reward_row(context.settings.reward_model)
    model = context.models.reward(row)
    rows, problems = _read(context)
    lines = [text for _, _, line_texts in rows for text in line_texts]
    texts = list({id(text): text for text in lines}.values())  # one that stands in several lines is read once
    criteria = CriteriaHeads.load(context.models.folder(row.folder))
    scores: dict[str | None, list[float]] = {None: [], **{name: [] for name in criteria.heads}}
    cut = 0
    for start in range(0, len(texts), BATCH):
        context.between_steps("scoring", step=start, steps=len(texts))
        part = texts[start : start + BATCH]
        cut += model.read_in_part(part)
        features = model.all_features(part)
        scores[None] += model.score_features(features)
        for name, by_criterion in criteria.scores(model.standard(features)).items():
            scores[name] += by_criterion
    if cut:
        context.log(
            f"{cut} texts are longer than the {model.tokens_per_text} tokens that the reward reads of a prompt with "
            "its completion: of the prompt it reads the end, of the completion the beginning.",
            level="warning",
        )
    place = {id(text): number for number, text in enumerate(texts)}
    _write(context, rows, {name: [read[place[id(text)]] for text in lines] for name, read in scores.items()})
    pairs = [pair for _, record, line_texts in rows for pair in judged_pairs(record, line_texts)]
    result: dict[str, Any] = {
        "reward_model": row.name,
        "rows": len(rows),
        "completions": len(lines),
        "cut": cut,
        "problems": len(problems),
        "criteria": list(criteria.heads),
    }
    if pairs:
        context.report("comparing with the judgments")
        scored = {one: scores[None][number] for one, number in place.items()}
        result["judged"] = plain({**figures(model, pairs, scored), "ceiling": human_ceiling(said_of(pairs))})
    return result


def _read(context: RunContext) -> tuple[list[tuple[int, dict[str, Any], list[Text]]], list[str]]:
    """(line number, record, texts) of each line that can be read, and what was wrong with the others."""
    path = context.file(INPUT)
    if not path.is_file():
        raise UnusableInput(f"The run's folder has no {INPUT}. Start it again with the file.")
    rows: list[tuple[int, dict[str, Any], list[Text]]] = []
    same: dict[str, Text] = {}  # several lines may hold the same text, which several people judged
    problems: list[str] = []
    for number, found in line_files.json_lines(path, lambda record: (record, texts_of(record, context.study))):
        if isinstance(found, Problem):
            problems.append(f"Line {number} is no comparison: {found.reason}")
        else:
            record, texts = found
            rows.append((number, record, [same.setdefault(_key(one), one) for one in texts]))
    for problem in problems[:SHOWN_PROBLEMS]:
        context.log(problem, level="warning")
    if not rows:
        raise UnusableInput(f"No line of the file is a comparison. {problems[0] if problems else 'It is empty.'}")
    return rows, problems


def _key(text: Text) -> str:
    return json.dumps([[dict(turn) for turn in text.prompt], text.completion, text.finished])


def texts_of(record: dict[str, Any], study: StudySettings) -> list[Text]:
    """The completions of a row with its prompt. Raises InvalidInput for what is no comparison, judgments included."""
    prompt = record.get("prompt")
    messages: Any = prompts.from_text(prompt) if isinstance(prompt, str) else prompt
    prompts.check_messages(messages, "prompt")
    turns = with_system_prompt([{"role": turn["role"], "content": turn["content"]} for turn in messages], study)
    shown = record.get("completions")
    if not isinstance(shown, list) or not all(
        isinstance(one, dict) and isinstance(one.get("text"), str) for one in shown
    ):
        raise InvalidInput(f"`completions` is {str(shown)[:80]!r}; it has to be a list of objects, each with a `text`.")
    _check_judgments(record.get("judgments") or [], len(shown))
    return [Text(turns, one["text"], FINISHED.get(str(one.get("finish_reason")))) for one in shown]


def _check_judgments(judgments: Any, candidates: int) -> None:
    if not isinstance(judgments, list) or not all(isinstance(one, dict) for one in judgments):
        raise InvalidInput(f"`judgments` is {str(judgments)[:80]!r}; it has to be a list of objects.")
    for one in judgments:
        if one.get("ranks") is not None:
            comparisons.check_ranks(one["ranks"], candidates, "ranks")
        for name in ("key", "supersedes"):
            if not isinstance(one.get(name), str | None):
                raise InvalidInput(f"`{name}` of a judgment is {str(one[name])[:80]!r}; it has to be text.")


def judged_pairs(record: dict[str, Any], texts: Sequence[Text]) -> Iterator[Pair]:
    """The pairs that the record's live judgments decide or tie; a ranking of K counts as K(K-1)/2 pairs. Their group,
    the unit of intervals, is the one that the record names, else its prompt.
    """
    group = record.get("group") or json.dumps(record.get("prompt"), sort_keys=True)
    judgments = record.get("judgments") or []
    superseded = {judgment.get("supersedes") for judgment in judgments} - {None}
    for judgment in judgments:
        ranks = judgment.get("ranks")
        if ranks is None or judgment.get("key") in superseded or judgment.get("skipped"):
            continue
        for first, second, outcome, weight in preferences.pairs_of(ranks):
            yield Pair(
                first=texts[first],
                second=texts[second],
                outcome=outcome,
                group=str(group),
                holdout=True,
                weight=weight,
                annotator=None if judgment.get("annotator") is None else str(judgment["annotator"]),
            )


def _write(
    context: RunContext,
    rows: Sequence[tuple[int, dict[str, Any], list[Text]]],
    scores: Mapping[str | None, Sequence[float]],
) -> None:
    """One line for each line that was read: its number, the scores in the order of its completions, and those by each
    criterion where there are any. `scores`: of all texts, the reward's own under None.
    """
    start, lines = 0, []
    for number, _, texts in rows:
        parts = {name: list(values[start : start + len(texts)]) for name, values in scores.items()}
        start += len(texts)
        line: dict[str, Any] = {"line": number, "scores": parts.pop(None)}
        lines.append(json.dumps({**line, "criteria": parts} if parts else line, ensure_ascii=False))
    context.file(OUTPUT).write_text("\n".join(lines) + "\n", encoding="utf-8")
