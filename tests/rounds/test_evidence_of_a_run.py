"""What a training knows of people beside its snapshot is that of its first attempt."""

from types import SimpleNamespace

import featured_study
from feedback_store import check_questions, comparisons
from rounds import beginnings, studies
from rounds.beginnings import Beginning
from rounds.kinds import train_reward


def test_a_check_question_that_is_retired_meanwhile_still_counts_for_a_later_attempt(tmp_path):
    with studies.open_or_create(tmp_path / "study", base="tiny:", create=True, refill=False) as db:
        made = featured_study.fill(db, 8)
        snapshot = [featured_study.judge(db, one) for one in made[:6]]
        check = check_questions.make(db, comparisons.get(db, made[7]).public_id, [1, 2], by="lead")
        featured_study.judge(db, check.comparison_id)
        snapshot.append(featured_study.judge(db, made[6]))
        context = SimpleNamespace(db=db, folder=tmp_path)
        Beginning("base", None, reference_ids=[1]).write(tmp_path)
        first = train_reward._told_of_people(context, snapshot)
        assert [one.expert for one in first] == ["first"]
        check_questions.retire(db, check.public_id, by="lead")
        assert train_reward._told_of_people(context, snapshot) == first
        assert beginnings.read(tmp_path).reference_ids == [1], "what else it began with stays"
