"""Runs over HTTP: the form, plans, the list, one run, its file, log, curves and samples, trying again."""

import shlex
import tomllib

import pytest
from starlette.testclient import TestClient

from feedback_store import annotators, clock, reward_models, run_records, runs
from feedback_store.database import Database
from rounds import beginnings, resuming, shown_samples, token_rows, verbs
from rounds.settings import parse
from rounds.shown_samples import ShownSample
from web_studies import HOSTILE, claim, judge_all, reward_model, two_policies

KINDS = ["sample", "train-reward", "train-policy", "evaluate"]


def ended(db: Database, kind: str = "sample", error: str | None = "out of memory", **config: object) -> int:
    """A run that failed, or succeeded where there is no error."""
    runs.enqueue(db, kind, parse(kind, config))
    lease = claim(db)
    if error is None:
        runs.succeed(db, lease, {}, now=clock.after(clock.now(), 5))  # it took five seconds
    else:
        runs.fail(db, lease, error)
    return lease.run_id


def test_the_form_has_every_kind_with_fields_values_and_presets(client: TestClient):
    kinds = {one["kind"]: one for one in client.get("/api/runs/kinds").json()["kinds"]}
    assert list(kinds) == KINDS
    policy = kinds["train-policy"]
    assert {field["name"] for field in policy["fields"]} == set(policy["values"])
    assert "resume_from" not in policy["values"]
    assert policy["values"]["ppo.steps"] == 5
    assert policy["values"]["ppo.sampling.max_new_tokens"] == 16  # the study's own, not the default
    assert [preset["name"] for preset in policy["presets"]] == ["quick", "fast", "normal", "thorough"]


def test_a_plan_says_everything_and_starts_nothing(client: TestClient, study: Database):
    body = {"kind": "sample", "settings": {"pairs": 4}, "preset": "thorough"}
    answer = client.post("/api/runs/plan", json=body).json()
    [part] = answer["parts"]
    assert part["settings"]["pairs"] == 4
    assert answer["command"] == "tastemaker run STUDY sample --set pairs=4"
    assert tomllib.loads(part["toml"]) == {"pairs": 4}
    assert part["estimate"]["seconds"] > 0
    assert part["estimate"]["runs"] == []
    assert 0 < part["estimate"]["kept_gb"] <= part["estimate"]["disk_gb"] < part["estimate"]["free_disk_gb"]
    assert runs.listing(study) == []
    started = client.post("/api/runs", json=body).json()
    assert runs.get(study, started["id"]).config["pairs"] == 4


def test_an_estimate_is_based_on_runs_that_ended(client: TestClient, study: Database):
    run = ended(study, error=None)
    [part] = client.post("/api/runs/plan", json={"kind": "sample"}).json()["parts"]
    assert part["estimate"]["runs"] == [run]


def test_what_is_wrong_with_a_plan_stands_under_its_setting(client: TestClient):
    [part] = client.post("/api/runs/plan", json={"kind": "sample", "settings": {"pairs": 0, "seed": "x"}}).json()[
        "parts"
    ]
    assert set(part["faults"]) == {"pairs", "seed"}
    assert part["command"] is None
    for settings in ({"policy": "nobody"}, {"policy": "a" * 100}):
        [part] = client.post("/api/runs/plan", json={"kind": "sample", "settings": settings}).json()["parts"]
        assert "There is no policy" in part["refused"]["reason"]
    [part] = client.post("/api/runs/plan", json={"kind": "train-policy"}).json()["parts"]
    assert part["refused"]["code"] == "no_reward"
    assert "no reward model" in part["refused"]["reason"]
    for algorithm, code in (("dpo", "nothing_decided"), ("imitation", "nothing_to_imitate")):
        asked = {"kind": "train-policy", "settings": {"algorithm": algorithm}}
        [part] = client.post("/api/runs/plan", json=asked).json()["parts"]
        assert part["refused"]["code"] == code
    asked = {"kind": "train-policy", "settings": {"ppo.kl_target_nats": 6}}
    [part] = client.post("/api/runs/plan", json=asked).json()["parts"]
    assert part["faults"]["ppo.kl_target_nats"]["key"] == "fault.target_above_budget"
    assert part["faults"]["ppo.kl_target_nats"]["values"] == {"target": "6", "budget": "5"}
    [part] = client.post("/api/runs/plan", json={"kind": "sample", "preset": "huge"}).json()["parts"]
    assert "quick, normal, thorough" in part["refused"]["reason"]


def test_the_parts_of_a_reward_are_one_field_of_json(client: TestClient, study: Database):
    judge_all(study)
    [kind] = [one for one in client.get("/api/runs/kinds").json()["kinds"] if one["kind"] == "train-policy"]
    [field] = [one for one in kind["fields"] if one["name"] == "rewards"]
    assert field["kind"] == "parts"
    assert [part["function"] for part in kind["values"]["rewards"]] == ["learned"]

    def planned(text: str) -> dict:
        body = {"kind": "train-policy", "settings": {"rewards": text}}
        return client.post("/api/runs/plan", json=body).json()["parts"][0]

    made = planned('["novelty", {"function": "length_window", "weight": 0.5, "settings": {"longest": 40}}]')
    assert made["settings"]["rewards"][1]["settings"] == {"unit": "words", "shortest": 5, "longest": 40}
    assert "--set 'rewards=[" in made["command"]
    assert [part["function"] for part in tomllib.loads(made["toml"])["rewards"]] == ["novelty", "length_window"]
    for text, words in {
        "[learned": "This is no list in JSON that can be read",
        "[]": "At least one reward function",
        '["lerned"]': "Valid: bleu, chrf",
        '[{"function": "match"}]': "at least one pattern",
        '[{"function": "length_window", "settings": {"longest": 0}}]': "longest = 0 is not allowed",
        '[{"function": "own:../secret"}]': "names no own function",
    }.items():
        assert words in planned(text)["faults"]["rewards"]["words"], text


def test_the_next_round_is_planned_and_started_with_settings_of_both(client: TestClient, study: Database):
    judge_all(study)
    body = {"reward": {"reward.epochs": 2}, "policy": {"ppo.steps": 2}}
    planned = client.post("/api/next-policy/plan", json=body).json()
    assert [part["kind"] for part in planned["parts"]] == ["train-reward", "train-policy"]
    assert planned["command"] == (
        "tastemaker run STUDY train-reward --set reward.epochs=2 --wait && "
        "tastemaker run STUDY train-policy --set ppo.steps=2"
    )
    queued = client.post("/api/next-policy", json=body).json()["runs"]
    assert runs.get(study, queued[0]["id"]).config["reward"]["epochs"] == 2
    assert runs.get(study, queued[1]["id"]).config["ppo"]["steps"] == 2
    view = client.get(f"/api/runs/{queued[1]['id']}").json()
    assert [one["id"] for one in view["needs"]] == [queued[0]["id"]]
    assert [one["id"] for one in client.get(f"/api/runs/{queued[0]['id']}").json()["needed_by"]] == [queued[1]["id"]]


def test_a_fast_round_has_a_normal_reward_and_trains_the_policy_s_upper_layers(client: TestClient, study: Database):
    judge_all(study)
    planned = client.post("/api/next-policy/plan", json={"preset": "fast"}).json()
    assert [part["refused"] for part in planned["parts"]] == [None, None]
    assert planned["parts"][1]["settings"]["ppo"]["frozen_share"] == 0.5
    queued = client.post("/api/next-policy", json={"preset": "fast"}).json()["runs"]
    reward, policy = (runs.get(study, one["id"]).config for one in queued)
    assert reward["reward"]["epochs"] == 1
    assert (policy["ppo"]["frozen_share"], policy["ppo"]["learning_rate"]) == (0.5, pytest.approx(7e-4))


def test_the_list_is_filtered_and_paged_on_the_server(client: TestClient, study: Database):
    failed = [ended(study) for _ in range(3)]
    done = ended(study, "evaluate", None)
    first = client.get("/api/runs?size=2").json()
    assert ([run["id"] for run in first["runs"]], first["total"]) == ([done, failed[2]], 4)
    assert [run["id"] for run in client.get("/api/runs?size=2&page=1").json()["runs"]] == failed[1::-1]
    found = client.get("/api/runs?kind=sample&status=failed").json()
    assert ([run["id"] for run in found["runs"]], found["total"]) == (failed[::-1], 3)
    assert client.get("/api/runs?kind=sample&status=succeeded").json() == {"runs": [], "total": 0}
    assert client.get("/api/runs?status=nothing").status_code == 422


def test_a_failed_run_says_why_what_to_try_and_is_retried_once(client: TestClient, study: Database):
    run = ended(study, pairs=3)
    view = client.get(f"/api/runs/{run}").json()
    assert view["failure"]["cause"] == "memory"
    assert [one["code"] for one in view["failure"]["tries"]] == ["smaller_batches", "free_memory"]
    assert view["can"] == {"cancel": False, "retry": True, "resume_step": None}
    assert view["seconds"] >= 0
    again = client.post(f"/api/runs/{run}/retry", json={}).json()
    assert runs.get(study, again["id"]).config["pairs"] == 3
    view = client.get(f"/api/runs/{run}").json()
    assert [one["id"] for one in view["retried_by"]] == [again["id"]]
    assert view["can"]["retry"] is False
    assert client.get(f"/api/runs/{again['id']}").json()["retries"] == run
    assert client.post(f"/api/runs/{run}/retry", json={}).status_code == 422
    answer = client.post(f"/api/runs/{again['id']}/retry", json={"from_checkpoint": True})
    assert answer.status_code == 422
    assert "of all kinds only train-policy can" in answer.json()["error"]
    last = again["id"]
    for _ in range(runs.MOST_RETRIES - 1):
        runs.cancel(study, last)
        assert client.get(f"/api/runs/{last}").json()["can"]["retry"] is True
        last = client.post(f"/api/runs/{last}/retry", json={}).json()["id"]
    runs.cancel(study, last)
    assert client.get(f"/api/runs/{last}").json()["can"]["retry"] is False


def test_a_run_with_a_checkpoint_is_gone_on_from(client: TestClient, study: Database):
    run = ended(study, "train-policy", shown_prompts=1)
    folder = resuming.run_folder(study.folder, run)
    (folder / "checkpoints" / "step-000003").mkdir(parents=True)
    (folder / "checkpoints" / "step-000003" / "manifest.json").write_text("{}")
    (folder / beginnings.FILE).write_text('{"start_policy": "base", "reward_model": "reward-1"}')
    view = client.get(f"/api/runs/{run}").json()
    assert view["can"]["resume_step"] == 3
    assert "resume" in [one["code"] for one in view["failure"]["tries"]]
    new = client.post(f"/api/runs/{run}/retry", json={"from_checkpoint": True}).json()
    config = runs.get(study, new["id"]).config
    assert (config["resume_from"], config["start_policy"], config["reward_model"]) == (run, "base", "reward-1")
    assert client.get(f"/api/runs/{new['id']}").json()["resumed_from"] == run


def test_the_file_of_a_run_starts_the_same_again(client: TestClient, study: Database, tmp_path):
    run = ended(study, pairs=3, seed=17)
    answer = client.get(f"/api/runs/{run}/config.toml")
    assert answer.headers["content-disposition"] == f'attachment; filename="run-{run}.toml"'
    (tmp_path / "run.toml").write_text(answer.text, encoding="utf-8")
    assert parse("sample", config_file=tmp_path / "run.toml") == runs.get(study, run).config
    command = client.get(f"/api/runs/{run}").json()["command"]
    given = [word for word in shlex.split(command) if "=" in word]
    assert verbs.start_run(study, "sample", given).config == runs.get(study, run).config


def test_the_log_is_paged_from_its_end_and_followed(client: TestClient, study: Database):
    runs.enqueue(study, "sample", {})
    lease = claim(study)
    for place in range(5):
        run_records.log(study, lease, f"line {place} {HOSTILE}")
    last = client.get(f"/api/runs/{lease.run_id}/log?limit=2").json()
    assert [line["text"].split(" <")[0] for line in last["lines"]] == ["line 3", "line 4"]
    assert last["more"] is True
    older = client.get(f"/api/runs/{lease.run_id}/log?limit=9&before={last['lines'][0]['id']}").json()
    assert ([line["text"].split(" <")[0] for line in older["lines"]], older["more"]) == (
        ["line 0", "line 1", "line 2"], False)  # fmt: skip
    assert client.get(f"/api/runs/{lease.run_id}/log?after={last['lines'][-1]['id']}").json()["lines"] == []


def test_several_runs_come_with_their_curves(client: TestClient, study: Database):
    for place in range(2):
        runs.enqueue(study, "train-policy", {})
        lease = claim(study)
        for step in range(3):
            run_records.add_metrics(study, lease, "steps", step, {"score": place + step, "kl_nats": None})
        runs.succeed(study, lease, {})
    found = client.get("/api/curves?runs=2&runs=1&runs=2").json()["runs"]
    assert [run["id"] for run in found] == [2, 1]
    assert found[0]["curves"] == {"score": [[0, 1], [1, 2], [2, 3]], "kl_nats": [[0, None], [1, None], [2, None]]}
    assert client.get("/api/curves").status_code == 422
    assert client.get("/api/curves?runs=99").status_code == 404
    assert client.get(f"/api/curves?{'&'.join(['runs=1'] * 7)}").status_code == 422


def test_a_long_curve_is_thinned_and_keeps_its_ends(client: TestClient, study: Database):
    runs.enqueue(study, "train-policy", {})
    lease = claim(study)
    with study.transaction():
        for step in range(1001):
            run_records.add_metrics(study, lease, "steps", step, {"score": step})
    points = client.get(f"/api/runs/{lease.run_id}").json()["curves"]["score"]
    assert len(points) <= 402
    assert (points[0], points[-1]) == ([0, 0], [1000, 1000])


def test_samples_stand_by_prompt_and_step(client: TestClient, study: Database):
    reward_model(study)
    two_policies(study, "old", "new", number=3)
    run = runs.listing(study, limit=1)[0].id
    prompts = [one.id for one in verbs.prompts.listing(study, "holdout")]
    folder = resuming.run_folder(study.folder, run)
    folder.mkdir(parents=True)
    shown_samples.add(
        folder, [ShownSample(step, one, f"{HOSTILE} {step}", False) for step in (0, 2, 5) for one in prompts]
    )
    found = client.get(f"/api/runs/{run}/samples?size=2").json()
    assert (found["total"], found["steps"], len(found["prompts"])) == (3, [0, 2, 5], 2)
    assert [text["text"] for text in found["prompts"][0]["texts"]] == [f"{HOSTILE} {step}" for step in (0, 2, 5)]
    assert found["prompts"][0]["prompt"].startswith("Held out 0")
    assert len(client.get(f"/api/runs/{run}/samples?size=2&page=1").json()["prompts"]) == 1
    assert client.get("/api/runs/1/samples").json() == {"total": 0, "steps": [], "prompts": []}


def test_rollouts_stand_token_by_token_and_come_in_pages(client: TestClient, study: Database):
    reward_model(study)
    run = runs.listing(study, limit=1)[0].id
    prompt = verbs.prompts.listing(study, "train")[0]
    folder = resuming.run_folder(study.folder, run)
    folder.mkdir(parents=True, exist_ok=True)
    assert client.get(f"/api/runs/{run}/tokens").json() == {"total": 0, "steps": [], "rollouts": []}
    row = {"prompt_id": prompt.id, "tokens": [HOSTILE, "."], "figures": {"kl": [0.5, float("nan")]}}
    for step in (0, 1):
        token_rows.add(folder, step, [row, row])
    found = client.get(f"/api/runs/{run}/tokens?size=3").json()
    assert (found["total"], found["steps"], len(found["rollouts"])) == (4, [0, 1], 3)
    first = found["rollouts"][0]
    assert (first["step"], first["rollout"], first["tokens"], first["length"]) == (0, 0, [HOSTILE, "."], 2)
    assert first["figures"] == {"kl": [0.5, None]}
    assert first["prompt"] == prompt.messages[-1]["content"]
    assert [one["step"] for one in client.get(f"/api/runs/{run}/tokens?size=3&page=1").json()["rollouts"]] == [1]
    assert client.get(f"/api/runs/{run}/tokens?step=1").json()["total"] == 2
    assert client.get(f"/api/runs/{run}/tokens?size=21").status_code == 422


@pytest.mark.parametrize("path", ["", "/log", "/samples", "/tokens", "/config.toml"])
def test_a_run_that_is_not_there_is_not_found(client: TestClient, path: str):
    assert client.get(f"/api/runs/99{path}").status_code == 404
    assert client.get(f"/api/runs/99999999999999999999{path}").status_code == 422
    assert client.get(f"/api/runs/nothing{path}").status_code == 422


@pytest.mark.parametrize(
    "body",
    [{"kind": "sample", "settings": {"a" * 101: 1}}, {"kind": "sample", "settings": {"policy": "a" * 20_001}},
     {"kind": "sample", "settings": {"pairs": {"x": 1}}}, {"kind": "score"}, {"kind": "sample", "more": 1}],
)  # fmt: skip
def test_a_malformed_plan_is_refused_with_words(client: TestClient, body: dict):
    for path in ("/api/runs/plan", "/api/runs"):
        answer = client.post(path, json=body)
        assert answer.status_code == 422
        assert answer.json()["error"]


@pytest.mark.parametrize("value", ["Infinity", "NaN", "1e999", '"inf"', '"nan"'])
def test_numbers_that_are_none_are_refused_everywhere(client: TestClient, study: Database, value: str):
    judge_all(study)
    reward_model(study)
    text = f'{{"kind": "train-policy", "settings": {{"ppo.kl_target_nats": {value}}}}}'
    for path in ("/api/runs/plan", "/api/runs"):
        answer = client.post(path, content=text, headers={"content-type": "application/json"})
        refused = (
            answer.status_code == 422 or answer.json()["parts"][0]["refused"] or answer.json()["parts"][0]["faults"]
        )
        assert refused, path
        assert answer.status_code < 500


def test_a_training_tells_what_it_measured_with_people_by_their_names(client: TestClient, study: Database):
    person = annotators.ensure(study, "ann").id
    row = {"pairs": 3, "decided": 3, "accuracy": 2 / 3, "low": 0.1, "high": 1.0, "length_baseline": 0.5}
    slices = {"person": [{"value": str(person), **row}, {"value": "999999", **row}], "tag": [{"value": "x", **row}]}
    runs.enqueue(study, "train-reward", parse("train-reward", {}))
    lease = claim(study)
    reward_models.publish(
        study,
        lease,
        folder="models/reward-1",
        base_sha256="a" * 64,
        manifest_sha256="d" * 64,
        metrics={"holdout": {"accuracy": 0.7}, "ceiling": {"ceiling": 0.8}, "slices": slices, "temperature": 1.1},
    )
    told = client.get(f"/api/runs/{lease.run_id}").json()["reward_quality"]
    assert [one["name"] for one in told["slices"]["person"]] == ["ann", None]
    assert [one["name"] for one in told["slices"]["tag"]] == ["x"]
    assert (told["holdout"], told["ceiling"], told["temperature"]) == ({"accuracy": 0.7}, {"ceiling": 0.8}, 1.1)
    assert told["cross_fitted"] is None and told["enough"] == 300
    assert client.get(f"/api/runs/{ended(study)}").json()["reward_quality"] is None
