"""Times and tags as users write them."""

from datetime import UTC, datetime

import pytest

from costscope.errors import SettingsError
from costscope.filters import Filters, parse_tag, parse_when

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "end", "expected"),
    [
        ("2026-11-20", "UTC", False, "2026-11-20T00:00"),
        ("20261120", "UTC", False, "2026-11-20T00:00"),
        ("2026-11-20", "UTC", True, "2026-11-21T00:00"),
        ("2026-12-31", "UTC", True, "2027-01-01T00:00"),
        ("2026-11-20", "Europe/Berlin", False, "2026-11-19T23:00"),
        ("2026-07-01", "Europe/Berlin", False, "2026-06-30T22:00"),
        # The last Sunday of October has 25 hours.
        ("2026-10-25", "Europe/Berlin", False, "2026-10-24T22:00"),
        ("2026-10-25", "Europe/Berlin", True, "2026-10-25T23:00"),
        ("2026-11-20T14:30", "UTC", True, "2026-11-20T14:30"),
        ("2026-11-20 14:30", "Asia/Tokyo", False, "2026-11-20T05:30"),
        ("2026-11-20T14:30Z", "Asia/Tokyo", False, "2026-11-20T14:30"),
        ("2026-11-20T14:30+02:00", "UTC", False, "2026-11-20T12:30"),
        ("7d", "UTC", False, "2026-11-14T12:30"),
        ("7d", "Asia/Tokyo", True, "2026-11-14T12:30"),
        ("36h", "UTC", False, "2026-11-20T00:30"),
        ("2w", "UTC", False, "2026-11-07T12:30"),
    ],
)
def test_times(text: str, zone: str, end: bool, expected: str) -> None:
    moment = parse_when(text, zone, NOW, end=end)
    assert moment == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert moment.utcoffset() == NOW.utcoffset()


@pytest.mark.parametrize(
    "text", ["", "yesterday", "7", "7m", "2026-13-01", "-7d", "9999999999d", "9999-12-31"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is no time|outside of the calendar"):
        parse_when(text, "UTC", NOW, end=True)


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../etc/passwd", "/etc/localtime"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(SettingsError, match="no time zone is called"):
        Filters(timezone=zone)


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(SettingsError, match="--since 2026-11-21 12:30 is not before --until"):
        Filters(since=NOW, until=NOW)


def test_tags() -> None:
    assert parse_tag("env=prod*") == ("env", "prod*")
    assert parse_tag("a=b=c") == ("a", "b=c")
    for text in ("env", "=x", " =x"):
        with pytest.raises(SettingsError, match="write name=value"):
            parse_tag(text)
