"""Lines with their places, whatever is read at once and wherever the file is cut or torn."""

import gzip
import io
import json
import random
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from costscope.errors import InputError
from costscope.sources import Oversized, Record, identify, line_starts, lines, records

TEXT = st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"").replace(b"\xef", b""))
FILES = st.builds(
    lambda parts, end, bom: bom + end.join(parts),
    st.lists(TEXT, max_size=12), st.sampled_from([b"\n", b"\r\n", b"\n\n"]),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
)  # fmt: skip


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "CHUNK_BYTES", lines.CHUNK_BYTES)
    monkeypatch.setattr(lines, "MAX_RECORD_BYTES", lines.MAX_RECORD_BYTES)


def expected(content: bytes, limit: int = 1 << 30) -> list[tuple[bytes | None, int, int]]:
    """(bytes or None, offset, line), worked out the plain way."""
    found: list[tuple[bytes | None, int, int]] = []
    at = 0
    for number, line in enumerate(content.split(b"\n"), 1):
        start, text, at = at, line, at + len(line) + 1
        if len(line) > limit:
            found.append((None, start, number))
            continue
        if start == 0 and line.startswith(b"\xef\xbb\xbf"):
            start, text = 3, line[3:]
        if text.strip():
            found.append((text, start, number))
    return found


def read(
    content: bytes, chunk: int, buffer: bytearray | None
) -> list[tuple[bytes | None, int, int]]:
    lines.CHUNK_BYTES = chunk
    found = lines.read_lines(io.BufferedReader(io.BytesIO(content)), 0, None, buffer)  # type: ignore[arg-type]
    return [(bytes(r.raw) if isinstance(r, Record) else None, r.offset, r.line) for r in found]


@given(FILES, st.integers(1, 60), st.booleans())
def test_any_chunk_size_gives_the_same_lines(content: bytes, chunk: int, shared: bool) -> None:
    assert read(content, chunk, bytearray() if shared else None) == expected(content)


@given(FILES, st.integers(1, 30), st.integers(1, 25))
def test_longer_lines_are_passed_over_with_their_place(
    content: bytes, chunk: int, limit: int
) -> None:
    lines.MAX_RECORD_BYTES = limit
    assert read(content, chunk, None) == expected(content, limit)


def test_a_line_that_is_too_long_takes_no_more_memory_than_the_limit() -> None:
    lines.MAX_RECORD_BYTES = 10_000
    content = b"{}\n" + b"x" * 500_000 + b"\n[]\n"
    buffer = bytearray()
    assert read(content, 1000, buffer) == [(b"{}", 0, 1), (None, 3, 2), (b"[]", 500_004, 3)]
    assert len(buffer) == 1000


@given(FILES, st.integers(1, 5), st.integers(1, 60))
def test_pieces_that_are_cut_at_line_starts_hold_the_same_lines(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, pieces: int, chunk: int
) -> None:
    lines.CHUNK_BYTES = chunk
    path = tmp_path_factory.getbasetemp() / "pieces.jsonl"
    path.write_bytes(b'{"first": 1}\n' + content)
    source = identify(str(path))
    cuts = line_starts(str(path), 0, source.size, pieces)
    assert cuts[0] == 0
    assert cuts[-1] == source.size
    assert cuts == sorted(set(cuts))
    found = [
        (r.raw, r.offset) for a, b in pairwise(cuts)
        for r in records(source, a, b) if isinstance(r, Record)
    ]  # fmt: skip
    assert found == [(r.raw, r.offset) for r in records(source) if isinstance(r, Record)]


def test_records_stay_when_no_buffer_is_lent(tmp_path: Path) -> None:
    lines.CHUNK_BYTES = 64
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"".join(b'{"n": %d}\n' % n for n in range(500)))
    found = list(records(identify(str(path))))
    assert [json.loads(bytes(r.raw))["n"] for r in found if isinstance(r, Record)] == list(
        range(500)
    )


def test_a_lent_buffer_is_read_into_again(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b": 2}\n')
    buffer = bytearray()
    source = identify(str(path))
    for _ in range(2):
        assert [bytes(r.raw) for r in records(source, buffer=buffer) if isinstance(r, Record)] == [
            b'{"a": 1}', b'{"b": 2}',
        ]  # fmt: skip
    assert len(buffer) == lines.CHUNK_BYTES


def shuffled_lines(count: int) -> bytes:
    draw = random.Random(7)
    return b"".join(b'{"n": %d, "x": "%030x"}\n' % (n, draw.getrandbits(120)) for n in range(count))


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("corrupt", [False, True])
def test_what_stands_before_a_tear_is_given_out_first(
    tmp_path: Path, pack: object, corrupt: bool
) -> None:
    assert callable(pack)
    packed = pack(shuffled_lines(40_000))
    kept = packed[: len(packed) * 2 // 3] + (b"\xff" * 5000 if corrupt else b"")
    path = tmp_path / "torn"
    path.write_bytes(kept)
    found = []
    with pytest.raises(InputError, match="torn: cannot be read to its end"):  # noqa: PT012
        for record in records(identify(str(path))):
            found.append(json.loads(record.raw)["n"])  # type: ignore[union-attr]  # noqa: PERF401
    assert found == list(range(len(found)))
    assert len(found) > 15_000


def test_a_skippable_frame_comes_before_the_first(tmp_path: Path) -> None:
    skipped = b"\x5e\x2a\x4d\x18" + (8).to_bytes(4, "little") + b"whatever"
    path = tmp_path / "x"
    path.write_bytes(
        skipped + zstandard.compress(b'{"a": 1}\n') + zstandard.compress(b'{"b": 2}\n')
    )
    source = identify(str(path))
    assert (source.packing, source.container) == ("zst", "jsonl")
    assert [r.raw for r in records(source) if isinstance(r, Record)] == [b'{"a": 1}', b'{"b": 2}']


def test_an_oversized_line_is_told_from_a_record(tmp_path: Path) -> None:
    lines.MAX_RECORD_BYTES = 20
    path = tmp_path / "x"
    path.write_bytes(b'{"a": 1}\n{"b": "' + b"x" * 50 + b'"}\n')
    first, second = records(identify(str(path)))
    assert isinstance(first, Record)
    assert second == Oversized(9, 2)
