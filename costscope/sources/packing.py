"""Compression, told by the first bytes of a file and taken off while reading. What stands before the
place where a packed file is torn or corrupt is still given out."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

BROKEN = (OSError, EOFError, zlib.error)
"""What reading raises where a file cannot be read, or not to its end."""
_PACKED_READ = 32 * 1024
"""So much packed data is taken at a time, so that what it unpacks to stays small."""
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"


def packing_of(magic: bytes) -> str:
    """gz, zst or "" by the first four bytes of a file."""
    if magic.startswith(b"\x1f\x8b"):
        return "gz"
    # A parallel compressor writes an index as a frame to be skipped before the first real one.
    skippable = magic[1:4] == _ZSTD_SKIPPABLE and magic[0] & 0xF0 == 0x50
    return "zst" if magic.startswith(_ZSTD) or skippable else ""


def opened(path: str, packing: str) -> io.BufferedIOBase:
    """A file for reading, unpacked. Raises OSError where there is none."""
    if packing == "gz":
        return gzip.open(path, "rb")
    if packing == "zst":
        return unzstd(Path(path).open("rb"))
    return Path(path).open("rb")


def unzstd(file: io.BufferedIOBase) -> io.BufferedIOBase:
    """What frames of zstd unpack to, one after another. Closes the file with itself."""
    return io.BufferedReader(_Zstd(file), 1024 * 1024)


def taken(file: io.BufferedIOBase, n: int) -> bytes:
    """The first `n` bytes, or as many as there are before the end or a tear. Raises as reading does
    where there is not even one."""
    found = io.BytesIO()
    try:
        while found.tell() < n and (more := file.read1(n - found.tell())):
            found.write(more)
    except BROKEN:
        if not found.tell():
            raise
    return found.getvalue()


class _Zstd(io.RawIOBase):
    """Frames one after another. The library's own reader ends at a tear as if the file did."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        self._frame_begun = zstandard.ZstdDecompressor().decompressobj
        self._file = file
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, room: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._ready and self._refill():
            pass
        n = min(len(room), len(self._ready))
        room[:n] = self._ready[:n]
        self._ready = self._ready[n:]
        return n

    def _refill(self) -> bool:
        """Unpack a little more; False at the end. Raises EOFError inside a frame, OSError on garbage."""
        packed = self._packed or self._file.read(_PACKED_READ)
        if not packed and self._frame is not None:
            raise EOFError("the compressed data ends in the middle")
        if not packed:
            return False
        frame = self._frame or self._frame_begun()
        try:
            self._ready = memoryview(frame.decompress(packed))
        except self._error as error:
            raise OSError(str(error)) from error
        self._packed = frame.unused_data if frame.eof else b""
        self._frame = None if frame.eof else frame
        return True
