"""A study in the middle of its work, with people of every role: something to see on every page and in every tab."""

from dataclasses import dataclass

import accounts_at_hand
from feedback_store import comparisons, completions, consents, guidelines, information_texts, policies, prompts
from feedback_store.accounts import Role
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.prompts import NewPrompt
from role_study import fill_for_roles
from rounds import studies

GUIDELINE = "# What counts\n\n- Right before long.\n- **One** thought a sentence.\n\nWhere both are wrong, say so."
ANSWERS = (
    "A rainbow appears when sunlight is split inside drops of rain.\n\n- red is bent least\n- violet is bent most",
    "Rainbows are made by the sun and rain together. Light goes in, turns round at the back, comes out in colours.",
    "It is light.",
    "Drops of water act as small prisms: each sends one colour to your eye, and many of them make the **whole** bow.",
    "A rainbow is a promise, an arch, and a trick of light, and nobody has ever stood at the end of one.",
)


@dataclass(frozen=True)
class LivedIn:
    """Who is there, and the token of an invitation that is open."""

    people: dict[Role, int]
    invitation: str


def live_in(db: Database) -> LivedIn:
    """Fill a study, and let everybody agree to the text that asks for it."""
    people = accounts_at_hand.people(db)
    things = fill_for_roles(db, people)
    guidelines.add(db, GUIDELINE)
    guidelines.add(db, "# 怎样判断\n\n- 先看对错，再看长短。\n- **两个都错**时，请说明。", language="zh")
    information_texts.add(db, "# 说明\n\n您的回答会用来训练一个语言模型。", language="zh")
    text = information_texts.add(db, "# What this is for\n\nYour answers teach a language model.", language="en")
    for person in people.values():
        consents.give(db, person, text.version)
    pairs(db, 2)
    return LivedIn(people, str(things["invitation"]))


def pairs(db: Database, candidates: int, number: int = 4) -> None:
    """Further comparisons of real-looking answers that come before all others."""
    base = policies.base(db)
    assert base is not None
    for place in range(number):
        turns = [
            {"role": "system", "content": "Answer a curious child."},
            {"role": "user", "content": "What is light?"},
            {"role": "assistant", "content": "What your eyes see by."},
            {"role": "user", "content": f"And why is there a rainbow after rain? (question {candidates}-{place})"},
        ]
        [prompt] = prompts.add(db, [NewPrompt(turns, split="train")], holdout_share=0.2, seed=0).ids
        written = [NewCompletion(prompt, base.id, text, finish_reason="stop") for text in ANSWERS[:candidates]]
        comparisons.add(db, [NewComparison(prompt, completions.add(db, written), overlap=9, priority=9)])


def ask_everything(db: Database) -> None:
    """From now on people confirm, and answer the criteria and give a reason."""
    parts = {"mode": "confirm", "criteria": "required", "rationale": "required", "improve": "optional"}
    studies.change_settings(db, by="test", asked=parts)
