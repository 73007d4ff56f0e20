"""Each distinct message is decoded and counted once, and memory is bounded."""

from collections.abc import Sequence

import pytest

from costscope import tokens
from costscope.attribute import Batch, interner
from costscope.attribute.interner import Interner
from costscope.model import Block, Call, Slot
from tests.attribute.calls import SECRET

Seen = list[tuple[str, bytes]]


def watched(seen: Seen, role: str = "user"):
    """A dialect that takes bytes as text, and notes what it was asked."""

    def blocks(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
        seen.append((slot, bytes(raw)))
        return [Block(role, "text", bytes(raw).decode())]

    return blocks


def test_a_message_is_decoded_once_over_calls_and_batches() -> None:
    seen: Seen = []
    dialect = watched(seen)
    known = Interner(SECRET)
    for _ in range(3):
        batch = Batch(known)
        for n in range(1, 5):
            batch.add(Call(dialect=dialect, messages=[b"m%d" % i for i in range(n)]))
        assert batch.messages == 10
        batch.finish()
    assert seen == [("message", b"m%d" % i) for i in range(4)]


def test_slots_dialects_and_vocabularies_are_kept_apart() -> None:
    seen: Seen = []
    one, other = watched(seen), watched(seen, "assistant")
    batch = Batch(Interner(SECRET))
    batch.add(Call(dialect=one, model="gpt-4o", messages=[b"a"], reply=b"a"))
    batch.add(Call(dialect=other, model="gpt-4o", messages=[b"a"]))
    batch.add(Call(dialect=one, model="gpt-4", messages=[b"a"]))
    assert [slot for slot, _ in seen] == ["message", "reply", "message", "message"]
    roles = batch.finish().parts["role"].to_pylist()
    assert roles == ["user", "user", "assistant", "user"]


def test_views_into_a_buffer_that_is_used_again_are_safe() -> None:
    buffer = bytearray(b"first")
    batch = Batch(Interner(SECRET))
    dialect = watched([])
    for word in (b"first", b"other", b"first"):
        buffer[:] = word
        batch.add(Call(dialect=dialect, messages=[memoryview(buffer)]))
    first, other, again = batch.finish().parts["content"].to_pylist()
    assert first == again != other


def test_texts_are_counted_as_the_tokenizer_counts_them() -> None:
    texts = ["one two three", "x = [1, 2]", "日本語", ""]
    batch = Batch(Interner(SECRET))
    for text in texts:
        batch.add(Call(model="gpt-4o", dialect=watched([]), messages=[text.encode()]))
    rows = batch.finish().parts
    expected = [n for n in tokens.count(texts) if n]
    assert rows["tokens"].to_pylist() == expected


@pytest.mark.parametrize(
    "error", [ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError]
)
def test_a_dialect_that_stumbles_costs_its_message_only(error: type[Exception]) -> None:
    def stumbling(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
        if bytes(raw) == b"bad":
            raise error
        return [Block("user", "text", "good")]

    batch = Batch(Interner(SECRET))
    batch.add(Call(dialect=stumbling, messages=[b"ok", b"bad", b"ok"]))
    tables = batch.finish()
    assert tables.parts.num_rows == 2
    assert tables.request_hash.tolist() == [0]


def test_it_says_when_it_is_full_and_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interner, "MAX_MESSAGES", 3)
    seen: Seen = []
    dialect, known = watched(seen), Interner(SECRET)
    for i in range(4):
        known.ids("message", dialect, "o200k_base", [b"m%d" % i])
    assert known.full
    known.reset()
    assert not known.full
    assert known.ids("message", dialect, "o200k_base", [b"m0"]) == [0]
    assert len(seen) == 5


def test_each_new_text_is_handed_on_under_the_hash_of_its_part() -> None:
    found: list[tuple[int, str]] = []
    known = Interner(SECRET, hand_on=lambda content, text: found.append((content, text)))
    known.ids("message", watched([]), "o200k_base", [b"one", b"two", b"one", b""])
    assert [text for _, text in found] == ["one", "two"]
    assert [content for content, _ in found] == known.tables().content[:2].tolist()


def test_many_pieces_fill_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interner, "MAX_PIECES", 5)
    known = Interner(SECRET)
    text = b"<context>\nsome facts that are long enough\n</context>\nwhy?\n" * 4
    known.ids("message", watched([]), "o200k_base", [text])
    assert known.full


def test_counting_in_small_batches_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [b"word " * n for n in range(30)]

    def counted() -> list[int]:
        batch = Batch(Interner(SECRET))
        batch.add(Call(dialect=watched([]), messages=texts))
        return list(batch.finish().parts["tokens"].to_pylist())

    whole = counted()
    monkeypatch.setattr(interner, "COUNT_BATCH", 10)
    assert counted() == whole


def named(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
    """A dialect of blocks that are known by name, with their size: "size name"."""
    size, _, name = bytes(raw).decode().partition(" ")
    return [Block("user", "text", f"<context>{name}</context>", "unattributed", tokens=int(size))]


def test_a_block_has_as_many_tokens_as_the_log_says_and_is_not_cut() -> None:
    batch = Batch(Interner(SECRET))
    batch.add(Call(dialect=named, messages=[b"512 a", b"512 b", b"0 c", b"77 a"]))
    parts = batch.finish().parts
    assert parts["tokens"].to_pylist() == [512, 512, 0, 77]
    assert set(parts["segment"].to_pylist()) == {"unattributed"}
    content = parts["content"].to_pylist()
    assert content[0] == content[3]
    assert len(set(content)) == 3
    assert len(set(parts["prefix"].to_pylist())) == 4
