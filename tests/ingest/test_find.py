"""Which reader a file gets, and readers that stumble."""

from pathlib import Path

import pytest

from costscope import sources
from costscope.errors import InputError, SettingsError
from costscope.ingest.find import find_reader
from tests.ingest.logs import account, call, claude, numbers, read, row, write

CLUMSY = """
from costscope.readers.interface import RecordReader

class Clumsy(RecordReader):
    about = "stumbles"

    def score(self, record):
        if "odd" in record:
            raise {error}("odd")
        return 1.0 if "clumsy" in record else 0.0

    def call(self, raw):
        if b"clumsy" in bytes(raw):
            raise {error}("at this")
        return None
"""


def plugin(folder: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "readers" / f"{name}.py", [text])
    monkeypatch.setenv("COSTSCOPE_PLUGINS", str(folder))


def found(path: Path, name: str = "") -> str:
    return find_reader(sources.identify(str(path)), name).name


def test_by_looking(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    assert found(write(log, [call(1)])) == "openai_chat"
    assert found(write(log, [claude(1)])) == "anthropic_messages"
    assert found(write(log, [row(1)])) == "rows"
    assert found(write(log, [row(1)]), "claude_code") == "claude_code"


def test_the_last_event_of_a_run_alone_is_no_other_format(tmp_path: Path) -> None:
    usage = {"input_tokens": 9, "output_tokens": 2, "cache_creation_input_tokens": 3}
    last = {"type": "completion", "finalText": "Done.", "usage": usage, "session_id": "d-1"}
    assert found(write(tmp_path / "a.jsonl", [last])) == "droid_exec"


def test_of_a_mixture_the_commoner_format_or_the_first_of_equals(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    assert found(write(log, [call(1), claude(1), claude(2)])) == "anthropic_messages"
    assert found(write(log, [claude(1), call(1)])) == "anthropic_messages"
    assert found(write(log, [call(1), claude(1)])) == "openai_chat"


def test_many_formats_in_one_file_are_a_log_together(tmp_path: Path) -> None:
    log = write(tmp_path / "a.jsonl", [call(1), {}, claude(1), row(1), row(2)])
    assert numbers(read(tmp_path / "s.duckdb", log)) == (4, 0, 1)
    with pytest.raises(InputError, match="no known log format"):
        found(write(log, [{"level": "info"}] * 9 + [row(1)]))


TWIN = """
from costscope.readers.openai_chat import OpenAIChat

class Twin(OpenAIChat):
    about = "claims the same records"
"""


def test_two_that_claim_the_same_records_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin(tmp_path / "plugins", "twin", TWIN, monkeypatch)
    log = write(tmp_path / "a.jsonl", [call(1)])
    with pytest.raises(InputError, match="could be openai_chat or twin; say which with --reader"):
        found(log)
    assert found(log, "twin") == "twin"


def test_a_reader_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no reader is called 'nonsense'"):
        read(tmp_path / "s.duckdb", write(tmp_path / "a.jsonl", [call(1)]), reader="nonsense")


@pytest.mark.parametrize(
    "error", ["ValueError", "AttributeError", "IndexError", "RecursionError", "OverflowError"]
)
def test_a_reader_that_stumbles_over_a_record_costs_that_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    plugin(tmp_path / "plugins", "clumsy", CLUMSY.format(error=error), monkeypatch)
    odd = {**call(2), "odd": 1}
    log = write(tmp_path / "a.jsonl", [call(1), odd, {"clumsy": 1}, call(3)])
    result = read(tmp_path / "s.duckdb", log)
    assert numbers(result) == (3, 0, 1)
    log = write(tmp_path / "b.jsonl", [{"clumsy": 1}, call(4)])
    result = read(tmp_path / "s.duckdb", log, reader="clumsy")
    assert numbers(result) == (1, 0, 1)
    assert account(result)
    assert "at this" in result.examples[0].reason
