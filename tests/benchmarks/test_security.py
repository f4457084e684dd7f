"""The security benchmark, cut down: its cells run, and find what is there to be found."""

from pathlib import Path

from benchmarks import security, security_secrets
from benchmarks.setting import Setting


def test_somebody_who_guesses_gets_a_few_tries_through(tmp_path: Path):
    row = security.passwords(Setting(short=True, work=tmp_path))
    assert row["tries_a_minute"] == 60
    for way in ("one_account_many_addresses", "one_account_one_address"):
        assert 5 <= row[way]["first_minute"] <= 7, "five free ones, then waits"
    assert row["one_address_many_accounts"]["first_minute"] == 60, "a hundred are free, as many people share one"
    assert row["one_address_many_accounts"]["through"] < 120


def test_a_secret_is_found_wherever_it_was_written(tmp_path: Path):
    (tmp_path / "study").mkdir()
    (tmp_path / "serve.log").write_text("GET /login?password=Tau-4%20eats HTTP/1.1")
    (tmp_path / "study" / "study.db").write_bytes(b"\x00Tau-4 eats\x00")
    (tmp_path / "study" / "README.md").write_text("VGF1LTQgZWF0cw== in base 64, and nothing else")
    found = security_secrets._found(tmp_path, {"one": "Tau-4 eats", "other": "Rho-7"}, "ended")
    assert found == {f"one in {name} (ended)" for name in ("serve.log", "study/study.db", "study/README.md")}


def test_nothing_secret_of_a_played_study_is_left_on_the_disk(tmp_path: Path):
    row = security_secrets.played(tmp_path)
    assert row["secrets"] >= 10
    assert row["files"] > 5
    assert (row["found"], row["told"]) == (0, [])
