"""Hashes: what is the same prompt is so in every call, batch and process, and for one secret only."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.model import Call
from tests.attribute.calls import (
    Row,
    anthropic,
    asks,
    assistant,
    attributed,
    openai,
    parts,
    result,
    system,
    tool,
    use,
    user,
)

ROOT = Path(__file__).parent.parent.parent
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}

OPENAI_TURNS = (
    ([user("Fix <b>it</b>.")], assistant(None, tool_calls=[asks("look")])),
    ([tool("one\n[1] two")], assistant("Then:", tool_calls=[asks("a", 2), asks("b", 3)])),
    ([tool("x", 2), tool("y", 3)], assistant("Done. 日本語")),
    ([user("Context:\n" + "a fact. " * 9 + "\nQuestion: and?")], assistant("Yes.")),
    ([user([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "d"}}])],
     assistant("A cat.")),
)  # fmt: skip
ANTHROPIC_TURNS = (
    ([user("Fix it.")], [THOUGHT, {"type": "text", "text": "Looking."}, use("look")]),
    ([user([result("one file")])], [use("a", 2), use("b", 3)]),
    ([user([result("x", 2), result("y", 3)])], [{"type": "text", "text": "Done."}]),
    ([user("And now?")], [{"type": "text", "text": "Rest."}]),
)


def conversation(provider: str) -> list[Call]:
    """A call for each turn, each with all that was said before it."""
    said: list[Row] = [system("Be kind.")] if provider == "openai" else []
    calls = []
    for asked, reply in OPENAI_TURNS if provider == "openai" else ANTHROPIC_TURNS:
        said += asked
        made: Any = openai if provider == "openai" else anthropic
        rest: Any = {} if provider == "openai" else {"system": "Be kind.", "tools": [{"name": "a"}]}
        calls.append(made(*said, reply=reply, **rest))
        said.append(reply if provider == "openai" else assistant(reply))  # type: ignore[arg-type]
    return calls


def ends(call: Call) -> tuple[int, int]:
    """The prefix after the prompt, and after the reply."""
    (rows,) = parts([call])
    prompt = [r["prefix"] for r in rows if r["segment"] not in ("output", "reasoning")]
    return prompt[-1], rows[-1]["prefix"]


def in_prompt(call: Call) -> list[int]:
    return [r["prefix"] for r in parts([call])[0] if r["billing_class"] != "output"]


def test_prompt_and_reply_begin_the_next_prompt() -> None:
    for provider in ("openai", "anthropic"):
        calls = conversation(provider)
        for before, after in pairwise(calls):
            prompt, whole = ends(before)
            assert prompt != whole
            assert prompt in in_prompt(after)
            assert whole in in_prompt(after)


def test_a_reply_without_text_is_the_same_as_null_or_empty() -> None:
    asked = [user("Fix it.")]
    before = openai(*asked, reply=assistant(None, tool_calls=[asks("look")]))
    for content in (None, "", []):
        again = assistant(content, tool_calls=[asks("look")])
        assert ends(before)[1] in in_prompt(openai(*asked, again, tool("x")))


def test_what_differs_anywhere_differs_from_there_on() -> None:
    one, other = (in_prompt(openai(system("a"), user(t), assistant("b"), user("c"))) for t in "xy")
    assert one[0] == other[0]
    assert not set(one[1:]) & set(other[1:])


def test_who_said_it_counts() -> None:
    assert in_prompt(openai(user("a"), user("b"))) != in_prompt(openai(user("a"), assistant("b")))
    assert in_prompt(openai(system("a"))) != in_prompt(openai(user("a")))


def test_layout_of_the_json_does_not_count() -> None:
    tight, loose = openai(user("a")), openai(user("a"))
    loose.messages = [b'{ "content" :"\\u0061",\n "role":"user" }']
    assert in_prompt(tight) == in_prompt(loose)


def test_request_hashes_are_of_model_settings_tools_and_prompt() -> None:
    calls = [
        openai(user("a")),
        openai(user("a"), reply=assistant("another answer")),
        openai(user("a"), temperature=0.5),
        openai(user("a"), params="top_p=0.1"),
        openai(user("a"), tools=[{"name": "x"}]),
        openai(user("b")),
        anthropic(user("a")),
    ]
    found = attributed(calls).request_hash.tolist()
    assert found[0] == found[1]
    assert len(set(found)) == len(calls) - 1
    assert 0 not in found
    assert attributed([Call(model="x"), openai(reply=assistant("a"))]).request_hash.tolist() == [
        0,
        0,
    ]


def test_hashes_need_the_secret() -> None:
    calls = conversation("openai")
    one, other = (attributed(calls, secret) for secret in (b"k" * 32, b"l" * 32))
    assert one.parts["tokens"] == other.parts["tokens"]
    for name in ("content", "prefix"):
        mine, theirs = (set(t.parts[name].to_pylist()) - {0} for t in (one, other))
        assert not mine & theirs
    assert not set(one.request_hash.tolist()) & set(other.request_hash.tolist())


PROGRAM = """
from tests.attribute.test_chain import conversation
from tests.attribute.calls import attributed
tables = attributed(conversation("openai") + conversation("anthropic"))
print(tables.parts["prefix"].to_pylist(), tables.request_hash.tolist())
"""


def test_hashes_are_the_same_in_every_process() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1
    assert len(found.pop()) > 500


@given(
    st.lists(st.sampled_from(["a", "b", "", "Context:\nsome facts, that are many\nQuestion: b"]))
)
@settings(deadline=None, max_examples=60)
def test_every_prompt_is_a_prefix_of_a_longer_one(texts: list[str]) -> None:
    messages = [user(t) if i % 2 else assistant(t) for i, t in enumerate(texts)]
    whole = in_prompt(openai(*messages))
    for n in range(len(messages)):
        part = in_prompt(openai(*messages[:n]))
        assert part == whole[: len(part)]
