"""One call from the store: its rows add up to its bill, and its texts are those of the log."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from costscope import pipeline
from costscope.errors import InputError
from costscope.explain.calls import Showing
from costscope.filters import Filters, Reading
from costscope.store import Store
from tests.explain.logs import log, settings
from tests.ingest.logs import call, claude, read, write

TEXT = Showing(every=True, width=60)


def explained(folder: Path, wanted: str, showing: Showing = TEXT, **more: Any) -> dict[str, Any]:
    found = settings(folder)
    with Store.open(found.db, create=False) as store:
        return dict(pipeline.explain(store, found, Filters(), wanted, showing, **more).data)


def texts(data: dict[str, Any]) -> list[str]:
    return [part["text"] for part in data["parts"] if part["text"] is not None]


def test_parts_show_what_the_log_says_in_its_order(tmp_path: Path) -> None:
    read(tmp_path / "store.duckdb", log(tmp_path / "a.jsonl"))
    data = explained(tmp_path, "a.jsonl:5")
    assert [(p["segment"], p["text"]) for p in data["parts"] if p["rule"] == "turn"] == [
        ("history", "Question 1.0: how large is it?"), ("history", "It is 1 metres long."),
        ("query", "Question 1.1: how large is it?"),
    ]  # fmt: skip
    assert texts(data)[0].startswith("Conversation 1 of this season")
    assert texts(data)[-1] == "It is 2 metres long."


def test_without_text_the_log_may_be_gone(tmp_path: Path) -> None:
    read(tmp_path / "store.duckdb", log(tmp_path / "a.jsonl"))
    (tmp_path / "a.jsonl").unlink()
    assert "text" not in explained(tmp_path, "a.jsonl:5", Showing())["parts"][0]
    with pytest.raises(InputError, match=r"a\.jsonl: the log is not there any more"):
        explained(tmp_path, "a.jsonl:5")


def test_a_log_that_says_something_else_now_is_not_quoted(tmp_path: Path) -> None:
    file = log(tmp_path / "a.jsonl")
    read(tmp_path / "store.duckdb", file)
    file.write_bytes(file.read_bytes().replace(b"Question 1.1", b"Question 9.9"))
    with pytest.raises(InputError, match=r"a\.jsonl:5: the log has changed"):
        explained(tmp_path, "a.jsonl:5")
    assert "Question 0.1" in "".join(texts(explained(tmp_path, "a.jsonl:2")))
    file.write_bytes(b"{}\n")
    with pytest.raises(InputError, match="has changed"):
        explained(tmp_path, "a.jsonl:5")


def test_a_call_of_usage_alone_has_no_text_and_needs_no_log(tmp_path: Path) -> None:
    row = {"model": "gpt-4o", "input_tokens": 100, "output_tokens": 5, "id": "r-1"}
    file = write(tmp_path / "a.jsonl", [row])
    read(tmp_path / "store.duckdb", file)
    file.unlink()
    assert texts(explained(tmp_path, "r-1")) == []


def test_records_of_several_formats_in_a_packed_file(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    lines = [json.dumps(r) for r in (call(1), claude(2), call(3))]
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    read(tmp_path / "store.duckdb", file)
    assert "Well 2?" in texts(explained(tmp_path, "msg_01Abcdef00000002"))
    assert "Question 3 0?" in texts(explained(tmp_path, "a.jsonl.gz:3"))


def test_a_house_format_needs_its_map_again(tmp_path: Path) -> None:
    row = {
        "when": "2026-11-02T08:00:00Z",
        "engine": "gpt-4o",
        "ask": "How large?",
        "reply": "Four metres.",
    }
    write(tmp_path / "a.jsonl", [row])
    (tmp_path / "m.toml").write_text(
        'name = "ours"\n[call]\nmodel = "engine"\nsent_at = "when"\n'
        '[text]\nprompt = "ask"\nreply = "reply"\n'
    )
    found = settings(tmp_path)
    reading = Reading(map=str(tmp_path / "m.toml"))
    pipeline.ingest([str(tmp_path / "a.jsonl")], found, reading)
    assert texts(explained(tmp_path, "a.jsonl:1", reading=reading)) == [
        "How large?",
        "Four metres.",
    ]
    with pytest.raises(InputError, match="--map"):
        explained(tmp_path, "a.jsonl:1")


DOCUMENTS = [
    f"Document {i} tells of valve {i}. It opens at {i + 3} bar. Nobody saw it closed in {1900 + i}."
    for i in range(12)
]


def asked(n: int) -> dict[str, Any]:
    """A prompt of three documents and a question, without marks."""
    picked = random.Random(n).sample(DOCUMENTS, 3)
    record = call(n)
    text = "\n\n".join([*picked, f"What happened to house {n}, and who paid for it?"])
    record["request"]["messages"] = [{"role": "user", "content": text}]
    record["response"]["usage"] = {"prompt_tokens": 200, "completion_tokens": 7}
    return record


def test_stretches_that_were_learned_show_their_own_text(tmp_path: Path) -> None:
    read(tmp_path / "store.duckdb", write(tmp_path / "a.jsonl", [asked(n) for n in range(30)]))
    data = explained(tmp_path, "chatcmpl-Abcdef00000007", Showing(width=1000))
    learned = {p["segment"]: p["text"] for p in data["parts"] if p["rule"] == "learned"}
    assert learned["query"] == "What happened to house 7, and who paid for it?"
    assert learned["context"].startswith("Document ")
    assert learned["context"].rstrip().endswith(tuple("0123456789."))
    assert "What happened" not in learned["context"]
