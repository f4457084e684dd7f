"""What the latest reward likes and dislikes: samples of a few held-out prompts with its scores, to be looked at."""

from __future__ import annotations

from typing import Any

from feedback_store import completions, prompts, reward_models
from feedback_store.database import Database


def taste_of(db: Database) -> list[dict[str, Any]]:
    """Samples on a few held-out prompts with what the latest reward says of each, best first: [{prompt_id, scores:
    [(completion id, score), ...]}]. Empty before the first reward.
    """
    model = reward_models.latest(db)
    kept = (model.metrics.get("taste") or []) if model else []
    return [
        {
            "prompt_id": one["prompt_id"],
            "scores": sorted(((int(key), value) for key, value in one["scores"].items()), key=lambda pair: -pair[1]),
        }
        for one in kept
    ]


def taste_shown(db: Database) -> list[dict[str, Any]]:
    """The best and the worst sample of each of these prompts as texts: [{prompt, samples, best, worst}], whose two
    ends are {completion_id, text, score}.
    """
    found = taste_of(db)
    ends = [end for one in found for end in (one["scores"][0], one["scores"][-1])]
    said = {one.id: one.text for one in completions.get(db, [completion for completion, _ in ends])}
    asked = {prompt.id: prompt for prompt in prompts.listing(db, ids=[one["prompt_id"] for one in found])}

    def side(end: tuple[int, float]) -> dict[str, Any]:
        return {"completion_id": end[0], "text": said[end[0]], "score": end[1]}

    return [
        {
            "prompt": "\n\n".join(
                turn["content"] for turn in asked[one["prompt_id"]].messages if turn["role"] != "system"
            ),
            "samples": len(one["scores"]),
            "best": side(one["scores"][0]),
            "worst": side(one["scores"][-1]),
        }
        for one in found
    ]
