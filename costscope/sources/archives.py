"""Zip archives: every member that holds JSON is read, one after another, as if the files lay in a folder.
Members are never written to disk, and what they unpack to is bounded."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from costscope.errors import InputError
from costscope.sources import containers, documents, heads, packing
from costscope.sources.lines import MAX_RECORD_BYTES, Oversized, Record, read_lines

if TYPE_CHECKING:
    from costscope.sources.files import Source

MAX_UNPACKED_BYTES = 64 * 1024 * 1024 * 1024
"""An archive that says it unpacks to more is refused: no log is that large, but a zip bomb is."""
ZSTANDARD = 93
"""The zip format's number of a compression that the standard library of this Python does not know, but
that Inspect's logs have since 2026."""
_LOCAL = struct.Struct("<26xHH")
"""A member's own header: the lengths of its name and of what follows that."""
_ENCRYPTED = 0x1
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError)
"""What zipfile raises: for damage, for compression it does not know, and for a password it lacks (the last
two are kinds of RuntimeError)."""


def records(source: Source) -> Iterator[Record | Oversized]:
    """The records of all JSON members, counted through the archive instead of lines. Raises InputError
    where it is damaged, encrypted or too large, after the records before that place."""
    number = 0
    with _opened(source) as archive:
        for member in _members(archive, source):
            for item in _member(archive, member):
                number += 1
                if isinstance(item, bytes):
                    yield Record(item, number - 1, number)
                else:
                    yield Oversized(number - 1, number)


def first(source: Source, most: int) -> list[dict[str, Any]]:
    """The first records of the first members, decoded as far as a member's beginning goes."""
    found: list[dict[str, Any]] = []
    with _opened(source) as archive:
        for member in _members(archive, source):
            start = _start(archive, member)
            if kind := _kind(start):
                found += heads.head_records(start.removeprefix(containers.BOM), kind)
            if len(found) >= most:
                break
    return found[:most]


@contextmanager
def _opened(source: Source) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(_file(source)) as archive:
            yield archive
    except BROKEN as error:
        raise InputError(f"{source.shown}: not a readable zip archive ({error})") from error


def _file(source: Source) -> str | io.BytesIO:
    """An archive is read from its end, so what is packed once more has to be held whole."""
    if not source.packing:
        return source.copy or source.path
    with source.open() as packed:
        data = packed.read(documents.MAX_DOCUMENT_BYTES + 1)
    if len(data) > documents.MAX_DOCUMENT_BYTES:
        raise InputError(f"{source.shown}: too large to be unpacked in memory; unpack it first")
    return io.BytesIO(data)


def _open(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> io.BufferedIOBase:
    """A member, unpacked while it is read. Raises BadZipFile for compressions whose unpacking cannot be
    bounded, or is not known."""
    if member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return archive.open(member)  # type: ignore[return-value]
    if member.compress_type != ZSTANDARD:
        raise zipfile.BadZipFile(
            f"{member.filename} is compressed by method {member.compress_type}"
        )
    return packing.unzstd(io.BytesIO(_packed(archive, member)))


def _packed(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's bytes as they are stored. Raises BadZipFile where they are not."""
    if archive.fp is None or member.flag_bits & _ENCRYPTED:
        raise zipfile.BadZipFile(f"{member.filename} is encrypted")
    archive.fp.seek(member.header_offset)
    header = archive.fp.read(_LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(b"PK\x03\x04"):
        raise zipfile.BadZipFile(f"{member.filename} is not where the directory says")
    archive.fp.seek(sum(_LOCAL.unpack(header)), io.SEEK_CUR)
    return archive.fp.read(min(member.compress_size, MAX_RECORD_BYTES))


def _members(archive: zipfile.ZipFile, source: Source) -> list[zipfile.ZipInfo]:
    members = [m for m in archive.infolist() if not m.is_dir() and m.file_size]
    if sum(m.file_size for m in members) > MAX_UNPACKED_BYTES:
        limit = f"{MAX_UNPACKED_BYTES >> 30} GiB"
        raise InputError(f"{source.shown}: the archive unpacks to over {limit}; unpack it first")
    return members


def _start(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with _open(archive, member) as file:
        return packing.taken(file, containers.HEAD_BYTES)


def _kind(start: bytes) -> str:
    """json or jsonl; "" for a member that is no log: a picture, a table, another archive."""
    try:
        kind = containers.container_of(start)
    except containers.NoLog:
        return ""
    opens = start.removeprefix(containers.BOM).lstrip()[:1] in (b"{", b"[")
    return kind if opens and kind in ("json", "jsonl") else ""


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes | None]:
    """The records of one member; None for one that is passed over because it is too large."""
    kind = _kind(_start(archive, member))
    if kind == "jsonl":
        with _open(archive, member) as file:
            for item in read_lines(file, 0, member.file_size, None):
                yield bytes(item.raw) if isinstance(item, Record) else None
    elif kind:
        yield from _document(archive, member)


def _document(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes | None]:
    if member.file_size > MAX_RECORD_BYTES:
        yield None
        return
    # The directory may lie about the size; no more is read than it says.
    with _open(archive, member) as file:
        text = packing.taken(file, member.file_size)
    try:
        yield from documents.split(text.removeprefix(containers.BOM))
    except (ValueError, RecursionError):
        yield text
