"""Timestamps: ISO 8601 in UTC with milliseconds, so that text order is time order."""

from datetime import UTC, datetime, timedelta


def now() -> str:
    """Return the present moment, such as 2026-11-23T10:00:00.123Z."""
    return _text(datetime.now(UTC))


def after(moment: str, seconds: float) -> str:
    """Return the timestamp `seconds` (may be negative) after the timestamp `moment`."""
    return _text(datetime.fromisoformat(moment) + timedelta(seconds=seconds))


def seconds_between(start: str, end: str) -> float:
    """Return the seconds from one timestamp to another."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def day_of(moment: str) -> str:
    """Return the first moment of the UTC day of `moment`."""
    return moment[:10] + "T00:00:00.000Z"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
