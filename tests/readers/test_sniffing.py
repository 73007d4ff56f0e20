"""Every reader wins on its own logs, and what is no log is refused in a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from costscope import plugins
from costscope.errors import InputError
from costscope.ingest.find import find_reader
from costscope.sources import HEAD_BYTES, Head, head_records, identify
from tests.readers.reading import reader
from tests.readers.test_anthropic_messages import FULL as MESSAGES
from tests.readers.test_claude_code import LOG as TRANSCRIPT
from tests.readers.test_envelopes import WRAPPINGS
from tests.readers.test_openai_chat import FULL as CHAT
from tests.readers.test_openai_responses import FULL as RESPONSES
from tests.readers.test_rows import FULL as ROW

SAMPLES = Path(__file__).parent.parent.parent / "sample_logs"
SHARED = Path(__file__).parent.parent.parent.parent / "shared" / "data"


def flat(record: dict[str, Any]) -> dict[str, Any]:
    sent = record.get("request") or record["request_body"]
    return {
        **sent,
        **(record.get("response") or record["response_body"]),
        "timestamp": "2026-11-02",
    }


OWN: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("openai_chat", CHAT),
    "chat, flat": ("openai_chat", flat(CHAT)),
    "chat, request only": ("openai_chat", {"body": CHAT["request"]}),
    "chat, response only": ("openai_chat", {"response": CHAT["response"]}),
    "chat, failed": ("openai_chat", {**CHAT, "response": {"error": {}}, "status_code": 500}),
    "chat for Claude": ("openai_chat", {
        **CHAT, "request": {**CHAT["request"], "model": "claude-x"}}),  # type: ignore[dict-item]
    "chat, usage only": ("openai_chat", {"model": "m", "usage": {"prompt_tokens": 3}}),
    "responses": ("openai_responses", RESPONSES),
    "responses, flat": ("openai_responses", flat(RESPONSES)),
    "responses, request only": ("openai_responses", {"request": RESPONSES["request"]}),
    "responses, response only": ("openai_responses", {"response": RESPONSES["response"]}),
    "messages": ("anthropic_messages", MESSAGES),
    "messages, flat": ("anthropic_messages", flat(MESSAGES)),
    "messages, request only": ("anthropic_messages", {"request": MESSAGES["request_body"]}),
    "messages, response only": ("anthropic_messages", {"response": MESSAGES["response_body"]}),
    "messages, usage only": ("anthropic_messages", {
        "model": "claude-x", "usage": {"input_tokens": 3, "output_tokens": 1}}),
    "rows": ("rows", ROW),
    "rows with texts": ("rows", {
        "model": "m", "input": "Q", "output": "A", "input_tokens": 1, "output_tokens": 2}),
    "rows with an object of counts": ("rows", {"model": "m", "usage": {"inputTokens": 3}}),
    "transcript": ("claude_code", TRANSCRIPT[3]),
    **{f"chat in {name}": ("http_exchange" if "https://" in str(record) else "openai_chat", record)
       for name, record in WRAPPINGS.items()},
}  # fmt: skip


@pytest.mark.parametrize("kind", OWN)
def test_a_reader_wins_on_its_own_records(kind: str) -> None:
    name, record = OWN[kind]
    scores = {n: reader(n).sniff(Head("x", [record])) for n in plugins.names("readers")}
    assert scores[name] >= 0.4
    assert all(s <= scores[name] - 0.1 for n, s in scores.items() if n != name), scores


@pytest.mark.parametrize(
    "kind", sorted(OWN.keys() - {"chat for Claude"})
)  # nothing tells it but its reply
def test_and_when_its_only_record_is_cut_off(tmp_path: Path, kind: str) -> None:
    name, record = OWN[kind]
    filler = {"content": "x" * HEAD_BYTES, "role": "user"}
    for key in ("request", "request_body", "body"):
        sent = record.get(key)
        if isinstance(sent, dict) and isinstance(sent.get("messages"), list):
            record = {**record, key: {**sent, "messages": [filler, *sent["messages"]]}}
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(record) + "\n")
    assert find_reader(identify(str(path)), "").name == name


@pytest.mark.parametrize("record", [CHAT, RESPONSES, MESSAGES])
def test_bodies_as_json_text_are_recognised_though_cut_off(record: dict[str, Any]) -> None:
    key = "request" if "request" in record else "request_body"
    inner = json.dumps({**record[key], "padding": "x" * HEAD_BYTES})
    start = json.dumps({"timestamp": 1, key: inner}).encode()[:HEAD_BYTES]
    (head,) = head_records(start)
    best = max(plugins.names("readers"), key=lambda n: reader(n).score(head))
    assert best == next(n for n, r in OWN.values() if r is record)


BUNDLED = [
    p for p in sorted(SAMPLES.iterdir()) if p.stem.partition(".")[0] in plugins.names("readers")
]


@pytest.mark.parametrize("place", BUNDLED, ids=lambda p: p.name)
def test_the_bundled_logs_are_found_by_their_readers(place: Path) -> None:
    files = [place] if place.is_file() else [p for p in place.rglob("*") if p.is_file()]
    assert {find_reader(identify(str(p)), "").name for p in files} == {_named_after(place)}


def _named_after(path: Path) -> str:
    return path.relative_to(SAMPLES).parts[0].partition(".")[0]


FOREIGN: dict[str, Any] = {
    "pairs of sentences": {"origin": "a", "similar": "b"},
    "instructions": {"instruction": "i", "input": "q", "output": "a"},
    "fine-tuning": {"messages": [{"role": "user", "content": "q"}]},
    "quiz": {"question": "q", "choices": ["a", "b"], "answer": 0},
    "retrieval": {"input": [{"speaker": "user", "text": "q"}], "contexts": [], "targets": []},
    "templates": {"name": "n", "template": "{context}", "package": "p"},
    "prices": {"model": "gpt-4o", "input_cost_per_token": 1e-6},
    "spans": {"resourceSpans": [{"scopeSpans": []}]},
    "web log": {"timestamp": "2026-11-02", "request": "GET / HTTP/1.1", "status": 200, "body": "hello"},
    "package": {"name": "x", "version": "1.0", "dependencies": {}},
    "an agent's steps": {"type": "message", "role": "user", "content": "q"},
    "errors": {"level": "error", "message": "no", "error": {"code": 3}, "user": "u"},
    "nothing": {},
}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_log_of_calls_is_refused_in_a_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join([json.dumps(FOREIGN[kind])] * 3))
    with pytest.raises(InputError, match="no known log format") as error:
        find_reader(identify(str(path)), "")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["just text\nand more\n", "3\n4\n", '"x"\n', "[1, 2]"])
def test_what_holds_no_objects_is_refused_in_a_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x"
    path.write_text(content)
    with pytest.raises(InputError, match="no records of JSON objects in it, so no log"):
        find_reader(identify(str(path)), "")


NO_LOGS = (
    "gptcache/mock_data.json", "mtrag/reference_half.jsonl", "prompt_templates/llama_index.jsonl",
    "routellm/gsm8k", "azure_trace", "vcache", "price_multipliers_litellm_1.109.1.csv",
    "litellm/model_prices_and_context_window.json",
)  # fmt: skip


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real logs (../shared) are not on this machine")
@pytest.mark.parametrize("place", NO_LOGS)
def test_real_files_that_no_reader_is_for_are_refused(place: str) -> None:
    below = [p for p in (SHARED / place).rglob("*") if p.is_file()] or [SHARED / place]
    for path in below[:5]:
        with pytest.raises(InputError, match=r"no known log format|a CSV table|no records of JSON"):
            find_reader(identify(str(path)), "")
