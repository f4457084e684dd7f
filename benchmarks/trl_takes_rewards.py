"""TRL's GRPOTrainer and RLOOTrainer train two steps against exported rewards: one JSON row each.

TRL is not a dependency: this runs in an environment of its own, on folders that `tastemaker reward export` wrote.

    tastemaker reward export STUDY --format classifier --to exports/classifier
    tastemaker reward export STUDY --format module --to exports/module
    trl-environment/bin/python -m benchmarks.trl_takes_rewards exports

The classifier goes in as a folder's name and the module as an instance, both at once; the policy that is trained is a
tiny one. `rewards` are the means that TRL logged of each.
"""

import argparse
import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

PROMPTS = [{"prompt": [{"role": "user", "content": f"Say {place}."}]} for place in range(8)]


def main() -> int:
    """Print a row for every trainer; 1 where a reward was not finite."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trl_takes_rewards", description=__doc__)
    parser.add_argument("exports", type=Path)
    exports = parser.parse_args().exports
    os.environ["HF_HUB_OFFLINE"] = "1"
    rows = [measure(exports / "classifier", exports / "module", name) for name in ("GRPO", "RLOO")]
    return (
        0 if all(len(row["rewards"]) == 2 and all(map(math.isfinite, row["rewards"].values())) for row in rows) else 1
    )


def measure(classifier: Path, module: Path, name: str) -> dict[str, Any]:
    """Two steps of one trainer with both rewards."""
    import trl
    from datasets import Dataset
    from transformers import AutoModelForCausalLM

    from language_models.tiny import build_tiny, tiny_tokenizer

    sys.path.insert(0, str(module))
    from reward import Reward  # the exported file

    with tempfile.TemporaryDirectory() as work:
        base = Path(work) / "tiny"
        base.mkdir()
        build_tiny(base)
        config = getattr(trl, f"{name}Config")(
            output_dir=work, max_steps=2, per_device_train_batch_size=4, num_generations=4, max_completion_length=8,
            use_cpu=True, bf16=False, report_to="none", save_strategy="no", logging_steps=1, disable_tqdm=True, seed=0,
        )  # fmt: skip
        trainer = getattr(trl, f"{name}Trainer")(
            model=AutoModelForCausalLM.from_pretrained(base), processing_class=tiny_tokenizer(),
            reward_funcs=[str(classifier), Reward(module)], args=config, train_dataset=Dataset.from_list(PROMPTS),
        )  # fmt: skip
        trainer.train()
    logged = [entry for entry in trainer.state.log_history if "reward" in entry][-1]
    means = {key.split("/")[1]: value for key, value in logged.items() if key.startswith("rewards/") and "mean" in key}
    row = {"what": "trl takes rewards", "trainer": name, "rewards": means, "trl": trl.__version__}
    print(json.dumps(row), flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
