"""Agreement, win rates and work, on small frames worked by hand."""

from typing import Any

import krippendorff
import numpy as np
import pandas
import pytest

from feedback_store import bootstrap
from feedback_store.agreement import agreement, verdicts
from feedback_store.win_rates import win_rates
from feedback_store.work import by_person_and_day, pace

FIRST, TIE, SECOND = [1, 2], [1, 1], [2, 1]


def frame(*rows: tuple[int, str, list[int] | None], **fields: list[Any]) -> pandas.DataFrame:
    """Judgments (comparison, annotator, ranks), each comparison of a prompt of its own; None is a skip."""
    made = pandas.DataFrame(rows, columns=["comparison_id", "annotator", "ranks"])
    made["id"] = range(1, len(rows) + 1)
    made["prompt_id"] = made["comparison_id"]
    made["skipped"] = [None if ranks else "unclear" for ranks in made["ranks"]]
    made["strength"] = None
    for name, values in fields.items():
        made[name] = values
    return made


def values(said: pandas.DataFrame, **options: Any) -> dict[str, float]:
    return dict(zip(*(agreement(said, **options)[name] for name in ("measure", "value")), strict=True))


THREE = frame(
    (1, "ann", FIRST), (1, "bob", FIRST), (1, "cem", SECOND),
    (2, "ann", TIE), (2, "bob", TIE),
    (3, "ann", FIRST), (3, "bob", SECOND),
    (4, "ann", FIRST),
)  # fmt: skip


def test_raw_agreement_is_the_share_of_pairs_of_people_averaged_over_what_was_compared() -> None:
    table = agreement(THREE, resamples=10).set_index("measure")
    assert table.loc["raw", "value"] == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert table.loc["raw", ["pairs", "prompts", "verdicts"]].tolist() == [3, 3, 7]


def test_alpha_is_that_of_the_book() -> None:
    # Coincidences of THREE (f first, t tie, s second): comparison 1 gives ff 2 / 2 = 1, fs and sf 1 each; 2 gives tt 2;
    # 3 gives fs and sf 1 each. n_f = 3, n_t = 2, n_s = 2, n = 7; D_o = 4 / 7; D_e = (49 - 9 - 4 - 4) / (7 * 6).
    assert values(THREE, resamples=10)["alpha nominal"] == pytest.approx(1 - (4 / 7) / (32 / 42))


def test_alpha_by_strength_knows_that_slightly_is_nearer_to_a_tie_than_to_the_other_side() -> None:
    near = frame(
        (1, "ann", FIRST), (1, "bob", TIE), (2, "ann", FIRST), (2, "bob", FIRST),
        (3, "ann", SECOND), (3, "bob", SECOND),
        strength=[1, None, 3, 3, 3, 2],
    )  # fmt: skip
    far = near.assign(ranks=[FIRST, SECOND, *near["ranks"][2:]], strength=[3, 3, 3, 3, 3, 2])
    assert values(near, resamples=10)["alpha ordinal"] > values(far, resamples=10)["alpha ordinal"]
    people = [[-1, -3, 3], [0, -3, 2]]
    expected = krippendorff.alpha(people, value_domain=[-3, -2, -1, 0, 1, 2, 3], level_of_measurement="ordinal")
    assert values(near, resamples=10)["alpha ordinal"] == pytest.approx(expected)


def test_decided_verdicts_without_strength_have_no_place_on_the_scale() -> None:
    table = agreement(THREE, resamples=10).set_index("measure")
    assert table.loc["alpha ordinal", ["pairs", "verdicts"]].tolist() == [1, 2]  # the two ties
    assert np.isnan(table.loc["alpha ordinal", "value"])


def test_where_all_say_the_same_alpha_is_not_defined_and_raw_agreement_is_whole() -> None:
    same = frame((1, "ann", FIRST), (1, "bob", FIRST), (2, "ann", FIRST), (2, "bob", FIRST))
    found = values(same, resamples=10)
    assert found["raw"] == 1
    assert np.isnan(found["alpha nominal"])


def test_a_ranking_of_three_counts_as_two_comparisons() -> None:
    pairs = verdicts(frame((1, "ann", [1, 2, 3]), (1, "bob", [1, 3, 2])))
    assert pairs.groupby("annotator")["weight"].sum().tolist() == pytest.approx([2, 2])
    both = frame((1, "ann", [1, 2, 3]), (1, "bob", [1, 3, 2]), (2, "ann", FIRST), (2, "bob", SECOND))
    # Three pairs of weight 2/3, of which two agree, and one pair of weight 1, which does not.
    assert values(both, resamples=10)["raw"] == pytest.approx((2 * 2 / 3) / (3 * 2 / 3 + 1))


def test_skips_and_earlier_answers_of_a_person_say_nothing() -> None:
    said = frame((1, "ann", FIRST), (1, "bob", None), (2, "ann", FIRST), (2, "ann", SECOND), (2, "bob", SECOND))
    table = agreement(said, resamples=10).set_index("measure")
    assert table.loc["raw", ["value", "pairs", "verdicts"]].tolist() == [1, 1, 2]


def test_intervals_are_drawn_over_prompts_and_by_the_seed() -> None:
    draw = np.random.default_rng(0)
    rows = [(number, name, [FIRST, TIE, SECOND][draw.integers(3)]) for number in range(30) for name in ("ann", "bob")]
    first, again, other = (agreement(frame(*rows), seed=seed, resamples=200) for seed in (1, 1, 2))
    pandas.testing.assert_frame_equal(first, again)
    assert first["low"].tolist() != other["low"].tolist()
    sure = first.set_index("measure").drop("alpha ordinal")
    assert (sure["low"] < sure["value"]).all()
    assert (sure["value"] < sure["high"]).all()
    # The same 60 judgments of one prompt only: one prompt says nothing about others.
    one_prompt = agreement(frame(*rows, prompt_id=[1] * 60), resamples=10)
    assert one_prompt["low"].isna().all()


def test_an_interval_takes_groups_whole() -> None:
    groups, numbers = np.array([1, 1, 2, 2]), np.array([0.0, 0.0, 1.0, 1.0])
    drawn: set[float] = set()
    low, high = bootstrap.interval(
        lambda rows: drawn.add(found := float(numbers[rows].mean())) or found, groups, seed=0, resamples=200
    )
    assert drawn == {0.0, 0.5, 1.0}
    assert (low, high) == (0.0, 1.0)


def test_three_prompts_of_one_mind_prove_little() -> None:
    said = frame(
        *[(place, name, FIRST) for place in range(3) for name in ("ann", "bob")], policies=[["new", "old"]] * 6
    )
    new, old = win_rates(said, resamples=50).to_dict("records")
    assert (new["win_rate"], new["low"], new["high"]) == (1.0, pytest.approx(0.025 ** (1 / 3)), 1.0)
    assert (old["win_rate"], old["low"], old["high"]) == (0.0, 0.0, pytest.approx(1 - 0.025 ** (1 / 3)))
    raw = agreement(said, resamples=50).set_index("measure").loc["raw"]
    assert (raw["value"], raw["low"], raw["high"]) == (1.0, pytest.approx(0.025 ** (1 / 3)), 1.0)


def test_ties_count_half_for_a_win_rate() -> None:
    said = frame((1, "ann", FIRST), (2, "ann", TIE), (3, "ann", SECOND), (4, "ann", FIRST), (5, "ann", None))
    said["policies"] = [["new", "old"], ["new", "old"], ["new", "old"], ["old", "new"], ["new", "old"]]
    rates = win_rates(said, resamples=100).set_index(["policy", "opponent"])
    assert rates.loc[("new", "old"), "win_rate"] == pytest.approx(1.5 / 4)
    assert rates.loc[("old", "new"), "win_rate"] == pytest.approx(2.5 / 4)
    counts = ["wins", "ties", "losses", "judgments", "prompts"]
    assert rates.loc[("new", "old"), counts].tolist() == [1, 1, 2, 4, 4]
    assert rates.loc[("new", "old"), "low"] == pytest.approx(1 - rates.loc[("old", "new"), "high"])
    assert 0 <= rates.loc[("new", "old"), "low"] < 1.5 / 4 < rates.loc[("new", "old"), "high"] <= 1


def test_win_rates_of_a_ranking_leave_out_pairs_of_one_policy() -> None:
    said = frame((1, "ann", [1, 2, 3]), policies=[["new", "old", "new"]])
    (new, old) = win_rates(said).to_dict("records")
    assert (new["policy"], new["wins"], new["losses"]) == ("new", pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (old["win_rate"], old["judgments"], np.isnan(old["low"])) == (0.5, 1, True)


TIMES = {
    "at": ["2026-11-23T10:10:00Z", "2026-11-23T10:50:00.500Z", "2026-11-23T12:30:00+01:00", "noon", None],
    "created_at": ["2026-11-24T09:00:00.000Z"] * 5,
    "milliseconds": [60_000, 600_000, 30_000, None, 1_000],
    "purpose": ["check", "training", "check", "check", "check"],
    "expert": [FIRST, FIRST, TIE, FIRST, FIRST],
}
WORKED = frame((1, "ann", FIRST), (2, "ann", FIRST), (3, "bob", FIRST), (4, "ann", SECOND), (5, "ann", None), **TIMES)


def test_pace_counts_judgments_and_people_by_the_hour() -> None:
    found = pace(WORKED)
    assert [str(hour)[:16] for hour in found["hour"]] == ["2026-11-23 10:00", "2026-11-23 11:00", "2026-11-24 09:00"]
    assert found["judgments"].tolist() == [2, 1, 2]
    assert found["people"].tolist() == [1, 1, 1]


def test_work_is_counted_by_person_and_day() -> None:
    worked = WORKED.assign(first_ranks=WORKED["ranks"])
    monday, tuesday, bob = by_person_and_day(worked, most_seconds=120).to_dict("records")
    assert (monday["annotator"], str(monday["day"])[:10], monday["judgments"]) == ("ann", "2026-11-23", 2)
    assert monday["active_minutes"] == pytest.approx(1 + 2)  # ten minutes on one pair are two
    assert (monday["checks"], monday["check_accuracy"]) == (1, 1.0)
    assert (tuesday["judgments"], tuesday["skips"], tuesday["checks"], tuesday["check_accuracy"]) == (2, 1, 1, 0.0)
    assert tuesday["active_minutes"] == pytest.approx(1 / 60)
    assert (bob["checks"], bob["check_accuracy"]) == (1, 0.0)  # a tie, and the first was chosen
