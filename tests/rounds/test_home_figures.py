"""Every figure of Home adds up from its rows, page by page, or from the figures that it is derived from."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

import featured_study
import figured_study
import home_walk
from feedback_store import annotators, comparisons, questions
from feedback_store.comparisons import NewComparison
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from reward_training.human_ceiling import best_accuracy
from rounds import home_figures, people_figures, studies, verbs
from rounds.home_figures import SAID, Figure
from rounds.latest_taste import taste_of, taste_shown
from rounds.next_step import told_apart
from rounds.policy_results import wilson


@pytest.fixture
def db(tmp_path) -> Iterator[Database]:
    with studies.open_or_create(tmp_path / "study", base="tiny:", create=True, refill=False) as db:
        figured_study.fill(db)
        yield db


def known(db: Database) -> dict[str, Figure]:
    return home_figures.figures(db, verbs.loop_state(db), people_figures.compute(db), taste_of(db, None))


def all_rows(figure: Figure, size: int = 3) -> list[dict]:
    found: list[dict] = []
    while page := home_figures.rows_of(figure, found[-1]["id"] if found else 0, size):
        assert len(page) <= size
        found += page
    return found


def test_every_figure_with_rows_adds_up_from_them(db):
    figures = known(db)
    with_rows = [figure for figure in figures.values() if figure.rows]
    assert len(with_rows) > 20
    for figure in with_rows:
        rows = all_rows(figure)
        assert [row["id"] for row in rows] == sorted({row["id"] for row in rows}), figure.name
        assert home_walk.combined(figure.name, figure.how, rows) == pytest.approx(figure.value), figure.name
        assert {"kind", "number", "text"} <= set.union(set(), *map(set, rows)) if rows else figure.value == 0


def test_the_figures_of_this_study_by_hand(db):
    figures = {name: figure.value for name, figure in known(db).items()}
    assert (figures["prompts.train"], figures["prompts.holdout"]) == (19, 16)
    assert (figures["pairs.ready"], figures["pairs.leased"], figures["pairs.judged"]) == (3, 0, 32)
    assert (figures["judgments.all"], figures["judgments.new"]) == (41, 7)
    assert figures["reward.judgments"] == 34
    # Rankings by turns: first, second, tie, first, first, first, second; the policy's text stands second.
    assert (figures["result.wins"], figures["result.ties"], figures["result.losses"]) == (2, 1, 4)
    assert (figures["result.for_new"], figures["result.of"]) == (2.5, 7)
    assert (figures["policy_run.score"], figures["policy_run.length_tokens"]) == (1.25, 25)


def test_what_is_derived_follows_from_its_inputs(db):
    figures = known(db)
    values = {name: figure.value for name, figure in figures.items()}
    derived = {name: figure for name, figure in figures.items() if figure.how == "derived"}
    assert all(set(figure.inputs) <= values.keys() and figure.rule for figure in derived.values())
    low, high = wilson(values["result.share"], 7)
    inputs = [values[f"reward.{name}"] for name in ("accuracy", "low", "length_baseline", "lead_low")]
    _, more, _ = told_apart(*inputs, int(values["reward.decided"]), studies.settings(db).holdout_questions)
    expected = {
        "reward.half": (values["reward.high"] - values["reward.low"]) / 2,
        "reward.more": more,
        "reward.ceiling": best_accuracy(values["reward.agreement"]),
        "result.for_new": values["result.wins"] + values["result.ties"] / 2,
        "result.of": values["result.wins"] + values["result.ties"] + values["result.losses"],
        "result.half": (high - low) / 2,
        "advice.first": max(0, 12 - values["judgments.new"]),
        "advice.steady": max(0, 48 - values["judgments.all"]),
        "advice.known": max(0, 12 - values["judgments.all"]),
        "advice.fewest": 2,
    }
    more_of_result = values["result.more"]
    assert more_of_result is None or more_of_result > 0
    assert derived.keys() == expected.keys() | {"result.more"}
    assert {name: values[name] for name in expected} == pytest.approx(expected)
    with pytest.raises(InvalidInput, match=r"result\.of has no rows of its own: it comes from result\.wins"):
        home_figures.rows_of(figures["result.of"], 0, 10)


def test_a_pair_in_somebodys_hands_moves_from_ready_to_leased(db):
    person = annotators.ensure(db, "cy").id
    (question,) = questions.next_questions(db, person, limit=1).questions
    figures = known(db)
    assert (figures["pairs.ready"].value, figures["pairs.leased"].value) == (2, 1)
    assert [row["number"] for row in all_rows(figures["pairs.leased"])] == [question.comparison_id]
    assert questions.give_back(db, person, question.comparison_public_id)
    figures = known(db)
    assert len(all_rows(figures["pairs.ready"])) == 3


def test_an_empty_study_has_figures_too(tmp_path):
    with studies.open_or_create(tmp_path / "new", base="tiny:", create=True, refill=False) as db:
        figures = known(db)
        assert figures["judgments.all"].value == 0
        assert all_rows(figures["judgments.all"]) == []
        assert home_walk.combined("round", "latest", all_rows(figures["round"])) == figures["round"].value == 1


def test_what_is_said_of_the_next_step_names_figures_that_there_are(db):
    names = {name for numbers in SAID.values() for name in numbers.values()}
    assert names <= known(db).keys()


def test_the_best_and_the_worst_of_eight(db):
    shown = taste_shown(db, taste_of(db, None))
    assert [one["samples"] for one in shown] == [8, 8, 8]
    for one in shown:
        assert one["best"]["score"] > one["worst"]["score"]
        assert one["best"]["text"].startswith("Sample")


TASTES = [1, 1, 1, 1, 1, -1]  # of bob, by pair


def test_two_people_agree_on_a_pair_whichever_way_round_and_in_whichever_comparison_it_was_asked(tmp_path, monkeypatch):
    with studies.open_or_create(tmp_path / "asked", base="tiny:", create=True, refill=False) as db:
        first = featured_study.fill(db, 6)
        again = []
        for number, one in enumerate(first):
            found = comparisons.get(db, one)
            ids = list(found.completion_ids)
            turned = ids[::-1] if number % 2 else ids
            again += comparisons.add(db, [NewComparison(found.prompt_id, turned)])
        told = [featured_study.judge(db, one, "ann") for one in first]
        told += [featured_study.judge(db, one, "bob", likes=likes) for one, likes in zip(again, TASTES, strict=True)]
        monkeypatch.setattr(home_figures.run_records, "judgments_of", lambda *_: told)
        rows = home_figures._agreements(db, SimpleNamespace(run_id=1))
    assert [row["amount"] for row in rows] == [1.0] * 5 + [0.0]
    assert [row["number"] for row in rows] == first, "the comparison in which it was asked first"
