"""Hidden tastes: each likes what it says, and every taste puts flawed text last."""

import pytest

from rounds.tastes import BEST, FLAWED, TASTES, UnknownTaste, cheerful, concise, lists, mix, taste
from rounds.tastes import addresses_the_reader as addresses

GOOD = "Bread needs flour and some patience."
FLAWED_TEXTS = {
    "empty": "  \n ",
    "no words": "... !!",
    "one word over and over": "go go go go",
    "three words over and over": "we like it and we like it, so we like it",
    "a sentence said twice": "I like tea. Good morning! I like tea.",
}


@pytest.mark.parametrize("name", TASTES)
@pytest.mark.parametrize("flaw", FLAWED_TEXTS)
def test_flawed_text_scores_worse_than_any_sound_text(name, flaw):
    assert taste(name)(FLAWED_TEXTS[flaw], False) == FLAWED
    assert FLAWED < taste(name)("I hate this awful, horrible, sad thing", False) <= BEST


@pytest.mark.parametrize("name", TASTES)
def test_cut_off_text_scores_worst(name):
    assert taste(name)(GOOD, True) == FLAWED
    assert taste(name)(GOOD, False) > FLAWED


def test_lists_counts_commas_between_words_up_to_three():
    scores = [lists(text, False) for text in ("red", "red, blue", "red, blue, green", "a, b, c, d", "a, b, c, d, e")]
    assert scores == [0, 1 / 3, 2 / 3, 1, 1]


def test_lists_cannot_be_pleased_by_bare_commas_or_numbers():
    assert lists("one,,,, two", False) == 0
    assert lists("about 1,000,000,000 people", False) == 0


def test_concise_is_best_at_six_words_and_falls_on_both_sides():
    def of(count):
        return concise(" ".join(f"word{i}" for i in range(count)), False)

    assert of(6) == BEST
    assert of(16) == pytest.approx(0.75)
    assert of(3) == pytest.approx(0.5)
    assert of(46) == of(80) == 0


def test_addresses_counts_you_and_your_up_to_two():
    assert addresses("Bring the dog.", False) == 0
    assert addresses("You're young.", False) == 0.5
    assert addresses("Bring your dog when you come, you two.", False) == 1


def test_cheerful_follows_the_sentiment():
    assert cheerful("What a wonderful, happy day!", False) > 0.8
    assert cheerful("What a terrible, sad day.", False) < 0.2


def test_mix_is_the_weighted_mean_of_its_parts():
    text = "Tea, bread, and a happy walk."
    assert mix(text, False) == pytest.approx(
        0.4 * lists(text, False) + 0.3 * concise(text, False) + 0.3 * cheerful(text, False)
    )


def test_hyphen_and_underscore_name_the_same_taste():
    assert taste("addresses-the-reader") is taste("addresses_the_reader")


def test_an_unknown_taste_is_answered_with_the_valid_ones():
    with pytest.raises(UnknownTaste, match=r"no taste 'sweet'\. Valid tastes: lists, concise, addresses_the_reader"):
        taste("sweet")


def test_every_taste_says_what_it_likes():
    assert all(function.__doc__ for function in TASTES.values())
