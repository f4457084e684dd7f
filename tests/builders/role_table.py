"""Who may do what, as data: the table of roles, route by route, and a request that each route understands.

`$name` stands for something of the study of role_study.py. What is not here does not exist: a route that the
application has and this table has not is an error (test_roles_matrix.py).
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from accounts_at_hand import PASSWORD
from feedback_store.accounts import Role

Least = Role | Literal["anybody", "nobody"]
"""The least role that is let through. "nobody": not even an admin, it is a part of Gradio that these pages need not."""


@dataclass(frozen=True)
class Row:
    """A route, who may call it, and a request that does what it is there for. `form` bodies go as a browser's form."""

    least: Least
    method: str
    path: str
    body: Any = None
    values: dict[str, str] = field(default_factory=dict)
    query: str = ""
    form: bool = False

    @property
    def route(self) -> tuple[str, str]:
        """How the application's own table names it."""
        return self.method, self.path


JUDGMENT = {"comparison": "$pair", "shown": "$shown", "ranks": [1, 2], "key": "role-table-1", "person": "$person"}
THEM = {"annotator_id": "$victim"}

OURS = (
    # Open to everybody: the doors, and what a browser asks for without cookies.
    Row("anybody", "GET", "/login"),
    Row("anybody", "POST", "/login", {"name": "lead", "password": PASSWORD}, form=True),
    Row("anybody", "POST", "/logout"),
    Row("anybody", "GET", "/logout"),
    Row("anybody", "GET", "/invite/{token}", values={"token": "$invitation"}),
    Row("anybody", "POST", "/invite/{token}", {"name": "x"}, values={"token": "$invitation"}, form=True),
    Row("anybody", "GET", "/healthz"),
    Row("anybody", "GET", "/manifest.json"),
    Row("anybody", "GET", "/favicon.ico"),
    Row("anybody", "GET", "/static/tastemaker/{path:path}", values={"path": "icon.svg"}),
    # Own questions, own judgments, guidelines, own progress.
    Row("annotator", "GET", "/api/me"),
    Row("annotator", "GET", "/api/me/page"),
    Row("annotator", "GET", "/api/me/work.csv"),
    Row("annotator", "GET", "/api/me/sessions"),
    Row("annotator", "GET", "/api/me/withdrawal"),
    Row("annotator", "POST", "/api/me/sessions/{session_id}/end", {"person": "$person"}, {"session_id": "$session"}),
    Row("annotator", "POST", "/api/me/sessions/end-others", {"person": "$person"}),
    Row("annotator", "POST", "/api/me/languages", {"languages": ["en"], "person": "$person"}),
    Row("annotator", "POST", "/api/password", {"old": PASSWORD, "new": "a staple for the battery"}),
    Row("annotator", "GET", "/api/questions"),
    Row("annotator", "POST", "/api/judgments", JUDGMENT),
    Row("annotator", "POST", "/api/renew", {"comparison": "$pair", "person": "$person"}),
    Row("annotator", "POST", "/api/undo", {"key": "role-table-2", "person": "$person"}),
    Row("annotator", "GET", "/api/answers"),
    Row("annotator", "GET", "/api/answers/{comparison}", values={"comparison": "$answered"}),
    Row("annotator", "POST", "/api/flags", {"comparison": "$pair", "note": "odd", "key": "role-table-3"}),
    Row("annotator", "GET", "/api/guidelines"),
    Row("annotator", "GET", "/api/openapi.json"),
    Row("annotator", "GET", "/api/docs/{name}", values={"name": "swagger-ui.css"}),
    Row("annotator", "GET", "/api/information"),
    Row("annotator", "POST", "/api/consent", {"version": "$information"}),
    # People (pseudonyms), pace, agreement, check questions, flags, invitations, quotas, pause and close a round.
    Row("lead", "GET", "/api/people"),
    Row("lead", "GET", "/api/people/{annotator_id}", values=THEM),
    Row("lead", "POST", "/api/people/{annotator_id}/pause", values=THEM),
    Row("lead", "POST", "/api/people/{annotator_id}/resume", values=THEM),
    Row("lead", "POST", "/api/people/{annotator_id}/asked", {"languages": [], "tags": [], "quota": 5}, THEM),
    Row("lead", "POST", "/api/people/{annotator_id}/qualify-again", values=THEM),
    Row("lead", "POST", "/api/people/{annotator_id}/leave-out", {"reason": "left clicks"}, THEM),
    Row("lead", "POST", "/api/people/{annotator_id}/count-again", values=THEM),
    Row("lead", "GET", "/api/invitations"),
    Row("lead", "POST", "/api/invitations", {"role": "annotator"}),
    Row("lead", "POST", "/api/invitations/table", {"csv": "name\nAda"}),
    Row("lead", "POST", "/api/invitations/{invitation_id}/revoke", values={"invitation_id": "$other_invitation"}),
    Row("lead", "GET", "/api/flags"),
    Row("lead", "POST", "/api/flags/{flag_id}/resolve", values={"flag_id": "$flag"}),
    Row("lead", "GET", "/api/held-back"),
    Row("lead", "POST", "/api/held-back/{public_id}", {"serve": False}, {"public_id": "$held_back"}),
    Row("lead", "GET", "/api/checks"),
    Row("lead", "POST", "/api/checks", {"comparison": "$answered", "ranks": [1, 2]}),
    Row("lead", "POST", "/api/checks/{public_id}/retire", values={"public_id": "$check"}),
    Row("lead", "GET", "/api/pairs/{public_id}", values={"public_id": "$answered"}),
    Row("lead", "GET", "/api/agreement"),
    Row("lead", "GET", "/api/round"),
    Row("lead", "POST", "/api/round", {"state": "paused"}),
    Row("lead", "GET", "/api/work.csv"),
    # Console: runs, policies, provenance, data, exports (pseudonyms), what is asked.
    Row("researcher", "GET", "/api/settings"),
    Row("researcher", "POST", "/api/settings", {"version": "$settings", "values": {"question": "Which one?"}}),
    Row("researcher", "GET", "/api/settings/versions"),
    Row("researcher", "GET", "/api/criteria"),
    Row("researcher", "POST", "/api/criteria", {"name": "polite", "question": "Which one is more polite?"}),
    Row("researcher", "POST", "/api/criteria/retire", {"name": "honest"}),
    Row("researcher", "POST", "/api/criteria/order", {"names": ["$criterion"]}),
    Row("researcher", "GET", "/api/guidelines/versions"),
    Row("researcher", "POST", "/api/guidelines", {"language": "en", "text": "Read both.", "after": None}),
    Row("researcher", "GET", "/api/information/versions"),
    Row("researcher", "POST", "/api/information", {"language": "zh", "text": "说明", "after": None}),
    Row("researcher", "POST", "/api/texts/preview", {"text": "Read **both**."}),
    Row("researcher", "GET", "/api/loop"),
    Row("researcher", "GET", "/api/loop/figures/{name}", values={"name": "judgments.all"}),
    Row("researcher", "GET", "/api/runs"),
    Row("researcher", "POST", "/api/runs", {"kind": "sample", "settings": {}}),
    Row("researcher", "POST", "/api/next-policy"),
    Row("researcher", "GET", "/api/runs/{run_id}", values={"run_id": "$run"}),
    Row("researcher", "POST", "/api/runs/{run_id}/cancel", values={"run_id": "$run"}),
    Row("researcher", "GET", "/api/side-by-side", query="?older=base&newer=policy-1"),
    # The page runs.
    Row("researcher", "GET", "/api/runs/kinds"),
    Row("researcher", "POST", "/api/runs/plan", {"kind": "sample", "settings": {"pairs": 3}}),
    Row("researcher", "POST", "/api/next-policy/plan", {}),
    Row("researcher", "GET", "/api/runs/{run_id}/config.toml", values={"run_id": "$run"}),
    Row("researcher", "GET", "/api/runs/{run_id}/log", values={"run_id": "$run"}),
    Row("researcher", "GET", "/api/runs/{run_id}/samples", values={"run_id": "$run"}),
    Row("researcher", "GET", "/api/runs/{run_id}/tokens", values={"run_id": "$run"}),
    Row("researcher", "GET", "/api/curves", query="?runs=1"),
    Row("researcher", "POST", "/api/runs/{run_id}/retry", values={"run_id": "$cancelled_run"}),
    # The page policies.
    Row("researcher", "GET", "/api/policies"),
    Row("researcher", "POST", "/api/policies/use", {"policy": "policy-1"}),
    Row("researcher", "GET", "/api/policies/strengths"),
    Row("researcher", "GET", "/api/policies/exports"),
    Row("researcher", "GET", "/api/policies/exports/{name}", values={"name": "$weights"}),
    Row("researcher", "GET", "/api/evaluations"),
    Row("researcher", "POST", "/api/evaluations", {"policies": ["base", "policy-1"], "judgments": 10}),
    Row("researcher", "GET", "/api/evaluations/{evaluation_id}", values={"evaluation_id": "$evaluation"}),
    Row("researcher", "POST", "/api/evaluations/{evaluation_id}/unseal", values={"evaluation_id": "$evaluation"}),
    Row(
        "researcher",
        "GET",
        "/api/evaluations/{evaluation_id}/regressions",
        values={"evaluation_id": "$ended"},
        query="?older=0&newer=1",
    ),
    # The page data.
    Row("researcher", "GET", "/api/data"),
    Row("researcher", "GET", "/api/data/prompts", query="?search=question&split=train"),
    Row("researcher", "GET", "/api/data/prompts/{prompt_id}", values={"prompt_id": "$prompt"}),
    Row("researcher", "GET", "/api/data/completions", query="?search=a&cut_off=true"),
    Row("researcher", "GET", "/api/data/completions/{completion_id}", values={"completion_id": "$completion"}),
    Row("researcher", "GET", "/api/data/judgments", query="?round=1&state=counts"),
    Row("researcher", "GET", "/api/data/judgments/{judgment_id}", values={"judgment_id": "$judgment"}),
    Row("researcher", "POST", "/api/uploads", {"name": "prompts.txt", "bytes": 7}),
    Row("researcher", "GET", "/api/uploads"),
    Row("researcher", "POST", "/api/uploads/{upload_id}/pieces", values={"upload_id": "$upload"}),
    Row("researcher", "POST", "/api/uploads/{upload_id}/whole", {}, {"upload_id": "$upload"}),
    Row("researcher", "POST", "/api/uploads/{upload_id}/try", {"format": "prompts"}, {"upload_id": "$upload"}),
    Row("researcher", "POST", "/api/uploads/{upload_id}/import", {"format": "prompts"}, {"upload_id": "$upload"}),
    Row("researcher", "POST", "/api/uploads/{upload_id}/remove", values={"upload_id": "$other_upload"}),
    Row("researcher", "GET", "/api/errands/{errand_id}", values={"errand_id": "$errand"}),
    Row("researcher", "GET", "/api/errands/{errand_id}/report", values={"errand_id": "$errand"}),
    Row("researcher", "GET", "/api/errands/{errand_id}/report.csv", values={"errand_id": "$errand"}),
    Row("researcher", "GET", "/api/imports"),
    Row("researcher", "GET", "/api/imports/{import_id}", values={"import_id": "$import"}),
    Row("researcher", "POST", "/api/imports/{import_id}/undo", values={"import_id": "$import"}),
    # The page plan.
    Row("researcher", "GET", "/api/plan", query="?people=4&judgments=400"),
    Row("researcher", "GET", "/api/exports"),
    Row("researcher", "POST", "/api/exports", {"format": "comparisons"}),
    Row("researcher", "POST", "/api/exports/preview", {"format": "trl", "filters": {"split": "train"}}),
    Row("researcher", "GET", "/api/exports/{name}/{file}", values={"name": "$export", "file": "README.md"}),
    Row("researcher", "POST", "/api/exports/{name}/remove", values={"name": "$other_export"}),
    # Names, accounts, roles, access settings, erasure, backup, audit, tokens.
    Row("admin", "POST", "/api/people/{annotator_id}/role", {"role": "annotator"}, THEM),
    Row("admin", "POST", "/api/people/{annotator_id}/disable", values=THEM),
    Row("admin", "POST", "/api/people/{annotator_id}/enable", values=THEM),
    Row("admin", "POST", "/api/people/{annotator_id}/password", values=THEM),
    Row("admin", "POST", "/api/people/{annotator_id}/erase", {"reason": "asked on Monday"}, THEM),
    Row("admin", "GET", "/api/audit"),
    Row("admin", "GET", "/api/tokens"),
    Row("admin", "POST", "/api/tokens", {"name": "ci", "scopes": ["read"]}),
    Row("admin", "POST", "/api/tokens/{token_id}/revoke", values={"token_id": "$token"}),
    Row("admin", "GET", "/api/access"),
    # Last, because nothing of one's own is asked any more afterwards.
    Row("annotator", "POST", "/api/me/withdraw", {"person": "$person"}),
    # What is at no other route under /api/ answers in words, whoever asks: a refusal for all.
    Row("nobody", "GET", "/api/{path:path}", values={"path": "predict"}),
    Row("nobody", "POST", "/api/{path:path}", {"data": [], "fn_index": 0}, values={"path": "predict"}),
)

PAGES = (
    Row("annotator", "GET", "/"),
    Row("annotator", "HEAD", "/"),
    Row("annotator", "GET", "/me"),
    Row("annotator", "GET", "/docs"),
    Row("lead", "GET", "/people"),
    Row("researcher", "GET", "/settings"),
    *(Row("researcher", "GET", path) for path in ("/console", "/runs", "/policies", "/data", "/plan")),
    # Gradio's own parts that its pages load. A file that is not there is refused as one that may not be read.
    Row("annotator", "GET", "/theme.css"),
    Row("annotator", "GET", "/static/{path:path}", values={"path": "img/logo.svg"}),
    Row("annotator", "GET", "/assets/{path:path}", values={"path": "$asset"}),
)

# Of Gradio: what is mounted and must not answer, the routes that call its handlers foremost.
SHUT = (
    "GET /openapi.json",
    "HEAD /openapi.json",
    "POST /login/",
    "GET /svelte/{path:path}",
    "GET /me/",
    "GET /people/",
    "GET /settings/",
    "GET /console/",
    "GET /runs/",
    "GET /policies/",
    "GET /data/",
    "GET /plan/",
    "GET /config",
    "GET /config/",
    "GET /robots.txt",
    "GET /pwa_icon/{size}",
    "GET /pwa_icon",
    "GET /monitoring",
    "GET /monitoring/summary",
    "GET /monitoring/{key}",
    "GET /gradio_api/deep_link",
    "GET /gradio_api/user/",
    "GET /gradio_api/user",
    "GET /gradio_api/login_check/",
    "GET /gradio_api/login_check",
    "GET /gradio_api/token/",
    "GET /gradio_api/token",
    "GET /gradio_api/app_id/",
    "GET /gradio_api/app_id",
    "GET /gradio_api/dev/reload",
    "GET /gradio_api/runs/",
    "GET /gradio_api/runs",
    "GET /gradio_api/info",
    "GET /gradio_api/info/",
    "GET /gradio_api/openapi.json",
    "GET /gradio_api/custom_component/{id}/{environment}/{type}/{file_name}",
    "GET /gradio_api/proxy={url_path:path}",
    "HEAD /gradio_api/proxy={url_path:path}",
    "GET /gradio_api/file={path_or_url:path}",
    "HEAD /gradio_api/file={path_or_url:path}",
    "POST /gradio_api/stream/{event_id}",
    "POST /gradio_api/stream/{event_id}/close",
    "GET /gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
    "GET /gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}",
    "GET /gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file",
    "GET /gradio_api/file/{path:path}",
    "POST /gradio_api/reset",
    "POST /gradio_api/reset/",
    "GET /gradio_api/heartbeat/{session_hash}",
    "POST /gradio_api/api/{api_name}/",
    "POST /gradio_api/api/{api_name}",
    "POST /gradio_api/run/{api_name}/",
    "POST /gradio_api/run/{api_name}",
    "POST /gradio_api/call/v2/{api_name}/",
    "POST /gradio_api/call/v2/{api_name}",
    "POST /gradio_api/call/{api_name}/",
    "POST /gradio_api/call/{api_name}",
    "POST /gradio_api/queue/join",
    "POST /gradio_api/cancel",
    "GET /gradio_api/call/{api_name}/{event_id}",
    "GET /gradio_api/call/v2/{api_name}/{event_id}",
    "GET /gradio_api/queue/data",
    "POST /gradio_api/component_server/",
    "POST /gradio_api/component_server",
    "GET /gradio_api/queue/status",
    "GET /gradio_api/upload_progress",
    "POST /gradio_api/upload",
    "GET /gradio_api/startup-events",
    "GET /gradio_api/theme.css",
    "POST /gradio_api/process_recording",
    "POST /gradio_api/vibe-edit",
    "POST /gradio_api/vibe-edit/",
    "POST /gradio_api/undo-vibe-edit",
    "POST /gradio_api/undo-vibe-edit/",
    "GET /gradio_api/vibe-code",
    "GET /gradio_api/vibe-code/",
    "POST /gradio_api/vibe-code",
    "POST /gradio_api/vibe-code/",
    "POST /gradio_api/vibe-starter-queries",
    "POST /gradio_api/vibe-starter-queries/",
)


CALL = {"data": [], "fn_index": 0, "session_hash": "abc", "event_id": "1"}
GRADIO = tuple(Row("nobody", *line.split(" "), CALL if line.startswith("POST") else None) for line in SHUT)
ROWS = (*OURS, *PAGES, *GRADIO)
