"""One side of benchmarks.reward_speed and reward_accuracy: a process that trains a reward, a step for each line it is
sent.

The first line is the task. It answers {} once it is ready, and a step with its seconds and the process's peak memory.
Where the task has `texts` to be read, one more turn after the last step tells the scores of all of them. Run as
`PYTHON -m benchmarks.reward_sides ours|trl`; `trl` needs trl, peft and datasets, and nothing of ours.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.turns import Turns

READ_TOGETHER = 16  # texts that TRL's model reads in one pass


def ours(task: dict[str, Any]) -> None:
    """Our reward training: the head is fitted before the first turn, the adapter's steps are told."""
    from language_models.model import LanguageModel, use_threads
    from reward_training.records import Pair, Text
    from reward_training.settings import RewardSettings
    from reward_training.training import train

    use_threads()
    texts: dict[str, Text] = {}

    def text(prompt: list[dict[str, str]], completion: str) -> Text:
        """One record for each text, however many pairs it is in: it is read once where features are made."""
        return texts.setdefault(json.dumps([prompt, completion]), Text(prompt, completion, True))

    pairs = [
        Pair(
            text(one["prompt"], one["chosen"]), text(one["prompt"], one["rejected"]), "first", one["group"],
            holdout=False,
        )
        for one in task["pairs"]
    ]  # fmt: skip
    settings = RewardSettings(epochs=1, seed=task["seed"], pairs_per_step=task["pairs_per_step"])
    if task["depth"]:
        settings = settings.model_copy(update={"depth": task["depth"]})
    turns = Turns()

    def on_step(report: dict[str, Any]) -> None:
        if report["stage"] == "reading":  # for figures, which are not compared
            return
        if report["stage"] == "adapter":
            turns.tell()
        else:
            turns.ready()
        if report["done"] < report["steps"]:
            turns.await_turn()

    trained = train(
        LanguageModel.load(task["base"]), pairs, [], settings, checkpoint_folder=Path(task["work"]) / "ours",
        on_step=on_step,
    )  # fmt: skip
    if task.get("texts"):
        turns.await_turn()
        read = [text(one["prompt"], one["completion"]) for one in task["texts"]]
        turns.tell(scores=trained.model.raw_scores(read).tolist())


def trl(task: dict[str, Any]) -> None:
    """TRL's RewardTrainer with LoRA on all linear layers, on tokens that are exactly ours."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback
    from trl import RewardConfig, RewardTrainer

    torch.set_num_threads(int(os.environ.get("TASTEMAKER_THREADS", "0")) or os.cpu_count() or 1)
    turns, tokenizer = Turns(), AutoTokenizer.from_pretrained(task["base"])

    class InTurns(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            turns.ready()

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            turns.await_turn()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            turns.tell()

    def tokens(one: dict[str, Any], completion: str) -> list[int]:
        prompt = tokenizer.apply_chat_template(one["prompt"], add_generation_prompt=True, return_dict=False)
        return [*prompt, *tokenizer(completion, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]

    rows = [
        {"chosen_ids": tokens(one, one["chosen"]), "rejected_ids": tokens(one, one["rejected"])}
        for one in task["pairs"]
    ]
    config = RewardConfig(
        output_dir=str(Path(task["work"]) / "trl"), per_device_train_batch_size=task["pairs_per_step"],
        num_train_epochs=1, gradient_checkpointing=task["recompute"], max_length=None, seed=task["seed"],
        use_cpu=True, bf16=False, report_to="none", save_strategy="no", logging_strategy="no", disable_tqdm=True,
        **({"learning_rate": task["rate"]} if "rate" in task else {}),
    )  # fmt: skip
    model = AutoModelForSequenceClassification.from_pretrained(task["base"], num_labels=1, dtype=torch.float32)
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="SEQ_CLS")
    trainer = RewardTrainer(
        model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer,
        peft_config=lora, callbacks=[InTurns()],
    )  # fmt: skip
    trainer.train()

    @torch.no_grad()
    def scores(texts: list[list[int]]) -> list[float]:
        """In the texts' order; those of like length are read together, padded as in training."""
        found = torch.zeros(len(texts))
        for places in torch.tensor([len(ids) for ids in texts]).argsort().split(READ_TOGETHER):
            together = {"input_ids": [texts[place] for place in places.tolist()]}
            padded = tokenizer.pad(together, padding_side="right", return_tensors="pt")
            found[places] = trainer.model(**padded, use_cache=False).logits.squeeze(-1)
        return found.tolist()

    if task.get("texts"):
        turns.await_turn()
        trainer.model.eval()
        turns.tell(scores=scores([tokens(one, one["completion"]) for one in task["texts"]]))


if __name__ == "__main__":
    {"ours": ours, "trl": trl}[sys.argv[1]](json.loads(sys.stdin.readline()))
