"""What the page data asks."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/api", tags=["data"])
