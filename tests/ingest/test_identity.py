"""When two calls are one: by the provider's id, by time and content, by place where nothing else tells."""

import pytest

from costscope.ingest.identity import identity
from costscope.model import Call, Usage

EXACT, SECOND = 1_700_000_000_123_456, 1_700_000_000_000_000
USAGE = Usage(fresh=5, output=2)
STRONG = (
    "chatcmpl-AbC1234567", "msg_01XFDUDYJgAACzvnptvVoYEL", "resp_67ccd2bed1ec8190b14f964a", "gen-1700000000-aBcD",
    "0b8a1f2c-7d3e-4c5b-9a6f-1e2d3c4b5a69", "4c0f3d7f9a1b4e2f8d6c5b4a3f2e1d0c",
)  # fmt: skip
WEAK = (
    "1",
    "row-17",
    "msg_1",
    "chatcmpl-00000017",
    "call-0000000000000001",
    "classification-job-1",
    "1" * 30,
)


def same(
    one: Call, other: Call, contents: tuple[int, int] = (7, 7), origins: tuple[int, int] = (1, 1)
) -> bool:
    return identity(one, contents[0], origins[0]) == identity(other, contents[1], origins[1])


@pytest.mark.parametrize("id", STRONG)
def test_an_id_of_the_provider_decides_alone(id: str) -> None:
    one = Call(call_id=id, sent_at=EXACT, usage=USAGE, offset=5)
    other = Call(call_id=id, model="x", offset=9)
    assert same(one, other, (7, 8), (1, 2))
    assert not same(one, Call(call_id=id, request_id="again"))
    assert not same(one, Call(call_id=id + "A1", sent_at=EXACT, usage=USAGE))


@pytest.mark.parametrize("id", WEAK)
def test_any_other_id_needs_the_time_and_what_was_billed(id: str) -> None:
    one = Call(call_id=id, sent_at=SECOND, usage=USAGE)
    assert same(one, Call(call_id=id, sent_at=SECOND, usage=USAGE, offset=9), origins=(1, 2))
    assert not same(one, Call(call_id=id, sent_at=SECOND + 10**6, usage=USAGE))
    assert not same(one, Call(call_id=id, sent_at=SECOND, usage=Usage(fresh=6)))
    assert not same(one, Call(call_id=id, sent_at=SECOND, usage=USAGE, user_id="b"))
    assert not same(one, Call(call_id=id, sent_at=SECOND, usage=USAGE), (7, 8))


@pytest.mark.parametrize("id", WEAK)
def test_without_a_time_it_needs_the_file_too(id: str) -> None:
    one, moved = Call(call_id=id, usage=USAGE), Call(call_id=id, usage=USAGE, offset=9)
    assert same(one, moved)
    assert not same(one, moved, origins=(1, 2))


def test_snapshots_of_one_reply_have_its_id_whatever_it_looks_like() -> None:
    one = Call(call_id="m1", revision=4, sent_at=1, usage=Usage(output=1))
    assert same(
        one, Call(call_id="m1", revision=9, sent_at=2, usage=Usage(output=5)), (7, 8), (1, 2)
    )


def test_without_an_id_an_exact_time_and_content() -> None:
    one = Call(sent_at=EXACT, usage=USAGE)
    assert same(one, Call(sent_at=EXACT, usage=USAGE, offset=9), origins=(1, 2))
    assert not same(one, Call(sent_at=EXACT + 1, usage=USAGE))
    assert not same(one, Call(sent_at=EXACT, usage=USAGE), (7, 8))
    assert not same(one, Call(sent_at=EXACT, usage=None))


@pytest.mark.parametrize("sent_at", [SECOND, None])
def test_where_time_says_little_the_place_is_needed(sent_at: int | None) -> None:
    one = Call(sent_at=sent_at, usage=USAGE, offset=5)
    assert same(one, Call(sent_at=sent_at, usage=USAGE, offset=5, line=3))
    assert not same(one, Call(sent_at=sent_at, usage=USAGE, offset=6))
    assert not same(one, Call(sent_at=sent_at, usage=USAGE, offset=5), origins=(1, 2))
    assert not same(one, Call(sent_at=sent_at, usage=Usage(fresh=6), offset=5))


def test_odd_texts_do_not_stop_it() -> None:
    assert len(identity(Call(call_id="\ud800", model="\0"), 0, 0)) == 16
