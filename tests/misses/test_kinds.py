"""What varies between two texts, and how it is shown."""

import pytest

from costscope.misses._kinds import LONGEST, variants

STABLE = "You are the help desk.\nAnswer in two sentences."


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("timestamp", "Now: 2026-11-02T07:30:14Z", "Now: 2026-11-02T07:31:22Z"),
        ("timestamp", "It is Monday, 9:05", "It is Tuesday, 17:40"),
        ("timestamp", "sent 1762069814", "sent 1762069977"),
        ("uuid", "run 5a3b1e00-0001-4000-8000-00000000000a", "run 5a3b1e00-0002-4000-8000-00000000000b"),
        ("e-mail address", "user: ann@example.org", "user: bob@example.org"),
        ("counter", "request 17 of today", "request 18 of today"),
        ("id", "trace q7f3-aa01", "trace 99xk-b2c4"),
        ("order", "apples, pears, plums", "plums, apples, pears,"),
        ("text", "You help Ann", "You help Bob"),
    ],
)  # fmt: skip
def test_the_kind_of_what_varies_is_named(kind, one, other):
    if kind == "order":
        one, other = "b\na\nc", "a\nb\nc"
    assert variants(f"{one}\n{STABLE}", f"{other}\n{STABLE}")[0] == kind


def test_both_variants_show_what_differs_with_a_little_around_it():
    _, (one, other) = variants("x" * 100 + " at 09:30 today", "x" * 100 + " at 09:31 today")
    assert one.startswith("…")
    assert one.endswith("at 09:30 today")
    assert other.endswith("at 09:31 today")


def test_variants_are_short_and_cannot_steer_a_terminal():
    _, (one, other) = variants("\x1b[31m" + "a" * 500, "\x1b[32m" + "b" * 500)
    assert "\x1b" not in one + other
    assert "\\x1b" in one
    assert len(one) <= LONGEST + 10


@pytest.mark.parametrize(("one", "other"), [("", ""), ("same", "same"), ("a\nb", "a"), ("", "x")])
def test_any_two_texts_have_a_kind(one, other):
    kind, shown = variants(one, other)
    assert kind == "text"
    assert len(shown) == 2
