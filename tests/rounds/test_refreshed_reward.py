"""The refreshed reward follows the judgments one by one, and is what it would be if made from rows."""

import json
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

import featured_study
from feedback_store import annotators, completions, exchange, exclusions, judgments, newest_judgments, withdrawal
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from rounds import home_figures, latest_taste, people_figures, refreshed_reward, studies, verbs
from rounds.refreshed_reward import Absorber, Follower, Refreshed
from rounds.refreshing import Refreshing
from web_studies import reward_model

HELD_OUT_SAMPLES = [f"{'x' * place}." for place in range(8)]


@pytest.fixture
def db(tmp_path) -> Iterator[Database]:
    with studies.open_or_create(tmp_path / "study", base="tiny:", create=True, refill=False) as db:
        yield db


def refreshed_now(db: Database) -> Refreshed | None:
    return Absorber(db).start()


def score(found: Refreshed | None, texts: list[str]) -> np.ndarray:
    assert found is not None
    return found.scores([featured_study.vector(text) for text in texts])[0]


def test_what_people_like_is_liked_after_a_few_judgments(db):
    made = featured_study.fill(db, 30)
    featured_study.keep_features(db)
    for one in made:
        featured_study.judge(db, one)
    found = refreshed_now(db)
    assert len(found.judgments) == 30 and found.missing == 0
    assert np.corrcoef(score(found, HELD_OUT_SAMPLES), np.arange(8))[0, 1] > 0.9
    _, deviations = found.scores([featured_study.vector(text) for text in ("xxx.", "x" * 200)])
    assert 0 < deviations[0] < deviations[1], "a text unlike all that was judged is less certain"


def test_absorbed_one_by_one_it_is_about_what_it_is_from_rows(db, monkeypatch):
    monkeypatch.setattr(refreshed_reward, "REFIT_EVERY", 1000)
    made = featured_study.fill(db, 60)
    featured_study.keep_features(db)
    for one in made[:40]:
        featured_study.judge(db, one)
    follower = Absorber(db)
    follower.start()
    for one in made[40:]:
        featured_study.judge(db, one)
        found = follower.catch_up()
    rows = refreshed_now(db)
    assert found.judgments == rows.judgments and found.latest == rows.latest
    assert score(found, HELD_OUT_SAMPLES) == pytest.approx(score(rows, HELD_OUT_SAMPLES), abs=0.35)


def test_a_judgment_taken_back_counts_no_more(db):
    made = featured_study.fill(db, 24)
    featured_study.keep_features(db)
    for one in made[:23]:
        featured_study.judge(db, one)
    follower = Absorber(db)
    follower.start()
    last = featured_study.judge(db, made[23], likes=-1)
    assert last in follower.catch_up().judgments
    judgments.undo(db, annotators.ensure(db, "ann").id, "undo-00000001", lease_seconds=60)
    found = follower.catch_up()
    assert last not in found.judgments
    assert score(found, HELD_OUT_SAMPLES) == pytest.approx(score(refreshed_now(db), HELD_OUT_SAMPLES), abs=0.15)


def learned(reliability: float, side_bias: float = 0.0) -> dict:
    """What a reward model's report says of a person."""
    return {"reliability": {"value": reliability, "low": 0, "high": 1}, "side_bias": {"value": side_bias}}


def test_answers_weigh_as_their_authors_are_known_and_a_new_reward_model_is_heard_of(db):
    """Ann likes x and bob dislikes it on the same pairs: nothing is learned, until a reward model knows bob."""
    made = featured_study.fill(db, 30)
    featured_study.keep_features(db)
    db.execute("UPDATE comparisons SET overlap = 2")
    for one in made:
        featured_study.judge(db, one)
        featured_study.judge(db, one, "bob", likes=-1)
    follower, thread = Absorber(db), Refreshing(db)
    before = follower.start()
    thread.look()
    assert before.posterior.mean == pytest.approx(np.zeros_like(before.posterior.mean), abs=1e-6)
    people = {str(annotators.ensure(db, "ann").id): learned(0.9), str(annotators.ensure(db, "bob").id): learned(0.05)}
    reward_model(db, people=people)
    thread.look()
    for found in (follower.catch_up(), refreshed_now(db), thread.current):
        assert np.corrcoef(score(found, HELD_OUT_SAMPLES), np.arange(8))[0, 1] > 0.9


def test_a_known_lean_to_one_side_is_taken_out_of_the_answers(db):
    """Who always takes the right one, and is known for it, tells next to nothing."""
    made = featured_study.fill(db, 40)
    featured_study.keep_features(db)
    for one in made:
        featured_study.judge(db, one, "right", likes=0)
    clicker = annotators.ensure(db, "right").id
    plain = refreshed_now(db)
    reward_model(db, people={str(clicker): learned(1.0, side_bias=-8.0)})
    known = refreshed_now(db)
    assert np.abs(known.posterior.mean).max() < 0.2 * np.abs(plain.posterior.mean).max()


def test_texts_without_features_wait_until_the_worker_filled_them_in(db):
    made = featured_study.fill(db, 25)
    for one in made:
        featured_study.judge(db, one)
    assert refreshed_now(db) is None
    featured_study.keep_features(db, [one.id for one in completions.listing(db)][:20])
    assert (len(refreshed_now(db).judgments), refreshed_now(db).missing) == (10, 15)


def test_held_out_pairs_never_go_in(db):
    featured_study.fill(db, 3)
    assert newest_judgments.training(db, 10) == []
    made = featured_study.fill(db, 0)
    assert made == []


def test_no_judgments_and_one_and_contradicting_ones_have_a_reward(db):
    made = featured_study.fill(db, 2)
    featured_study.keep_features(db)
    assert refreshed_now(db) is None
    featured_study.judge(db, made[0])
    assert np.isfinite(score(refreshed_now(db), HELD_OUT_SAMPLES)).all()
    db.execute("UPDATE comparisons SET overlap = 2")
    featured_study.judge(db, made[0], "bob", likes=-1)
    found = refreshed_now(db)
    assert found.posterior.mean == pytest.approx(np.zeros_like(found.posterior.mean), abs=1e-6)


def test_the_thread_shows_it_from_twenty_judgments_on_and_who_is_left_out_is_forgotten(db):
    made = featured_study.fill(db, 22)
    featured_study.keep_features(db)
    follower = Refreshing(db)
    for place, one in enumerate(made):
        featured_study.judge(db, one, "bob" if place < 2 else "ann")
        follower.look()
        assert (follower.current is not None) == (place >= 19)
    exclusions.leave_out(db, annotator_id=annotators.ensure(db, "bob").id, by="test", reason="too fast")
    follower.changed()
    follower.look()
    assert len(follower.current.judgments) == 20


def test_what_is_changed_while_it_catches_up_is_seen_at_the_next_look(db, monkeypatch):
    made = featured_study.fill(db, 26)
    featured_study.keep_features(db)
    follower = Refreshing(db)
    for place, one in enumerate(made[:24]):
        featured_study.judge(db, one, "bob" if place < 2 else "ann")
    follower.look()
    catch_up = Absorber.catch_up

    def leaving_bob_out(absorber):
        found = catch_up(absorber)
        exclusions.leave_out(db, annotator_id=annotators.ensure(db, "bob").id, by="test", reason="too fast")
        follower.changed()
        return found

    featured_study.judge(db, made[24])
    with monkeypatch.context() as patch:
        patch.setattr(Absorber, "catch_up", leaving_bob_out)
        follower.look()
    assert len(follower.current.judgments) == 25
    follower.look()
    assert len(follower.current.judgments) == 23
    absorber = follower._absorber
    featured_study.judge(db, made[25])
    follower.look()
    follower.look()
    assert len(follower.current.judgments) == 24 and follower._absorber is absorber, (
        "it is not made from rows each time"
    )


def test_what_changes_while_people_judge_is_heard_of(db):
    made = featured_study.fill(db, 30)
    ids = [one.id for one in completions.listing(db)]
    featured_study.keep_features(db, ids[:52])
    follower = Refreshing(db)
    for place, one in enumerate(made[:26]):
        featured_study.judge(db, one, "bob" if place < 5 else "ann")
    follower.look()
    exclusions.leave_out(db, annotator_id=annotators.ensure(db, "bob").id, by="test", reason="too fast")
    follower.changed()
    featured_study.judge(db, made[26])  # its texts have no features yet
    follower.look()
    assert (len(follower.current.judgments), follower.current.missing) == (21, 1)
    featured_study.keep_features(db, ids[52:])
    featured_study.judge(db, made[27])
    follower.look()
    assert (len(follower.current.judgments), follower.current.missing) == (23, 0)


@pytest.mark.parametrize("contradicting", [True, False])
def test_answers_that_decide_nothing_leave_scores_of_a_size_that_can_be_read(db, contradicting):
    """Only ties, or two people who say the opposite of each other: 0, give or take what was expected before."""
    made = featured_study.fill(db, 30)
    featured_study.keep_features(db)
    db.execute("UPDATE comparisons SET overlap = 2")
    for one in made[:25]:
        if contradicting:
            featured_study.judge(db, one)
            featured_study.judge(db, one, "bob", likes=-1)
        else:
            tied = NewJudgment(one, annotators.ensure(db, "ann").id, [1, 1], [0, 1], f"tie-{one:08}")
            judgments.submit(db, tied)
    judged = [f"{'x' * place} a" for place in range(9)]
    scores, deviations = refreshed_now(db).scores([featured_study.vector(text) for text in judged])
    assert scores == pytest.approx(np.zeros(9), abs=1e-4)
    assert deviations.min() > 0.1 and deviations.max() < 5


def test_who_withdraws_is_forgotten_and_who_comes_back_counts_whoever_noticed(db):
    """Without a word from the page, as where another process did it, and with an answer before the next look."""
    made = featured_study.fill(db, 30)
    featured_study.keep_features(db)
    thread, follower = Refreshing(db), Absorber(db)
    for place, one in enumerate(made[:28]):
        featured_study.judge(db, one, "bob" if place % 4 == 0 else "ann")
    thread.look()
    follower.start()
    bob = annotators.ensure(db, "bob").id
    withdrawal.withdraw(db, bob, by="bob")
    thread.look()
    assert len(thread.current.judgments) == len(follower.catch_up().judgments) == 21
    withdrawal.come_back(db, bob, by="bob")
    featured_study.judge(db, made[28])
    thread.look()
    found = follower.catch_up()
    assert len(thread.current.judgments) == len(found.judgments) == 29
    assert score(found, HELD_OUT_SAMPLES) == pytest.approx(score(refreshed_now(db), HELD_OUT_SAMPLES))


def test_an_import_that_is_taken_back_is_noticed_though_somebody_judges_before_the_next_look(db, tmp_path):
    made = featured_study.fill(db, 24)
    rows = [
        {"prompt": f"Imported {n}?", "split": "train", "completions": [{"text": f"{n} xx"}, {"text": f"{n} x"}]}
        | {"judgments": [{"annotator": "them", "ranks": [1, 2], "shown": [0, 1]}]}
        for n in range(7)
    ]
    path = tmp_path / "brought.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    exchange.import_file(db, path, "comparisons")
    featured_study.keep_features(db)
    for one in made[:20]:
        featured_study.judge(db, one)
    thread = Refreshing(db)
    thread.look()
    assert len(thread.current.judgments) == 27
    exchange.undo_import(db, path)
    featured_study.judge(db, made[20])
    thread.look()
    assert len(thread.current.judgments) == 21
    exchange.import_file(db, path, "comparisons")
    featured_study.judge(db, made[21])
    thread.look()
    assert len(thread.current.judgments) == 29


def test_a_judgment_that_is_stored_while_all_is_read_counts_once(db, monkeypatch):
    made = featured_study.fill(db, 24)
    featured_study.keep_features(db)
    for one in made[:22]:
        featured_study.judge(db, one)
    latest = newest_judgments.latest

    def then_judged(read):
        found = latest(read)
        featured_study.judge(db, made[22])
        return found

    with monkeypatch.context() as patch:
        absorber = Absorber(db)
        patch.setattr(newest_judgments, "latest", then_judged)
        assert len(absorber.start().judgments) == 22
    assert len(absorber.catch_up().judgments) == 23
    assert [len(pairs) for pairs in absorber._kept.values()] == [1] * 23


def test_chance_chooses_until_fifty_judgments_are_there(db):
    made = featured_study.fill(db, 51)
    featured_study.keep_features(db)
    follower = Follower(db)
    assert follower.look() is None
    for one in made[:49]:
        featured_study.judge(db, one)
    assert follower.look() is None
    featured_study.judge(db, made[49])
    assert len(follower.look().judgments) == 50


def test_home_shows_the_refreshed_taste_with_where_its_numbers_come_from(db):
    made = featured_study.fill(db, 24)
    featured_study.keep_features(db)
    for one in made:
        featured_study.judge(db, one)
    taste = latest_taste.taste_of(db, refreshed_now(db))
    shown = latest_taste.taste_shown(db, taste)
    assert [one["samples"] for one in shown] == [8, 8, 8]
    assert all(one["best"]["text"].count("x") > one["worst"]["text"].count("x") for one in shown)
    figures = home_figures.figures(db, verbs.loop_state(db), people_figures.compute(db), taste)
    assert figures["taste.judgments"].value == len(home_figures.rows_of(figures["taste.judgments"], 0, 100)) == 24
    assert figures["taste.1.best"].value == shown[0]["best"]["score"]
    assert figures["taste.1.best_half"].value == pytest.approx(1.96 * shown[0]["best"]["deviation"])
    assert set(figures["taste.1.best_half"].inputs) <= figures.keys()
    assert latest_taste.taste_of(db, None).prompts == []


@pytest.mark.parametrize(("kept", "refreshed"), [([], True), ([{"prompt_id": 1, "scores": {"1": 0.5}}], False)])
def test_a_trained_reward_without_samples_leaves_the_taste_to_the_refreshed_one(db, monkeypatch, kept, refreshed):
    made = featured_study.fill(db, 24)
    featured_study.keep_features(db)
    for one in made:
        featured_study.judge(db, one)
    trained = SimpleNamespace(id=1, metrics={"taste": kept}, run_id=1)
    monkeypatch.setattr(latest_taste.reward_models, "latest", lambda _: trained)
    monkeypatch.setattr(latest_taste.behind_figures, "latest_seen", lambda *_: 10**9)  # it has seen every judgment
    assert (latest_taste.taste_of(db, refreshed_now(db)).judgments is not None) is refreshed
