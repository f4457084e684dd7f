"""The peers of benchmarks.policy_speed: TRL's trainers as sides that take turns, one iteration each.

Run as `PYTHON -m benchmarks.policy_speed_trl ppo|rloo|shared_trunk` in an environment with the release that has it
(0.29.1, 1.16, 0.11.4), peft and datasets; of ours they need only the tastes. They read the same prompts as ours, token
for token, and are scored by the same function.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from benchmarks.policy_scores import Scores
from benchmarks.turns import Turns

RANK, ALPHA = 16, 32
VALUE_MODEL_RATE = 1e-5
"""Where a value model is trained whole: a step for LoRA would be ten times too large."""


def ppo(task: dict[str, Any]) -> None:
    """TRL's last PPO (0.29). Its value model is a network of its own, trained whole as in TRL's example, or by LoRA.

    It wants a reward model: here one that counts, so that it pays for no forward pass that ours has not.
    """
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl.experimental.ppo import PPOConfig, PPOTrainer

    _begin(task)
    scores, turns = Scores(task), Turns()
    logged: dict[str, float] = {}
    tokenizer = AutoTokenizer.from_pretrained(task["base"], padding_side="left")
    rows = task["rows"]

    class Logged(TrainerCallback):
        def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
            logged.update(logs)

    config = PPOConfig(
        output_dir=str(Path(task["work"]) / "trl-ppo"), per_device_train_batch_size=rows,
        gradient_accumulation_steps=1, num_ppo_epochs=task["epochs"], total_episodes=rows * 1000,
        response_length=task["new_tokens"], stop_token="eos" if task["natural_ends"] else None,
        temperature=task["temperature"], missing_eos_penalty=task["truncation_penalty"] or None,
        learning_rate=task["learning_rate"], num_sample_generations=0, seed=task["seed"], use_cpu=True, bf16=False,
        report_to="none", save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    prompts = Dataset.from_list([{"input_ids": ids} for ids in task["prompts"]])
    values = _value_model(task)
    trainer = PPOTrainer(
        args=config, processing_class=tokenizer, ref_model=None,
        reward_model=CountingRewardModel(task, tokenizer, scores),
        model=AutoModelForCausalLM.from_pretrained(task["base"], dtype=torch.float32), value_model=values,
        train_dataset=prompts, eval_dataset=prompts, peft_config=_lora(), callbacks=[Logged()],
    )  # fmt: skip
    rate = task["learning_rate"] if task["value_lora"] else VALUE_MODEL_RATE
    trained = [
        {"params": [one for one in network.parameters() if one.requires_grad], "lr": lr}
        for network, lr in ((trainer.policy_model, task["learning_rate"]), (values, rate))
    ]
    optimizer = torch.optim.AdamW(trained, weight_decay=0.0, eps=1e-5)
    trainer.optimizer = trainer.accelerator.prepare(optimizer)
    trainer.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    trainer.dataloader = _InTurns(
        trainer.dataloader, turns, lambda: {**scores.told(), "kl_nats": logged["objective/kl"]}
    )
    turns.ready()
    trainer.train()


class CountingRewardModel(torch.nn.Module):
    """A reward model to TRL: its "states" are the tokens, its "head" scores what comes behind the prompt."""

    base_model_prefix = "backbone"

    def __init__(self, task: dict[str, Any], tokenizer: Any, scores: Scores) -> None:
        super().__init__()
        self._prompts, self._natural_ends = task["prompts"], task["natural_ends"]
        self._tokenizer, self._scores = tokenizer, scores
        self.backbone = lambda input_ids, **_: SimpleNamespace(hidden_states=[input_ids])

    def score(self, ids: torch.Tensor) -> torch.Tensor:
        found = [_completion(row, self._prompts, self._tokenizer.pad_token_id) for row in ids.tolist()]
        ended = [self._tokenizer.eos_token_id in one and self._natural_ends for one in found]
        texts = self._tokenizer.batch_decode(found, skip_special_tokens=True)
        of_rows = torch.tensor(self._scores.of(texts, ended, [len(one) for one in found]))
        return of_rows[:, None, None].expand(-1, ids.shape[1], 1)


class _InTurns:
    """Batches of prompts: TRL takes those of an iteration when it begins, and the next when it has ended."""

    def __init__(self, batches: Any, turns: Turns, told: Callable[[], dict[str, float]]) -> None:
        self._batches, self._turns, self._told = batches, turns, told

    def __iter__(self) -> Iterator[Any]:
        for batch in self._batches:
            self._turns.await_turn()
            yield batch
            self._turns.tell(**self._told())


def _value_model(task: dict[str, Any]) -> Any:
    from peft import inject_adapter_in_model
    from transformers import AutoModelForSequenceClassification

    values = AutoModelForSequenceClassification.from_pretrained(task["base"], num_labels=1, dtype=torch.float32)
    if task["value_lora"]:
        values = inject_adapter_in_model(_lora(None), values)
        values.score.requires_grad_(True)
    return values


def _lora(task_type: str | None = "CAUSAL_LM") -> Any:
    from peft import LoraConfig

    return LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type=task_type)


def rloo(task: dict[str, Any]) -> None:
    """TRL's RLOO (1.16) with LoRA, one optimiser step a batch of completions."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import RLOOConfig, RLOOTrainer

    _begin(task)
    scores, turns = Scores(task), Turns()
    tokenizer = AutoTokenizer.from_pretrained(task["base"], padding_side="left")
    rows, small = task["rows"], task["rows_at_once"]

    def reward(completions: Sequence[Any], completion_ids: Sequence[list[int]], **_: Any) -> list[float]:
        texts = [one[0]["content"] for one in completions]
        finished = [ids[-1] == tokenizer.eos_token_id and task["natural_ends"] for ids in completion_ids]
        return scores.penalised(texts, finished, [len(ids) for ids in completion_ids])

    class InTurns(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            turns.ready()

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            turns.await_turn()

        def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
            if "kl" in logs:  # the step's figures come after it
                turns.tell(**scores.told(), kl_nats=logs["kl"] * scores.tokens / len(scores.last))

    more = {} if task["natural_ends"] else {"min_new_tokens": task["new_tokens"]}
    config = RLOOConfig(
        output_dir=str(Path(task["work"]) / "trl-rloo"), per_device_train_batch_size=small,
        gradient_accumulation_steps=rows // small, num_generations=task["samples_per_prompt"], max_steps=1000,
        max_completion_length=task["new_tokens"], temperature=task["temperature"], generation_kwargs=more,
        learning_rate=task["learning_rate"], lr_scheduler_type="constant", seed=task["seed"], use_cpu=True, bf16=False,
        gradient_checkpointing=task["recompute"], logging_steps=1, report_to="none", save_strategy="no",
        disable_tqdm=True,
    )  # fmt: skip
    RLOOTrainer(
        model=AutoModelForCausalLM.from_pretrained(task["base"], dtype=torch.float32), reward_funcs=reward, args=config,
        train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in task["messages"]]),
        processing_class=tokenizer, callbacks=[InTurns()],
        peft_config=_lora(),
    ).train()  # fmt: skip


def shared_trunk(task: dict[str, Any]) -> None:
    """TRL's older PPO (0.11), whose value head reads the policy's own states. Its log-probs know no temperature."""
    from peft import get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast
    from trl import AutoModelForCausalLMWithValueHead, PPOConfig, PPOTrainer

    _begin(task)
    scores, turns, rows = Scores(task), Turns(), task["rows"]
    folder = Path(task["base"])
    named = json.loads((folder / "tokenizer_config.json").read_text())
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        pad_token=named["pad_token"], eos_token=named["eos_token"], padding_side="left",
    )  # fmt: skip
    config = AutoConfig.from_pretrained(folder)  # a transformers of its time does not know rope_parameters
    config.rope_theta = json.loads((folder / "config.json").read_text())["rope_parameters"]["rope_theta"]
    network = AutoModelForCausalLM.from_pretrained(folder, config=config, torch_dtype=torch.float32)
    trainer = PPOTrainer(
        PPOConfig(
            batch_size=rows, mini_batch_size=rows, ppo_epochs=task["epochs"], seed=task["seed"],
            gradient_accumulation_steps=1, learning_rate=task["learning_rate"],
        ),
        model=AutoModelForCausalLMWithValueHead.from_pretrained(get_peft_model(network, _lora())),
        tokenizer=tokenizer,
    )  # fmt: skip
    drawn = torch.Generator().manual_seed(task["seed"])
    ends = {"eos_token_id": tokenizer.eos_token_id if task["natural_ends"] else -1}
    turns.ready()
    while True:
        turns.await_turn()
        order = torch.randperm(len(task["prompts"]), generator=drawn)[: rows // task["samples_per_prompt"]]
        chosen = [place for place in order.tolist() for _ in range(task["samples_per_prompt"])]
        queries = [torch.tensor(task["prompts"][place]) for place in chosen]
        found = trainer.generate(
            queries, return_prompt=False, batch_size=rows, remove_padding=task["natural_ends"], do_sample=True,
            temperature=task["temperature"], top_k=0, top_p=1.0, max_new_tokens=task["new_tokens"],
            pad_token_id=tokenizer.pad_token_id, **ends,
        )  # fmt: skip
        texts = [tokenizer.decode(one, skip_special_tokens=True) for one in found]
        finished = [int(one[-1]) == tokenizer.eos_token_id and task["natural_ends"] for one in found]
        worth = scores.penalised(texts, finished, [len(one) for one in found])
        stats = trainer.step(queries, found, [torch.tensor(score) for score in worth])
        turns.tell(**scores.told(), kl_nats=float(stats["objective/kl"]))


def _begin(task: dict[str, Any]) -> None:
    """Threads as ours, and the seed before any adapter or head is drawn: the trainers seed themselves later."""
    torch.manual_seed(task["seed"])
    torch.set_num_threads(int(os.environ.get("TASTEMAKER_THREADS", "0")) or os.cpu_count() or 1)


def _completion(row: list[int], prompts: Sequence[list[int]], pad: int) -> list[int]:
    """What of a row stands behind its prompt, without padding on either side."""
    while row and row[0] == pad:
        row = row[1:]
    while row and row[-1] == pad:
        row = row[:-1]
    return row[max(len(prompt) for prompt in prompts if row[: len(prompt)] == prompt) :]


if __name__ == "__main__":
    {"ppo": ppo, "rloo": rloo, "shared_trunk": shared_trunk}[sys.argv[1]](json.loads(sys.stdin.readline()))
