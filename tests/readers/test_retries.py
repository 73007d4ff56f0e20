"""Attempts of one request: each is a call, linked to the one it repeats where the log says so."""

from typing import Any

import pytest

from costscope.model import Usage
from tests.readers.reading import call

SENT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
GOT = {"id": "chatcmpl-9", "object": "chat.completion", "choices": [{"message": {"content": "ho"}}],
       "usage": {"prompt_tokens": 9, "completion_tokens": 2}}  # fmt: skip
REFUSED = {"error": {"message": "busy"}}


def ids(got: Any, **beside: Any) -> tuple[str, str | None]:
    found = call("openai_chat", {"request": SENT, "response": got, **beside})
    return found.call_id, found.retry_of


@pytest.mark.parametrize("name", ["retry_of", "previous_request_id", "retried_from"])
def test_a_log_may_name_the_attempt_before(name: str) -> None:
    assert ids(GOT, id="b", **{name: "a"}) == ("chatcmpl-9", "a")
    assert ids(GOT, metadata={name: "a"}) == ("chatcmpl-9", "a")
    assert ids(GOT, **{name: None}) == ("chatcmpl-9", None)


def test_attempts_that_share_an_id_are_told_apart_by_their_number() -> None:
    assert [ids(REFUSED, id="r", attempt=n) for n in (1, 2, 3)] == [
        ("r", None), ("r#2", "r"), ("r#3", "r#2"),
    ]  # fmt: skip
    assert ids(GOT, id="r", attempt=3) == ("chatcmpl-9", "r#2")
    assert [ids(REFUSED, id="r", retry_count=n) for n in (0, 1)] == [("r", None), ("r#2", "r")]


@pytest.mark.parametrize("number", [None, True, -1, 10_000, "two", 1.5])
def test_what_counts_no_attempts_is_passed_over(number: Any) -> None:
    assert ids(REFUSED, id="r", attempt=number) == ("r", None)


def test_without_an_id_nothing_is_linked() -> None:
    assert ids(GOT, attempt=2) == ("chatcmpl-9", None)


def test_a_refused_attempt_is_not_billed() -> None:
    found = call("openai_chat", {"request": SENT, "response": REFUSED, "id": "r", "attempt": 1})
    assert (found.status, found.usage) == ("error", Usage())


def test_what_links_attempts_is_no_tag() -> None:
    found = call("openai_chat", {"request": SENT, "response": GOT, "attempt": 2, "env": "prod"})
    assert found.tags == {"env": "prod"}
