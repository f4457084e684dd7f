"""What the page plan asks."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/api")
