"""Wrong passwords have to wait, across restarts; right ones do not."""

import threading

import pytest

from feedback_store import clock, throttles
from feedback_store.database import Database
from feedback_store.throttles import POLICIES, Policy, attempt, of_account, of_address, succeeded, wait_seconds

NOW = "2026-11-23T10:00:00.000Z"
ANN, HOME = of_account("ann"), of_address("192.0.2.7")


def passed_in(db: Database, subjects: tuple[str, ...], seconds: float, every: float) -> int:
    """How many attempts pass of somebody who tries all the time and waits for nothing but what is asked for."""
    number, at = 0, 0.0
    while at < seconds:
        wait = attempt(db, *subjects, now=clock.after(NOW, at))
        number += wait == 0
        at += wait or every
    return number


def test_the_waits_double_up_to_the_most() -> None:
    policy = Policy(free=2, first_seconds=10, most_seconds=60)
    assert [throttles.wait_after(failures, policy) for failures in range(7)] == [0, 0, 10, 20, 40, 60, 60]
    assert throttles.wait_after(10**9, policy) == 60


def test_what_is_left_to_somebody_who_guesses_is_what_the_docs_say(db: Database) -> None:
    assert passed_in(db, (ANN,), 24 * 3600, 0.2) == 104
    assert passed_in(db, (HOME,), 24 * 3600, 0.2) == pytest.approx(1550, abs=20)


def test_a_wrong_password_waits_for_its_account_from_everywhere(db: Database) -> None:
    tried = [attempt(db, ANN, of_address(f"192.0.2.{n}"), now=NOW) for n in range(8)]
    assert tried == [0, 0, 0, 0, 0, 30, 30, 30]
    assert attempt(db, of_account("bob"), HOME, now=NOW) == 0
    assert attempt(db, ANN, HOME, now=clock.after(NOW, 29)) == 1
    assert attempt(db, ANN, HOME, now=clock.after(NOW, 30)) == 0
    assert attempt(db, ANN, HOME, now=clock.after(NOW, 30)) == 60


def test_it_is_stored_and_counts_after_a_restart(db: Database) -> None:
    for _ in range(6):
        attempt(db, ANN, HOME, now=NOW)
    db.close()
    with Database.open(db.folder) as again:
        assert wait_seconds(again, ANN, NOW) == 30


def test_an_attempt_that_was_right_costs_nothing(db: Database) -> None:
    for _ in range(300):
        assert attempt(db, ANN, HOME, now=NOW) == 0
        succeeded(db, ANN)
        succeeded(db, HOME)
    assert wait_seconds(db, ANN, NOW) == wait_seconds(db, HOME, NOW) == 0


def test_an_account_of_ones_own_does_not_wash_an_address_clean(db: Database) -> None:
    passed = 0
    for number in range(200):
        if attempt(db, of_account(f"victim {number}"), HOME, now=NOW) == 0:
            passed += 1
            if attempt(db, of_account("own"), HOME, now=NOW) == 0:
                succeeded(db, of_account("own"))
                succeeded(db, HOME)
    assert passed <= POLICIES["address"].free


def test_many_at_once_pass_no_more_than_one_after_the_other(db: Database) -> None:
    barrier, waits = threading.Barrier(20), []

    def guess() -> None:
        barrier.wait()
        waits.append(attempt(db, ANN, now=NOW))

    threads = [threading.Thread(target=guess) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waits.count(0) == POLICIES["account"].free


def test_failures_are_forgotten_after_a_day_and_their_rows_go(db: Database) -> None:
    for _ in range(6):
        attempt(db, ANN, now=NOW)
    tomorrow = clock.after(NOW, throttles.FORGOTTEN_SECONDS + 30)
    assert attempt(db, HOME, now=tomorrow) == 0
    assert db.value("SELECT COUNT(*) FROM throttles") == 1
    throttles.failed(db, ANN, NOW)
    throttles.failed(db, ANN, tomorrow)
    assert db.value("SELECT MAX(failures) FROM throttles") == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("testclient", "testclient", True),
    ],
)
def test_an_address_is_what_one_customer_has(one: str, other: str, same: bool) -> None:
    assert (of_address(one) == of_address(other)) is same


def test_a_name_is_the_same_however_it_is_typed() -> None:
    assert of_account(" Ann\u00e9") == of_account("Anne\u0301 ")
