"""A run goes on from where another one ended: its newest checkpoint that is whole, its curves and samples so far."""

from __future__ import annotations

import shutil

from feedback_store import runs
from language_models import folders
from rounds import resuming, shown_samples, token_rows
from rounds.context import RunContext


def take_over(context: RunContext) -> None:
    """Take over what the run named by the setting `resume_from` left; a later attempt has it already.

    Raises CannotResume where no checkpoint of it is whole.
    """
    old = int(context.settings.resume_from)
    if resuming.steps(context.checkpoints):
        return
    folder = resuming.run_folder(context.study_folder, old)
    newest = resuming.newest_valid(folder / resuming.CHECKPOINTS)
    if newest is None:
        raise resuming.CannotResume(
            f"Run {old} has no checkpoint any more that is whole, so this run cannot go on from it. Start it anew."
        )
    step = resuming.step_named(newest)
    runs.take_over_metrics(context.db, context.lease, old, below=step)
    (context.folder / shown_samples.FILE).unlink(missing_ok=True)
    shown_samples.add(context.folder, [one for one in shown_samples.read(folder) if one.step <= step])
    token_rows.take_over(folder, context.folder, below=step)
    if (folder / resuming.REWARD).is_file():
        shutil.copyfile(folder / resuming.REWARD, context.file(resuming.REWARD))
    folders.copy_folder(newest, context.checkpoints / newest.name)  # last: with it this is done
    context.log(f"Goes on from step {step} of run {old}.")
