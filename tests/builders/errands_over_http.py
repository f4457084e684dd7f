"""Long work of the server, as a client waits for it."""

from typing import Any

from starlette.testclient import TestClient


def ended(client: TestClient, told: dict[str, Any]) -> dict[str, Any]:
    """An errand when it has ended, as `/api/errands` tells it."""
    while told["status"] == "working":
        told = client.get(f"/api/errands/{told['errand']}").json()
    return told
