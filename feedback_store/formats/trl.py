"""TRL's preference formats: explicit, conversational, implicit and unpaired.

Source: https://huggingface.co/docs/trl/dataset_formats. Export is a folder that `datasets` opens: one row a comparison,
decided by majority; what has no winner is in dropped.jsonl with its reason. After the format's own keys stand
comparison_id, n, agreement, margin, policy_chosen, policy_rejected, language (`margin`: the mean strength of the
winning votes / 3, so 1/3, 2/3 or 1; 0 where no strength was asked). A comparison of more than two gives a row for each
of its pairs. Import takes explicit and conversational. Left out: edits as extra pairs, weighing people by reliability.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from feedback_store import (
    canonical,
    comparisons,
    completions,
    dataset_folder,
    incoming,
    judgments,
    policies,
    preferences,
    prompts,
)
from feedback_store.comparisons import Comparison
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import Problem, Written
from feedback_store.judgments import Judgment
from feedback_store.line_files import json_lines
from feedback_store.prompts import Prompt

OPTIONS: dict[str, tuple[str, ...]] = {"shape": ("explicit", "conversational", "implicit", "unpaired")}
ROWS_AT_ONCE = 500
ANNOTATION_KEYS = ("policy_chosen", "policy_rejected", "language")

Row = dict[str, Any]

CARD = """Each row is one comparison, decided by the majority of the people who judged it ({shape}).

- Only comparisons made for training are in it; check questions and evaluations are left out ("not for training").
- Ties, both bad, skips and even splits have no winner: they are in dropped.jsonl with their reason.
- `agreement` is the winner's share of the `n` judgments that were no skips. `margin` is the mean strength of the
  winning votes / 3 (0 where no strength was asked). Comparisons of more than two completions
  give one row for each decided pair.
- Edited completions are not in it. Equal rows of several comparisons stay.
- Train and test are split by prompt (test: the study's hold-out prompts), never by row.
- Licences and consent are those of the study's prompts, of the model that wrote the completions, and of the people
  who judged; they are not known here. Add them before you publish.
"""


def write(db: Database, folder: Path, *, shape: str) -> Written:
    """Write train.jsonl, test.jsonl, dropped.jsonl, README.md and SHA256SUMS."""
    names = {policy.id: policy.name for policy in policies.listing(db, external=True)}
    counts = Counter(dict.fromkeys(("comparisons", "pairs", "kept", "dropped"), 0))
    with dataset_folder.DatasetFiles(folder) as files:
        after = 0
        while batch := comparisons.listing(db, after_id=after, limit=ROWS_AT_ONCE):
            live = judgments.live(db, comparison_ids=[one.id for one in batch])
            for comparison in batch:
                counts["comparisons"] += 1
                own = [judgment for judgment in live if judgment.comparison_id == comparison.id]
                for pair in _pairs(db, comparison, own, names):
                    counts["pairs"] += 1
                    rows, reason = _rows(pair, shape)
                    if reason:
                        counts["dropped"] += 1
                        files.drop(_dropped_id(pair), reason)
                        continue
                    counts["kept"] += 1
                    for row in rows:
                        files.add(pair.prompt.split, row, pair.prompt.language)
            after = batch[-1].id
        files.finish(title="Preferences", text=CARD.format(shape=shape))
    return Written(
        {**counts, "rows": files.train + files.test, "train": files.train, "test": files.test}, dict(files.dropped)
    )


@dataclass(frozen=True)
class _Pair:
    comparison: Comparison
    places: tuple[int, int]
    prompt: Prompt
    texts: tuple[str, str]
    policies: tuple[str, str]
    judgments: list[Judgment]


@dataclass(frozen=True)
class Decision:
    """What the people decided on a pair: the winner's place (0 or 1) or, without one, the reason.

    `n`: judgments but for skips.
    """

    winner: int | None
    reason: str | None
    n: int
    agreement: float
    margin: float


def decide(votes: Sequence[tuple[str, int | None, bool]], skips: int = 0) -> Decision:
    """Decide a pair by majority of the votes (outcome first | tie | second, strength, both bad).

    The winner has more votes than the other one and than the ties. Pure; the reasons are the words of dropped.jsonl.
    """
    n = len(votes)
    if n == 0:
        return Decision(None, "skipped by all" if skips else "not judged", 0, 0.0, 0.0)
    tally = Counter(outcome for outcome, _, _ in votes)
    best = max(tally["first"], tally["second"])
    if 2 * sum(bad for _, _, bad in votes) > n:
        return Decision(None, "both bad", n, 0.0, 0.0)
    if tally["first"] == tally["second"] or best <= tally["tie"]:
        return Decision(None, "tie" if tally["tie"] > best else "even split", n, 0.0, 0.0)
    won = "first" if tally["first"] > tally["second"] else "second"
    strengths = [strength or 0 for outcome, strength, _ in votes if outcome == won]
    return Decision(
        ("first", "second").index(won), None, n, round(best / n, 6), round(sum(strengths) / len(strengths) / 3, 6)
    )


def _pairs(db: Database, comparison: Comparison, own: list[Judgment], names: dict[int, str]) -> Iterator[_Pair]:
    prompt = prompts.get(db, comparison.prompt_id)
    candidates = completions.get(db, comparison.completion_ids)
    for i, j in combinations(range(len(candidates)), 2):
        yield _Pair(
            comparison,
            (i, j),
            prompt,
            (candidates[i].text, candidates[j].text),
            (names[candidates[i].policy_id], names[candidates[j].policy_id]),
            own,
        )


def _rows(pair: _Pair, shape: str) -> tuple[list[Row], str | None]:
    """Return the rows of a pair, or the reason why it has none."""
    i, j = pair.places
    votes = [
        (preferences.outcome(one.ranks[i], one.ranks[j]), one.strength, one.both_bad)
        for one in pair.judgments
        if one.ranks
    ]
    decision = decide(votes, skips=len(pair.judgments) - len(votes))
    if pair.comparison.purpose != "training":
        return [], "not for training"
    if shape != "conversational" and [message["role"] for message in pair.prompt.messages] != ["user"]:
        return [], "several messages in the prompt (use the shape conversational)"
    if pair.texts[0] == pair.texts[1]:
        return [], "equal texts"
    both_bad = decision.reason == "both bad" and shape == "unpaired"
    if decision.winner is None and not both_bad:
        return [], decision.reason
    winner = decision.winner or 0
    further = {
        "comparison_id": pair.comparison.public_id,
        "n": decision.n,
        "agreement": decision.agreement,
        "margin": decision.margin,
        "policy_chosen": pair.policies[winner],
        "policy_rejected": pair.policies[1 - winner],
        "language": pair.prompt.language,
    }
    own = _own_keys(pair.prompt, pair.texts[winner], pair.texts[1 - winner], shape, both_bad)
    return [{**row, **further} for row in own], None


def _own_keys(prompt: Prompt, chosen: str, rejected: str, shape: str, both_bad: bool) -> list[Row]:
    if shape == "conversational":
        answers = {"chosen": chosen, "rejected": rejected}
        turns = {key: [{"role": "assistant", "content": text}] for key, text in answers.items()}
        return [{"prompt": prompt.messages, **turns}]
    text = prompt.messages[0]["content"]
    if shape == "implicit":
        return [{"chosen": joined(text, chosen), "rejected": joined(text, rejected)}]
    if shape == "unpaired":
        labels = ((chosen, not both_bad), (rejected, False))
        return [{"prompt": text, "completion": completion, "label": label} for completion, label in labels]
    return [{"prompt": text, "chosen": chosen, "rejected": rejected}]


def joined(prompt: str, completion: str) -> str:
    """Return prompt and completion as one text: as they are where white space parts them already, else with a line
    between.
    """
    parted = not prompt or prompt[-1].isspace() or not completion or completion[0].isspace()
    return prompt + completion if parted else f"{prompt}\n{completion}"


def _dropped_id(pair: _Pair) -> str:
    many = len(pair.comparison.completion_ids) > 2
    return f"{pair.comparison.public_id}:{pair.places[0]},{pair.places[1]}" if many else pair.comparison.public_id


def read(path: Path) -> Iterator[tuple[int, Row | Problem]]:
    """Yield (line number, row of the format `comparisons`) of a file of explicit or conversational rows."""
    yield from json_lines(path, to_comparison)


def to_comparison(row: Row) -> Row:
    """Turn an explicit or conversational row into one of the format `comparisons`. Raises InvalidInput."""
    missing = [key for key in ("prompt", "chosen", "rejected") if key not in row]
    if missing:
        raise InvalidInput(f"The row has no `{missing[0]}`. Rows of the shapes explicit and conversational are taken.")
    texts = [_text_of(row[key], key) for key in ("chosen", "rejected")]
    authors = [row.get("policy_chosen") or "chosen", row.get("policy_rejected") or "rejected"]
    extra = {key: value for key, value in row.items() if key not in ("prompt", "chosen", "rejected", *ANNOTATION_KEYS)}
    return {
        "prompt": row["prompt"],
        "completions": [{"text": text, "policy": author} for text, author in zip(texts, authors, strict=True)],
        "judgments": [{"annotator": incoming.PSEUDO_ANNOTATOR, "ranks": [1, 2]}],
        **({"language": row["language"]} if row.get("language") else {}),
        **({"trl": extra} if extra else {}),
    }


def _text_of(value: Any, key: str) -> str:
    if isinstance(value, str):
        return value
    turn = value[0] if isinstance(value, list) and len(value) == 1 else None
    if isinstance(turn, dict) and turn.get("role") == "assistant" and isinstance(turn.get("content"), str):
        return str(turn["content"])
    raise InvalidInput(
        f"`{key}` is {canonical.dumps(value)[:80]}; it has to be text, or a list of one assistant message."
    )
