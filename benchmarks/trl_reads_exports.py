"""TRL's RewardTrainer and DPOTrainer train a step on exported files, with the tiny model: one JSON row each.

TRL is not a dependency: this runs in an environment of its own, on folders that `tastemaker export` wrote.

    python3.11 -m venv trl-environment
    trl-environment/bin/pip install -c constraints.txt trl==1.16.0 transformers==5.23.0
    tastemaker export STUDY --format trl --shape explicit --to exports/explicit      (and implicit, conversational)
    trl-environment/bin/python -m benchmarks.trl_reads_exports exports

Each step is made twice, with the further keys (comparison_id, n, agreement, policy_chosen, policy_rejected, language)
and without: `keys_ignored` says whether the losses are equal to the last bit. `margin` is TRL's own optional key:
RewardTrainer uses it (`margin_used`), DPOTrainer does not.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

FURTHER = ("comparison_id", "n", "agreement", "policy_chosen", "policy_rejected", "language")
SHAPES = {"explicit": ("dpo", "reward"), "implicit": ("reward",), "conversational": ("dpo", "reward")}
SETTINGS: dict[str, Any] = {
    "max_steps": 1, "per_device_train_batch_size": 8, "report_to": "none", "use_cpu": True, "bf16": False, "seed": 0,
    "save_strategy": "no", "logging_steps": 1, "disable_tqdm": True, "max_length": 256,
}  # fmt: skip


def main() -> int:
    """Print a row for every folder and trainer; 1 where a trainer did not ignore what it should."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trl_reads_exports", description=__doc__)
    parser.add_argument("exports", type=Path)
    exports = parser.parse_args().exports
    os.environ["HF_HUB_OFFLINE"] = "1"
    rows = [
        measure(exports / shape, shape, trainer)
        for shape, trainers in SHAPES.items()
        if (exports / shape).is_dir()
        for trainer in trainers
    ]
    return 0 if rows and all(row["keys_ignored"] for row in rows) else 1


def measure(folder: Path, shape: str, trainer: str) -> dict[str, Any]:
    """Train a step with and without the further keys, and without the margin."""
    import transformers
    import trl
    from datasets import load_dataset

    with tempfile.TemporaryDirectory() as work:
        data = load_dataset(str(folder), split="train", cache_dir=work)
        step = TRAINERS[trainer]
        loss = step(data, Path(work))
        plain = step(data.remove_columns(list(FURTHER)), Path(work))
        bare = step(data.remove_columns([*FURTHER, "margin"]), Path(work))
    row = {
        "what": "trl reads exports",
        "trainer": trainer,
        "shape": shape,
        "rows": data.num_rows,
        "columns": data.column_names,
        "loss": loss,
        "keys_ignored": loss == plain,
        "margin_used": plain != bare,
        "trl": trl.__version__,
        "transformers": transformers.__version__,
    }
    print(json.dumps(row), flush=True)
    return row


def reward_step(data: Any, work: Path) -> float:
    """The loss of one step of the RewardTrainer."""
    from transformers import AutoModelForSequenceClassification, set_seed
    from trl import RewardConfig, RewardTrainer

    tokenizer, folder = _tiny(work)
    set_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1)
    config = RewardConfig(output_dir=str(work / "reward"), **SETTINGS)
    return _loss(RewardTrainer(model=model, args=config, train_dataset=data, processing_class=tokenizer))


def dpo_step(data: Any, work: Path) -> float:
    """The loss of one step of the DPOTrainer."""
    from transformers import AutoModelForCausalLM, set_seed
    from trl import DPOConfig, DPOTrainer

    tokenizer, folder = _tiny(work)
    set_seed(0)
    model, reference = (AutoModelForCausalLM.from_pretrained(folder) for _ in range(2))
    config = DPOConfig(output_dir=str(work / "dpo"), **SETTINGS)
    return _loss(
        DPOTrainer(model=model, ref_model=reference, args=config, train_dataset=data, processing_class=tokenizer)
    )


TRAINERS: dict[str, Callable[[Any, Path], float]] = {"dpo": dpo_step, "reward": reward_step}


def _loss(trainer: Any) -> float:
    return float(trainer.train().training_loss)


def _tiny(work: Path) -> tuple[Any, Path]:
    from language_models.tiny import build_tiny, tiny_tokenizer

    folder = work / "tiny"
    folder.mkdir(exist_ok=True)
    build_tiny(folder)
    return tiny_tokenizer(), folder


if __name__ == "__main__":
    sys.exit(main())
