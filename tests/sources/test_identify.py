"""What a file is, told by its bytes; and that all ways to hold the same records give the same records."""

import gzip
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from costscope.errors import InputError
from costscope.sources import STDIN, Record, Source, head, identify, records
from costscope.sources.heads import MAX_RECORDS

RECORDS: list[dict[str, Any]] = [
    {"id": i, "request": {"model": "m", "messages": [{"content": "grüße\n" * i}]}} for i in range(5)
]
LINES = "".join(json.dumps(r) + "\n" for r in RECORDS).encode()


def read(source: Source) -> list[Any]:
    return [json.loads(bytes(r.raw)) for r in records(source) if isinstance(r, Record)]


def saved(tmp_path: Path, content: bytes, name: str = "log") -> Source:
    path = tmp_path / name
    path.write_bytes(content)
    return identify(str(path))


WAYS: dict[str, Callable[[], tuple[bytes, str]]] = {
    "lines": lambda: (LINES, "jsonl"),
    "no last line end": lambda: (LINES.rstrip(), "jsonl"),
    "CRLF": lambda: (LINES.replace(b"\n", b"\r\n"), "jsonl"),
    "BOM": lambda: (b"\xef\xbb\xbf" + LINES, "jsonl"),
    "BOM and CRLF": lambda: (b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\r\n"), "jsonl"),
    "blank lines": lambda: (b"\n  \n" + LINES.replace(b"\n", b"\n\n \r\n"), "jsonl"),
    "array": lambda: (json.dumps(RECORDS).encode(), "json"),
    "array, BOM": lambda: (b"\xef\xbb\xbf " + json.dumps(RECORDS).encode(), "json"),
    "array, laid out": lambda: (json.dumps(RECORDS, indent=2).encode(), "json"),
    "array, a record a line": lambda: (
        b"[\n" + b",\n".join(LINES.splitlines()) + b"\n]\n", "json"),
    "object with a list": lambda: (json.dumps({"meta": 1, "data": RECORDS}).encode(), "json"),
    "object with a list, laid out": lambda: (
        json.dumps({"count": 5, "calls": RECORDS}, indent=4).encode(), "json"),
    "object with a list from the first line": lambda: (
        b'{"logs": [\n' + b",\n".join(LINES.splitlines()) + b"\n]}", "json"),
    "objects laid out, one after another": lambda: (
        "\n".join(json.dumps(r, indent=2) for r in RECORDS).encode(), "json"),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["log.json", "log.jsonl", "log"])
def test_every_way_to_write_them_gives_the_same_records(
    tmp_path: Path, way: str, name: str
) -> None:
    content, container = WAYS[way]()
    source = saved(tmp_path, content, name)
    assert (source.container, source.packing, source.size) == (container, "", len(content))
    assert read(source) == RECORDS
    assert list(head(source).records) == RECORDS


@pytest.mark.parametrize("way", WAYS)
def test_packed_they_are_the_same(tmp_path: Path, way: str) -> None:
    content, container = WAYS[way]()
    middle = len(content) // 2
    packed = {
        "gz": gzip.compress(content[:middle]) + gzip.compress(content[middle:]),
        "zst": zstandard.compress(content[:middle]) + zstandard.compress(content[middle:]),
    }
    for packing, data in packed.items():
        source = saved(tmp_path, data, f"x.{packing}")
        assert (source.container, source.packing, source.seekable) == (container, packing, False)
        assert read(source) == RECORDS
        assert list(head(source).records) == RECORDS


def test_one_record_laid_out_over_lines_is_one_record(tmp_path: Path) -> None:
    source = saved(tmp_path, json.dumps(RECORDS[3], indent=1).encode())
    assert read(source) == [RECORDS[3]]
    (record,) = records(source)
    assert (record.offset, record.line) == (0, 1)


@pytest.mark.parametrize("key", ["model", "usage", "response", "messages"])
def test_a_record_that_holds_a_list_is_no_holder_of_records(tmp_path: Path, key: str) -> None:
    embedding = {"object": "list", "data": [{"object": "embedding"}], key: {}}
    assert read(saved(tmp_path, json.dumps(embedding).encode())) == [embedding]
    assert read(saved(tmp_path, json.dumps(embedding, indent=2).encode())) == [embedding]


def test_several_lines_that_hold_lists_are_lines(tmp_path: Path) -> None:
    line = {"data": [{"a": 1}, {"a": 2}]}
    source = saved(tmp_path, json.dumps(line).encode() + b"\n" + json.dumps(line).encode())
    assert source.container == "jsonl"
    assert read(source) == [line, line]


def test_a_first_line_longer_than_the_head_is_a_line(tmp_path: Path) -> None:
    long = {"timestamp": "t", "request": {"model": "m", "messages": [{"content": "x" * 100_000}]}}
    source = saved(tmp_path, json.dumps(long).encode() + b"\n" + LINES)
    assert source.container == "jsonl"
    assert read(source) == [long, *RECORDS]
    assert list(head(source).records) == [
        {"timestamp": "t", "request": {"model": "m", "messages": [{}]}}
    ]


def test_a_long_document_on_one_line_is_a_document(tmp_path: Path) -> None:
    many = {"rows": [{"n": i, "text": "y" * 50} for i in range(3000)]}
    source = saved(tmp_path, json.dumps(many).encode())
    assert source.container == "json"
    assert read(source) == many["rows"]
    assert len(head(source).records) == MAX_RECORDS


def test_a_torn_first_line_loses_only_itself(tmp_path: Path) -> None:
    source = saved(tmp_path, b'"x", "more": {"a": 1}}\n' + LINES)
    assert source.container == "jsonl"
    assert list(head(source).records) == RECORDS
    source = saved(tmp_path, b'{"a": {"b": 1,\n' + LINES)
    assert source.container == "jsonl"
    assert list(head(source).records) == RECORDS


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b" \n\r\n\t", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"\x7fELF\x02\x01\x01\0\0", "a binary file, no log"),
        (b"\xd0\xcf\x11\xe0\0\0\0\0", "a binary file, no log"),
        ('{"a": 1}\n'.encode("utf-16"), "UTF-16"),
        (b"\x1f\x8b\x08\x00torn", "cannot be read"),
        (b"\x28\xb5\x2f\xfd\xff\xff\xff\xff", "cannot be read"),
    ],
)
def test_what_can_be_no_log_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as error:
        saved(tmp_path, content)
    assert str(error.value).startswith(str(tmp_path / "log"))
    assert "\n" not in str(error.value)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read .No such file or directory"):
        identify(str(tmp_path / "none"))
    with pytest.raises(InputError, match="cannot be read .Is a directory"):
        identify(str(tmp_path))


class Stdin:
    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


@pytest.mark.parametrize("packed", [bytes, gzip.compress, zstandard.compress])
@pytest.mark.parametrize("content", [LINES, json.dumps(RECORDS).encode()])
def test_standard_input_is_read_more_than_once(
    monkeypatch: pytest.MonkeyPatch, content: bytes, packed: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(packed(content)))
    source = identify(STDIN)
    assert list(head(source).records) == RECORDS
    assert read(source) == read(source) == RECORDS
    assert (source.path, source.shown, source.seekable) == ("-", "standard input", False)
    assert source.size == len(packed(content))


def test_empty_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b""))
    with pytest.raises(InputError, match="standard input: the file is empty"):
        identify(STDIN)


def test_a_named_pipe_is_read_more_than_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(LINES,))
    writer.start()
    source = identify(str(pipe))
    writer.join()
    assert list(head(source).records) == RECORDS
    assert read(source) == RECORDS
    assert not source.seekable


def test_the_copy_of_a_pipe_goes_with_the_process() -> None:
    code = "from costscope.sources import identify; print(identify('-').copy)"
    done = subprocess.run(
        [sys.executable, "-c", code], input=LINES, capture_output=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout.strip()
    assert not Path(done.stdout.decode().strip()).exists()
