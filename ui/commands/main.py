"""`tastemaker`: one small file for each group of commands, and one place where errors become words.

Heavy libraries are imported inside the commands, so that `--help` answers at once. Exit codes: 0 done, 1 a run that
failed, a gate (`run ... --fail-below`) that was not reached or a study that is not sound, 2 something to put right
(wrong value, missing study, port in use), 130 stopped by Ctrl-C.
"""

import os
import sys
from collections.abc import Sequence

import typer

from ui.commands import (
    doctor,
    exchange,
    functions,
    keeping,
    models,
    people,
    planning,
    policies,
    rewards,
    runs,
    scoring,
    serving,
    simulation,
    study_settings,
    tokens,
    waiting,
)

LARGEST_NUMBER = 2**63 - 1  # that the store takes
OUR_PACKAGES = frozenset({"feedback_store", "language_models", "policy_training", "reward_training", "rounds", "ui"})

app = typer.Typer(
    name="tastemaker",
    help="Teach a language model a group's taste: sample pairs, compare them, train a reward, improve the policy.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("serve")(serving.serve)
app.command("worker")(serving.worker)
app.command("simulate")(simulation.simulate)
app.command("run")(runs.run)
app.command("runs")(runs.listing)
app.command("curves")(runs.curves)
app.command("cancel")(runs.cancel)
app.command("retry")(runs.retry)
app.command("settings")(study_settings.settings)
app.command("plan")(planning.plan)
app.command("import")(exchange.import_file)
app.command("export")(exchange.export)
app.command("score")(scoring.score)
app.command("functions")(functions.functions)
app.command("backup")(keeping.backup)
app.command("restore")(keeping.restore)
app.command("check")(keeping.check)
app.add_typer(policies.app, name="policy")
app.add_typer(rewards.app, name="reward")
app.add_typer(people.app, name="user")
app.add_typer(tokens.app, name="token")
app.add_typer(models.app, name="model")
app.command("doctor")(doctor.doctor)


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: runs a command and exits with its code."""
    try:
        code = app(args=with_help(sys.argv[1:] if arguments is None else arguments), standalone_mode=False)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone (`tastemaker runs ... | head -1`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        words = in_words(error)
        if words is None:
            raise
        if words:
            print(f"tastemaker: {words}", file=sys.stderr)
        sys.exit(130 if isinstance(error, typer.Abort) else 1 if isinstance(error, waiting.RunFailed) else 2)
    sys.exit(code if isinstance(code, int) else 0)


def with_help(arguments: Sequence[str]) -> list[str]:
    """A name without a command asks for the list of commands: `tastemaker`, `tastemaker policy`."""
    groups = {group.name for group in app.registered_groups}
    bare = not arguments or (len(arguments) == 1 and arguments[0] in groups)
    return [*arguments, *(["--help"] if bare else [])]


def in_words(error: Exception) -> str | None:
    """One line for an error that people can put right; None for a fault of the program, which keeps its traceback."""
    if isinstance(error, typer.Abort):
        return "stopped"
    if isinstance(error, typer.TyperException):
        return one_line(error.format_message())
    if isinstance(error, UnicodeDecodeError):
        return f"the file is not UTF-8 text (byte {error.start})"
    if isinstance(error, OverflowError) and "SQLite" in str(error):
        return f"a number is larger than any here can be: at most {LARGEST_NUMBER} is allowed"
    if isinstance(error, UnicodeEncodeError):  # arguments that are no UTF-8 come in as halves of surrogate pairs
        return one_line(f"{error.object} is not UTF-8 text: name it otherwise")
    if isinstance(error, OSError):
        place = f": {error.filename}" if error.filename else ""
        return one_line(f"{error.strerror or error}{place}")
    kinds = type(error).__mro__
    if any(kind.__name__ == "DatabaseError" for kind in kinds):  # sqlite's, whichever module it came from
        return one_line(f"the study's database cannot be read or written: {error}")
    if any(kind.__module__.split(".")[0] in OUR_PACKAGES for kind in kinds):
        return one_line(str(error))
    return None


def one_line(text: str) -> str:
    """Folded white space; what came in as no UTF-8 (halves of surrogate pairs) in a form that can be printed."""
    return " ".join(text.encode(errors="backslashreplace").decode().split())


if __name__ == "__main__":
    main()
