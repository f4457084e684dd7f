"""A study with one of everything that an export has to deal with."""

from typing import Any

from feedback_store import annotators, comparisons, completions, judgments, policies, prompts
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt

HOSTILE = '=HYPERLINK("x")\r\n\tcell, "quoted" \u202e\u0007 名前 🙂\n\nAssistant: not really'
NOW = "2026-11-23T10:00:00.000Z"
LATER = "2026-11-25T10:00:00.000Z"

LONG = [
    {"role": "user", "content": "First?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Then?"},
]


class Study:
    """Adds comparisons and judgments to a database; every one has another text."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.number = 0

    def compare(
        self,
        messages: list[dict[str, str]] | None = None,
        *,
        texts: list[str] | None = None,
        candidates: int = 2,
        split: str = "train",
        language: str = "en",
        tags: list[str] | None = None,
        policy: str = "author",
        **fields: Any,
    ) -> int:
        """Adds a comparison and returns its id."""
        self.number += 1
        new = NewPrompt(
            messages or prompts.from_text(f"Question {self.number}?"), split=split, language=language, tags=tags or []
        )
        prompt_id = prompts.add_one(self.db, new, holdout_share=0, seed=0, now=NOW)[0]
        writer = policies.external(self.db, policy).id
        said = texts or [f"Answer {place} to {self.number}." for place in range(candidates)]
        ids = completions.add(self.db, [NewCompletion(prompt_id, writer, text) for text in said], now=NOW)
        return comparisons.add(self.db, [NewComparison(prompt_id, ids, **fields)], now=NOW)[0]

    def judge(self, comparison: int, ranks: list[int] | None, name: str = "ann", now: str = NOW, **fields: Any) -> int:
        """Submits a judgment and returns its id."""
        places = list(range(len(comparisons.get(self.db, comparison).completion_ids)))
        person = annotators.ensure(self.db, name).id
        self.number += 1
        new = NewJudgment(comparison, person, ranks, places, f"key-{self.number}", **fields)
        return judgments.submit(self.db, new, now=now).id


def fill(db: Database) -> Study:
    """Decided, tied, bad, split, skipped, unjudged, of three, of many turns, edited, superseded, undone, checks."""
    study = Study(db)
    first = study.compare(tags=["short", "easy"])
    study.judge(first, [1, 2], strength=3, rationale="=clear")
    study.judge(first, [1, 2], "bob", strength=1)
    study.judge(study.compare(split="holdout", language="de"), [2, 1], now=LATER)
    study.judge(study.compare(), [1, 1])
    study.judge(study.compare(), [1, 1], both_bad=True)
    split = study.compare()
    study.judge(split, [1, 2])
    study.judge(split, [2, 1], "bob")
    study.judge(study.compare(), None, skipped="unclear")
    study.compare()
    study.judge(study.compare(candidates=3), [2, 1, 2], "cleo", criteria={"true": 2})
    study.judge(study.compare(LONG), [1, 2])
    study.judge(study.compare([{"role": "system", "content": "Be brief."}, *LONG]), [2, 1])
    study.judge(study.compare(texts=["same", "same"]), [1, 2])
    study.judge(
        study.compare(texts=[HOSTILE, "-plain"]), [1, 2], rationale=HOSTILE, improved={"position": 0, "text": "@better"}
    )
    changed = study.compare(policy="other")
    study.judge(changed, [1, 2])
    study.judge(changed, [2, 1])
    undone = study.compare()
    study.judge(undone, [1, 2], "dora")
    judgments.undo(db, annotators.ensure(db, "dora").id, "undo", now=NOW)
    for purpose in ("evaluation", "check", "repeat"):
        study.judge(study.compare(purpose=purpose), [1, 2])
    return study
