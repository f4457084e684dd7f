"""Imitation: a LoRA adapter trained to write what people wrote or chose, by cross-entropy on its tokens.

Source: behaviour cloning, D. Pomerleau 1991, "Efficient training of artificial neural networks for autonomous
navigation"; of language models the supervised step of Ouyang et al. 2022, https://arxiv.org/abs/2203.02155, section
3.5. Minimises -E[sum_t log pi(a_t | s_t)] over demonstrations: the completion's tokens, its EOS included where it ended
by itself, never the prompt's. Left out: learning from states that the policy itself gets into (DAgger): the rollouts
measure, they are not corrected by anybody.

Each iteration measures fresh rollouts as every algorithm does, and takes `minibatches` optimiser steps.
"""

import numpy as np

from policy_training.algorithms.settings.imitation import Settings
from policy_training.imitating import add_imitation_gradient, demonstrations_that_count
from policy_training.iterations import iterations
from policy_training.learner import Learner, TrainedPolicy
from policy_training.optimiser_step import finite_mean, guarded_step
from policy_training.passes import in_passes
from policy_training.records import Given

NEEDS = ("prompts", "demonstrations")


def train(given: Given, settings: Settings) -> TrainedPolicy:
    """Trains the given adapter and returns the kept policy.

    Raises NothingToTrain without a demonstration that counts, NonFiniteLoss after three bad losses in a row.
    """
    demonstrations = demonstrations_that_count(given.demonstrations)
    learner = Learner.start(given, settings)
    with learner.training():
        for now in iterations(learner, given, settings):
            drawn = in_passes(len(demonstrations), settings.demonstrations_per_step, now.step, (settings.seed, 3))
            losses, skipped = [], 0
            for part in np.array_split(drawn, min(settings.minibatches, len(drawn))):
                given.check()
                learner.optimizer.zero_grad(set_to_none=True)
                loss, minibatch = add_imitation_gradient(learner, [demonstrations[row] for row in part], settings)
                losses.append(loss)
                skipped += guarded_step(
                    learner, minibatch, {"imitation_loss": loss}, settings.max_grad_norm, given.checkpoint_folder
                )
            now.metrics.update(finite_mean("imitation_loss", losses), skipped_steps=float(skipped))
    return learner.kept_policy()
