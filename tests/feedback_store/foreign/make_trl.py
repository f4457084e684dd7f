"""Writes TRL's preference shapes with its own functions (pip install --no-deps trl, beside transformers, datasets)."""

from pathlib import Path

from datasets import Dataset
from trl.data_utils import extract_prompt, unpair_preference_dataset

FOLDER = Path(__file__).parent


def turn(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


texts = [{"chosen": "The sky is blue.", "rejected": "The sky is green."}]
asked = turn("user", "What colour is the sky?")
talks = [{key: [asked, turn("assistant", text)] for key, text in (("chosen", "Blue.\n"), ("rejected", "Grün."))}]
shapes = {
    "implicit": Dataset.from_list(texts),
    "explicit": Dataset.from_list(texts).map(extract_prompt),
    "implicit-conversational": Dataset.from_list(talks),
    "conversational": Dataset.from_list(talks).map(extract_prompt),
    "unpaired": unpair_preference_dataset(Dataset.from_list(texts).map(extract_prompt)),
}
for name, shape in shapes.items():
    shape.to_json(FOLDER / f"trl-{name}.jsonl")
shapes["conversational"].to_parquet(FOLDER / "trl-conversational.parquet")
