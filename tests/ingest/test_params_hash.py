"""Settings that invalidate a cache reach the store as a keyed hash, and nothing of them but that."""

from pathlib import Path
from typing import Any

from costscope.store import Store
from tests.ingest.logs import call, read, write


def hashes(store: Path) -> dict[str, int]:
    with Store.open(store, create=False) as opened:
        return dict(opened._db.execute("select session, params_hash from calls").fetchall())


def log(folder: Path, **settings: dict[str, Any]) -> Path:
    """A call for each name, under these settings."""
    records = []
    for n, (name, given) in enumerate(settings.items()):
        record = call(n, metadata={"session": name})
        record["request"] |= given
        records.append(record)
    return write(folder / "log.jsonl", records)


def test_equal_settings_have_equal_hashes_and_defaults_none(tmp_path: Path) -> None:
    path = log(
        tmp_path, plain={}, hot={"temperature": 0.9, "max_tokens": 5}, auto={"tool_choice": "none"},
        low={"reasoning_effort": "low"}, low_too={"reasoning_effort": "low", "temperature": 0.1},
        high={"reasoning_effort": "high"}, brief={"verbosity": "low"},
    )  # fmt: skip
    read(tmp_path / "store.duckdb", path)
    found = hashes(tmp_path / "store.duckdb")
    assert found["plain"] == found["hot"] == found["auto"] == 0
    assert found["low"] == found["low_too"] != 0
    assert len({found[name] for name in ("plain", "low", "high", "brief")}) == 4


def test_the_hash_is_keyed_by_the_store(tmp_path: Path) -> None:
    path = log(tmp_path, low={"reasoning_effort": "low"})
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        read(tmp_path / name / "store.duckdb", path)
    one, other = (hashes(tmp_path / name / "store.duckdb") for name in ("one", "other"))
    assert one["low"] != other["low"]
