"""What several people said together: a pair's decision by majority, how far they agree, and how often one of them is
with the others. Pure functions over judgments.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from feedback_store.judgments import Judgment
from feedback_store.preferences import outcome

Vote = tuple[str, int | None, bool]


@dataclass(frozen=True)
class Decision:
    """What people decided on a pair: the winner's place (0 or 1) or, without one, the reason.

    `n`: judgments but for skips. `agreement`: the winner's share of them. `margin`: the mean strength (1 to 3) of the
    winning votes / 3, so that one vote gives 1/3, 2/3 or 1; 0 where no strength was asked.
    """

    winner: int | None
    reason: str | None
    n: int
    agreement: float
    margin: float


def decide(votes: Sequence[Vote], skips: int = 0) -> Decision:
    """Decide a pair by majority of the votes (outcome first | tie | second, strength, both bad).

    The winner has more votes than the other one and than the ties. The reasons are the words of dropped.jsonl.
    """
    n = len(votes)
    if n == 0:
        return Decision(None, "skipped by all" if skips else "not judged", 0, 0.0, 0.0)
    tally = Counter(said for said, _, _ in votes)
    best = max(tally["first"], tally["second"])
    if 2 * sum(bad for _, _, bad in votes) > n:
        return Decision(None, "both bad", n, 0.0, 0.0)
    if tally["first"] == tally["second"] or best <= tally["tie"]:
        return Decision(None, "tie" if tally["tie"] > best else "even split", n, 0.0, 0.0)
    won = "first" if tally["first"] > tally["second"] else "second"
    strengths = [strength or 0 for said, strength, _ in votes if said == won]
    return Decision(
        ("first", "second").index(won), None, n, round(best / n, 6), round(sum(strengths) / len(strengths) / 3, 6)
    )


def votes_on(judgments: Sequence[Judgment], first: int, second: int) -> list[Vote]:
    """Return the votes on two places of a comparison; skips give none."""
    return [
        (outcome(one.ranks[first], one.ranks[second]), one.strength, one.both_bad) for one in judgments if one.ranks
    ]


def extremes(judgments: Sequence[Judgment], number: int) -> set[int]:
    """Return the places of the best and the worst of `number` completions: those that win and lose most decided pairs.

    Empty where either is not one alone.
    """
    wins = [0] * number
    for first, second in combinations(range(number), 2):
        winner = decide(votes_on(judgments, first, second)).winner
        if winner is not None:
            wins[(first, second)[winner]] += 1
            wins[(second, first)[winner]] -= 1
    ends = {max(wins), min(wins)}
    found = {place for place, won in enumerate(wins) if won in ends}
    return found if len(ends) == len(found) == 2 else set()


def agreement(judgments: Sequence[Judgment]) -> float | None:
    """Return how far people agree on a comparison: the share of the most frequent answer (first, tie, second), as the
    mean over its pairs. None where nobody ranked.
    """
    ranked = [one for one in judgments if one.ranks]
    if not ranked:
        return None
    shares = []
    for first, second in _pairs(ranked):
        tally = Counter(said for said, _, _ in votes_on(ranked, first, second))
        shares.append(max(tally.values()) / len(ranked))
    return sum(shares) / len(shares)


def with_the_others(judgments: Sequence[Judgment]) -> Iterator[tuple[int, bool]]:
    """Yield (person, whether they said what most of the others said) for each pair of one comparison.

    Where the others are undecided among themselves, nothing is said about the one.
    """
    ranked = [one for one in judgments if one.ranks]
    for first, second in _pairs(ranked) if len(ranked) > 1 else ():
        said = [vote for vote, _, _ in votes_on(ranked, first, second)]
        for place, one in enumerate(ranked):
            others = Counter(said[:place] + said[place + 1 :]).most_common(2)
            if len(others) == 1 or others[0][1] > others[1][1]:
                yield one.annotator_id, said[place] == others[0][0]


def _pairs(ranked: Sequence[Judgment]) -> list[tuple[int, int]]:
    return list(combinations(range(len(ranked[0].ranks or [])), 2))
