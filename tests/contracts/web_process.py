"""A process of its own: does what a web process and the commands do, then prints which heavy modules were loaded."""

import contextlib
import io
import json
import sys
from pathlib import Path

from starlette.testclient import TestClient
from typer.main import get_command

from feedback_store import comparisons, completions, policies, prompts
from rounds import settings, studies
from ui.commands import main
from ui.web.app import create_app

HEAVY = {"torch", "transformers", "peft", "accelerate", "safetensors"}


def print_every_help() -> int:
    """Number of commands whose --help was printed."""
    names = [[]]
    for name, command in get_command(main.app).commands.items():
        names.append([name])
        names += [[name, inner] for inner in getattr(command, "commands", {})]
    for words in names:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            main.main([*words, "--help"])
    return len(names)


def ask_a_question(db) -> None:
    """A comparison of two completions, without a model."""
    policies.add_base(db, source="tiny:", sha256="0" * 64, tokenizer_sha256="1" * 64, template_sha256="2" * 64)
    prompt = prompts.NewPrompt(messages=[{"role": "user", "content": "Say something."}], split="train")
    prompt_id = prompts.add(db, [prompt], holdout_share=0.2, seed=0).ids[0]
    writer = policies.current(db)
    texts = [
        completions.NewCompletion(prompt_id=prompt_id, policy_id=writer.id, text=text) for text in ("One.", "Two.")
    ]
    comparisons.add(db, [comparisons.NewComparison(prompt_id=prompt_id, completion_ids=completions.add(db, texts))])


def judge(client: TestClient) -> bool:
    """Whether the first question could be answered."""
    question = client.get("/api/questions").json()["questions"][0]
    body = {"comparison": question["comparison"], "shown": question["shown"], "ranks": [1, 2], "key": "contract-key-1"}
    return client.post("/api/judgments", json=body).json().get("saved") is True


def start_things(client: TestClient) -> list[str]:
    """Take a judgment back, start every kind of run, export: the answers that are faults of the server."""
    bodies = [("undo", {"key": "contract-undo-1"}), ("exports", {"format": "comparisons"})]
    bodies += [("runs", {"kind": kind}) for kind in settings.KIND_SETTINGS]
    answers = [client.post(f"/api/{path}", json=body) for path, body in bodies]
    return [answer.text for answer in answers if answer.status_code >= 500]


def visit(folder: Path) -> dict:
    """The pages' status codes, whether a judgment was saved, and what failed."""
    db = studies.open_or_create(folder, base="tiny:", create=True, refill=False)
    ask_a_question(db)
    app = create_app(db, port=7860)
    origin = "http://127.0.0.1:7860"
    with TestClient(app, base_url=origin, headers={"origin": origin}, raise_server_exceptions=False) as client:
        client.get(app.state.access.address)
        pages = {
            path: client.get(path).status_code for path in ("/", "/console", "/api/loop", "/api/runs", "/api/exports")
        }
        return {"saved": judge(client), "pages": pages, "failed": start_things(client)}


if __name__ == "__main__":
    seen = visit(Path(sys.argv[1]))
    seen["forms"] = len([model.model_json_schema() for model in settings.KIND_SETTINGS.values()])
    seen["helps"] = print_every_help()
    seen["loaded"] = sorted(HEAVY & set(sys.modules))
    print(json.dumps(seen))
