"""Where the store and a log of a test lie."""

from pathlib import Path

import pytest


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.duckdb"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "app.jsonl"
