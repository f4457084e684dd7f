"""Writes the files that published data sets come as, by `datasets` (JSON lines, a JSON list, Parquet) and pandas (CSV).

The rows are made up; the columns are those of the data sets that the formats name as their source.
"""

import json
from pathlib import Path
from typing import Any

import datasets
import pandas

FOLDER = Path(__file__).parent


def turns(question: str, answer: str) -> list[dict[str, str]]:
    return [{"content": question, "role": "user"}, {"content": answer, "role": "assistant"}]


def ultrafeedback(number: int, scores: tuple[float, float]) -> dict[str, Any]:
    question = f"Why {number}?"
    chosen, rejected = turns(question, f"Because {number}."), turns(question, "Näin on.\n")
    return {
        "prompt": question, "prompt_id": f"{number:064x}", "chosen": chosen, "rejected": rejected, "messages": chosen,
        "score_chosen": scores[0], "score_rejected": scores[1],
    }  # fmt: skip


def battle(number: int, winner: str, language: str, questions: int = 1) -> dict[str, Any]:
    sides = {}
    for side in "ab":
        sides[f"conversation_{side}"] = [
            turn for place in range(questions) for turn in turns(f"Why {number}.{place}?", f"Because {side}{place}.")
        ]
    return {
        "question_id": f"{number:032x}", "model_a": "vicuna-13b", "model_b": "koala-13b", "winner": winner,
        "judge": f"arena_user_{number}", **sides, "turn": questions, "anony": True, "language": language,
        "tstamp": 1682351591.1322 + number,
    }  # fmt: skip


def kaggle(row: dict[str, Any]) -> dict[str, Any]:
    said = {side: row[f"conversation_{side}"] for side in "ab"}
    return {
        "id": int(row["question_id"], 16), "model_a": row["model_a"], "model_b": row["model_b"],
        "prompt": json.dumps([turn["content"] for turn in said["a"][::2]]),
        **{f"response_{side}": json.dumps([turn["content"] for turn in said[side][1::2]]) for side in "ab"},
        **{f"winner_{name}": int(row["winner"].startswith(name)) for name in ("model_a", "model_b", "tie")},
    }  # fmt: skip


battles = [
    battle(1, "model_a", "English"),
    battle(2, "model_b", "German"),
    battle(3, "tie", "unknown"),
    battle(4, "tie (bothbad)", "English"),
    battle(5, "model_a", "English", questions=2),
]
cheese = [
    {"query": f"Why {number}?", "completions": [f" Because {place}." for place in range(5)], "rankings": order}
    for number, order in enumerate(([4, 0, 1, 3, 2], [0, 1, 2, 3, 4], None))
]
prompts = [
    {"prompt": "Why?", "tags": ["a", "b"], "language": "en", "reference": None},
    {"prompt": "Miksi?", "tags": None, "language": "fi", "reference": "Siksi."},
]
binarized = datasets.Dataset.from_list([ultrafeedback(1, (8.5, 7.0)), ultrafeedback(2, (6.0, 6.0))])
binarized.to_json(FOLDER / "ultrafeedback.jsonl", force_ascii=False)
binarized.to_parquet(FOLDER / "ultrafeedback.parquet")
datasets.Dataset.from_list(battles).to_json(FOLDER / "arena.jsonl")
datasets.Dataset.from_list(battles).to_parquet(FOLDER / "arena.parquet")
pandas.DataFrame([kaggle(row) for row in battles]).to_csv(FOLDER / "arena.csv", index=False)
datasets.Dataset.from_list(cheese).to_json(FOLDER / "cheese.jsonl")
datasets.Dataset.from_list(cheese).to_json(FOLDER / "cheese.json", lines=False)
datasets.Dataset.from_list(prompts).to_parquet(FOLDER / "prompts.parquet")
