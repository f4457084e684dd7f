"""Writes the generated pages of docs/: `make docs`. A test compares the pages with what this file would write."""

from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reward_training import function_registry
from rounds.allowed import allowed_words
from rounds.settings import KIND_SETTINGS, StudySettings

PAGE = Path(__file__).with_name("settings.md")
FUNCTIONS_PAGE = Path(__file__).with_name("reward-functions.md")
HEAD = """# Settings

<!-- Written by `make docs` from the settings models; edit the models, not this page. -->

A default stands in one place, the settings model. A run takes, later over earlier: defaults, what the study sets, a
preset (`--preset`), a TOML file (`--config`), `--set KEY=VALUE`. The resolved values are stored with the run. Dots lead
into a part: `tastemaker run STUDY train-policy --set ppo.steps=20`. A wrong key or value is refused in words, with
what is allowed.

What the study says stands in place of some defaults. `seed` of a sample, reward or policy run: the study's seed × 1,000
+ the run's number, so that runs of a study differ; to repeat one, or to compare algorithms on equal terms, give the
seed. `sampling.temperature` of an algorithm: the study's, and no other. `sampling` and `lora` of an algorithm: the
study's; a policy that goes on from another one keeps the rank and alpha of its adapter.
"""


FUNCTIONS_HEAD = """# Reward functions

<!-- Written by `make docs` from the files of reward_training/functions; edit those, not this page. -->

What `train-policy` may be asked to raise, in its setting `rewards`: a list of parts, each a function, a weight and
settings.

    tastemaker run STUDY train-policy --set 'rewards=["learned", {"function": "length_window", "weight": 0.5,
      "settings": {"longest": 40}}]'

A name alone is that function as it comes; the default is `learned` alone. `--set rewards=learned,grammar` is short
for two names. The reward of a completion is the sum over the parts of weight × (score − mean) / sd, with mean and sd
of the part's scores on samples of the reference policy (setting `reference_samples`), so that a weight says what one
standard deviation is worth. `learned` is on that scale already. The run's page draws what each part adds, and shows it
with the samples.

**Nothing to say.** A text in a language that a function does not know, a prompt without a good answer, a text too
short to tell: the part adds 0 there, neither better nor worse than the reference's mean, and the run's log and curves
count it. **The same for all.** A warning in the log; the run goes on. **No score** (not a number, infinite, too few
or too many, an exception): the run fails with the function's name and the value.

**Your own.** A file NAME.py in a folder, `own:NAME` in the setting, and whatever starts the worker (`serve`, `worker`,
`simulate`, `run --wait`, `retry --wait`) given `--functions DIR`:

    def reward(prompts, completions):  # lists of messages ({"role", "content"}), and texts
        return [float(len(text)) for text in completions]  # one number a completion; None: nothing to say

or a class `Reward` that is called in the same way, whose constructor takes the settings. `LANGUAGES = ("en",)` in the
file says which languages it knows. The sha256 of the file is in the run's result and in the policy's card; a run that
goes on after a stop refuses a file that changed in between. It is code: run only what you would run yourself.

**From elsewhere.** A folder that transformers' AutoModelForSequenceClassification loads, with one output and
safetensors, goes to STUDY/models/NAME; the function is `classifier` with the setting `name`.

`tastemaker functions` prints this list, `tastemaker functions NAME` one of them.
"""


def functions_page() -> str:
    """The text of docs/reward-functions.md."""
    return "\n".join([FUNCTIONS_HEAD, *(function_section(name) for name in function_registry.names())])


def function_section(name: str) -> str:
    """A function: what its file says, what it knows and needs, and a table of its settings."""
    described = function_registry.describe(name)
    languages = ", ".join(described.languages)
    needs = " and ".join(function_registry.NEEDED_WORDS[need] for need in described.needs)
    lines = [f"## {name}", "", described.about, ""]
    lines += [f"Languages: {languages}." + (f" Needs {needs}." if needs else ""), ""]
    model = function_registry.settings_class(name)
    if model.model_fields:
        lines += [*table(model), ""]
    return "\n".join(lines)


def settings_page() -> str:
    """The text of docs/settings.md."""
    parts = [HEAD, section("The study", StudySettings)]
    parts += [section(f"Kind of run: `{kind}`", model) for kind, model in KIND_SETTINGS.items()]
    return "\n".join(parts)


def section(title: str, model: type[BaseModel]) -> str:
    """A heading, the model's first sentence, and a table of its fields."""
    about = (model.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
    return "\n".join([f"## {title}", "", about, "", *table(model), ""])


def table(model: type[BaseModel]) -> list[str]:
    """A line for each field: name, default, what is allowed, meaning."""
    lines = ["| setting | default | allowed | meaning |", "|---|---|---|---|"]
    for name, field in leaves(model):
        allowed = allowed_words(model, name.split("."))
        lines.append(f"| `{name}` | {default(field)} | {allowed} | {meaning(field)} |")
    return lines


def leaves(model: type[BaseModel], lead: str = "") -> list[tuple[str, FieldInfo]]:
    """Every field by its dotted name; a part that is a model itself stands as its own fields."""
    found: list[tuple[str, FieldInfo]] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += leaves(inner, f"{lead}{name}.")
        else:
            found.append((f"{lead}{name}", field))
    return found


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "none, must be given"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        return ", ".join(f"`{part.function}`" for part in value)
    if isinstance(value, tuple):
        value = ", ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value in (None, "") else f"{value:.4g}" if isinstance(value, float) else str(value)


def meaning(field: FieldInfo) -> str:
    return (field.description or "").replace("|", "\\|")


def main() -> None:
    """Write the pages."""
    for page, text in ((PAGE, settings_page()), (FUNCTIONS_PAGE, functions_page())):
        page.write_text(text, encoding="utf-8")
        print(f"wrote {page.name}")


if __name__ == "__main__":
    main()
