"""Prefix-hash traces: sizes of blocks, a trace clock, chains of turns, and the real trace's known truth."""

from pathlib import Path
from typing import Any

import pytest

from costscope.model import Call, Skipped, Usage
from tests.ingest.logs import read
from tests.readers.reading import blocks, every

REAL = Path(__file__).parents[3] / "shared" / "data" / "mooncake" / "conversation_trace.jsonl"


def one(**record: Any) -> Call:
    (found,) = every("hash_trace", [record])
    assert isinstance(found, Call), found
    return found


def sizes(**record: Any) -> list[int]:
    return [b.tokens for b in blocks(one(output_length=1, **record))]


@pytest.mark.parametrize(
    ("given", "count", "expected"),
    [
        (1301, 3, [512, 512, 277]),
        (1024, 2, [512, 512]),
        (40, 3, [16, 16, 8]),
        (70, 5, [16, 16, 16, 16, 6]),
        (300, 2, [256, 44]),
        (10, 1, [10]),
        (40, 2, [16, 16]),
        (5, 0, []),
        (0, 2, [0, 0]),
    ],
)
def test_the_block_size_is_the_known_one_that_fits(
    given: int, count: int, expected: list[int]
) -> None:
    assert sizes(input_length=given, hash_ids=list(range(count))) == expected


def test_a_block_size_that_the_record_names_is_taken() -> None:
    assert sizes(input_length=100, hash_ids=[1, 2, 3], block_size=40) == [40, 40, 20]


def test_a_clock_that_starts_at_0_orders_calls_and_says_that_it_is_no_date() -> None:
    found = one(timestamp=2750, input_length=3, output_length=1, hash_ids=[1])
    assert (found.sent_at, found.tags) == (2_750_000, {"clock": "relative"})
    chat = one(timestamp=2.75, chat_id=1, input_length=3, output_length=1, hash_ids=[1])
    assert chat.sent_at == 2_750_000
    real = one(timestamp=1763100000250, input_length=3, output_length=1, hash_ids=[1])
    assert (real.sent_at, real.tags) == (1_763_100_000_250_000, {})
    assert one(timestamp="soon", input_length=3, output_length=1).sent_at is None


def test_turns_of_a_chat_are_one_session() -> None:
    row = {"input_length": 20, "output_length": 2, "hash_ids": [1, 2]}
    chain = [(7, -1), (8, 7), (9, 8), (10, -1), (11, 99)]
    found = every("hash_trace", [{**row, "chat_id": c, "parent_chat_id": p} for c, p in chain])
    assert [c.session for c in found if isinstance(c, Call)] == ["7", "7", "7", "10", "99"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"input_length": -1, "output_length": 1}, "input_length is no token count: -1"),
        ({"input_length": 1}, "the request has no output_length"),
        ({"input_length": 1, "output_length": 1, "hash_ids": "x"}, "hash_ids is no list of hashes"),
        ([1], "the record is no JSON object"),
    ],
)
def test_a_broken_record_is_skipped_with_the_reason(record: Any, reason: str) -> None:
    (found,) = every("hash_trace", [record])
    assert found == Skipped("log", 1, reason)


def test_usage_is_what_the_trace_counts() -> None:
    found = one(input_length="12", output_length=4.0, hash_ids=[5])
    assert found.usage == Usage(fresh=12, output=4)
    assert (found.channel, found.provider, found.model) == ("self-hosted", "", "")


@pytest.mark.skipif(not REAL.exists(), reason="the real logs are not beside the repository")
def test_the_real_trace_is_read_whole_and_shares_the_prefixes_it_is_known_to_share(
    store: Path,
) -> None:
    from costscope.store import Store

    found = read(store, REAL)
    assert (found.added.new, found.added.duplicates, found.skipped) == (12_031, 0, 0)
    with Store.open(store, create=False) as opened:
        db = opened._db
        wrong = """select count(*) from calls c join (select call_no, sum(tokens) t from parts group by 1)
                   using (call_no) where t <> fresh + output"""
        assert db.execute(wrong).fetchone() == (0,)
        hit = """select avg((nth > 1)::int), sum(tokens) filter (nth > 1) / sum(tokens) from (
                 select p.tokens, row_number() over (partition by p.prefix order by c.sent_at, c.line) nth
                 from parts p join calls c using (call_no) where p.content <> 0)"""
        blocks_hit, tokens_hit = db.execute(hit).fetchall()[0]
    assert blocks_hit == pytest.approx(0.3664124783, abs=1e-9)
    assert tokens_hit == pytest.approx(0.3736237491, abs=1e-9)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.duckdb"
