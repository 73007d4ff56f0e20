"""Zip archives: their JSON members are read like files, whatever else lies in them, and none does harm."""

import gzip
import json
import zipfile
from pathlib import Path

import pytest
import zstandard

from costscope.errors import InputError
from costscope.sources import archives, head, identify, records
from costscope.sources.lines import Oversized, Record


def archive(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as found:
        for name, data in members.items():
            found.writestr(name, data)
    return path


def read(path: Path) -> list[object]:
    items = records(identify(str(path)))
    return [json.loads(bytes(i.raw)) if isinstance(i, Record) else i for i in items]


MEMBERS = {
    "a/one.json": b'{"n": 1}',
    "a/many.json": b'[{"n": 2}, {"n": 3}]',
    "lines.jsonl": b'{"n": 4}\n\n{"n": 5}\n',
    "picture.png": b"\x89PNG\r\n\x1a\n\0\0",
    "notes.txt": b"no JSON at all",
    "empty.json": b"",
}


def test_json_members_are_records_in_order_and_the_rest_is_passed_over(tmp_path: Path) -> None:
    path = archive(tmp_path / "log.eval", MEMBERS)
    assert identify(str(path)).container == "zip"
    assert read(path) == [{"n": n} for n in range(1, 6)]


def test_records_are_counted_through_the_archive(tmp_path: Path) -> None:
    found = list(records(identify(str(archive(tmp_path / "log.zip", MEMBERS)))))
    assert [(i.offset, i.line) for i in found] == [(n, n + 1) for n in range(5)]


def test_the_head_shows_the_first_records_of_every_member(tmp_path: Path) -> None:
    large = json.dumps({"id": 9, "text": "x" * 100_000}).encode()
    path = archive(tmp_path / "log.zip", {"large.json": large, **MEMBERS})
    keys = [sorted(record) for record in head(identify(str(path))).records]
    assert keys == [["id"], *[["n"]] * 5]


def test_an_archive_may_be_packed_once_more(tmp_path: Path) -> None:
    inner = archive(tmp_path / "log.zip", MEMBERS).read_bytes()
    outer = tmp_path / "log.zip.gz"
    outer.write_bytes(gzip.compress(inner))
    assert read(outer) == [{"n": n} for n in range(1, 6)]


def test_a_broken_member_is_one_record_that_can_be_skipped(tmp_path: Path) -> None:
    path = archive(tmp_path / "log.zip", {"a.json": b'{"n": \n nonsense}', "b.json": b'{"n": 1}'})
    raws = [bytes(i.raw) for i in records(identify(str(path))) if isinstance(i, Record)]
    assert raws == [b'{"n": \n nonsense}', b'{"n": 1}']


def test_a_huge_member_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_RECORD_BYTES", 1000)
    large = json.dumps({"text": "x" * 5000}, indent=1).encode()
    path = archive(tmp_path / "log.zip", {"large.json": large, "b.json": b'{"n": 1}'})
    assert read(path) == [Oversized(0, 1), {"n": 1}]


def test_a_bomb_is_refused_before_anything_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 1 << 20)
    bomb = archive(tmp_path / "bomb.zip", {"zeros.jsonl": b'{"n": 1}\n' * 200_000})
    assert bomb.stat().st_size < 20_000
    with pytest.raises(InputError, match=r"unpacks to over"):
        read(bomb)


def zstd_archive(path: Path, data: bytes, said: int | None = None) -> Path:
    """An archive whose only member is compressed by method 93, which zipfile cannot write."""
    packed = zstandard.compress(data)
    raw = bytearray(archive(path, {"a.json": packed}, zipfile.ZIP_STORED).read_bytes())
    central = raw.index(b"PK\x01\x02")
    for at in (8, central + 10):
        raw[at : at + 2] = (93).to_bytes(2, "little")
    for at in (22, central + 24):
        raw[at : at + 4] = (len(data) if said is None else said).to_bytes(4, "little")
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("data", [b'[{"n": 1}, {"n": 2}]', b'{"n": 1}\n{"n": 2}\n'])
def test_members_in_zstandard_are_read(tmp_path: Path, data: bytes) -> None:
    path = zstd_archive(tmp_path / "log.eval", data)
    assert read(path) == [{"n": 1}, {"n": 2}]
    assert len(head(identify(str(path))).records) == 2


def test_no_more_is_unpacked_than_the_directory_says(tmp_path: Path) -> None:
    lines = b'{"n": 1}\n' * 50_000
    assert len(read(zstd_archive(tmp_path / "log.eval", lines, said=900))) == 100


def test_a_torn_member_in_zstandard_is_named(tmp_path: Path) -> None:
    path = zstd_archive(tmp_path / "log.eval", b'{"n": 1}')
    path.write_bytes(path.read_bytes().replace(b"\x28\xb5\x2f\xfd", b"\x00\x00\x00\x00"))
    with pytest.raises(InputError, match=r"log\.eval: not a readable zip archive"):
        read(path)


def test_a_compression_that_cannot_be_bounded_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "log.zip", {"a.json": b'{"n": 1}'}, zipfile.ZIP_LZMA)
    with pytest.raises(InputError, match=r"a\.json is compressed by method 14"):
        read(path)


def test_an_archive_in_an_archive_stays_closed(tmp_path: Path) -> None:
    inner = archive(tmp_path / "inner.zip", MEMBERS).read_bytes()
    assert read(archive(tmp_path / "outer.zip", {"inner.zip": inner})) == []


@pytest.mark.parametrize("keep", [30, 120])
def test_a_torn_archive_is_named(tmp_path: Path, keep: int) -> None:
    whole = archive(tmp_path / "log.zip", MEMBERS).read_bytes()
    torn = tmp_path / "torn.zip"
    torn.write_bytes(whole[:keep])
    with pytest.raises(InputError, match=r"torn\.zip: not a readable zip archive"):
        read(torn)


def test_a_damaged_member_is_told_after_those_before_it(tmp_path: Path) -> None:
    path = archive(tmp_path / "log.zip", {"a.json": b'{"n": 1}', "b.json": b'{"n": 2}'}, 0)
    path.write_bytes(path.read_bytes().replace(b'{"n": 2}', b'{"n": 7}', 1))
    found = records(identify(str(path)))
    first = next(found)
    assert isinstance(first, Record)
    assert bytes(first.raw) == b'{"n": 1}'
    with pytest.raises(InputError, match=r"not a readable zip archive"):
        list(found)
