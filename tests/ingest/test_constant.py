"""What nobody logged is one figure for a conversation, also where bills and log disagree: conversations with
known tool schemas, billed at a known rate."""

import random
from pathlib import Path
from typing import Any

import pytest

from costscope import tokens
from tests.ingest.logs import read, write
from tests.ingest.test_refine import adds_up, fits, sums, words

SCHEMAS, BESIDE = 500, 5
FIRST = words(random.Random(1), 1500)
LAST = words(random.Random(2), 60)


class Talk:
    """A conversation that is billed SCHEMAS beside its text, `ratio` tokens for a counted one and BESIDE a
    message. Of a call in `thirds` only that share of the prompt is billed; `lost` numbers the tool results
    that were logged but sent empty; with `only_last` the second system message replaced the first."""

    def __init__(self, seed: int, ratio: float, only_last: bool = False) -> None:
        self.rng, self.seed, self.ratio = random.Random(seed), seed, ratio
        self.lost: set[int] = set()
        self.thirds: set[int] = set()
        self.said = [{"role": "system", "content": FIRST}, {"role": "system", "content": LAST}]
        self.text = self._cost(LAST) + (0 if only_last else self._cost(FIRST))

    def _cost(self, text: str) -> int:
        return round(tokens.count([text])[0] * self.ratio) + BESIDE

    def call(self, n: int, model: str) -> dict[str, Any]:
        said = words(self.rng, self.rng.randrange(80, 700))
        role: dict[str, Any] = {"role": "tool", "tool_call_id": f"c{n}"} if n else {"role": "user"}
        self.said.append({"content": said, **role})
        self.text += self._cost("" if n in self.lost else said)
        reply = {"role": "assistant", "content": words(self.rng, self.rng.randrange(20, 90))}
        billed = self.text + SCHEMAS
        usage = {"prompt_tokens": -(-billed // 3) if n in self.thirds else billed,
                 "completion_tokens": self._cost(reply["content"]) - BESIDE}  # fmt: skip
        record = {
            "timestamp": f"2026-11-01T{n:02}:{self.seed:02}:00Z",
            "request": {"model": model, "messages": list(self.said)},
            "response": {"id": f"chatcmpl-{self.seed}x{n:08}", "model": model,
                         "choices": [{"message": reply}], "usage": usage},
            "metadata": {"feature": "agent", "session": f"s{self.seed}"},
        }  # fmt: skip
        self.said.append(reply)
        self.text += self._cost(reply["content"])
        return record


def log(path: Path, model: str, talks: list[Talk], calls: int = 9) -> Path:
    return write(path, [talk.call(n, model) for talk in talks for n in range(calls)])


def spread(store: Path) -> int:
    return max(max(found) - min(found) for found in sums(store, "hidden").values())


def off(store: Path) -> int:
    """How far what stays unattributed is from the schemas, at most."""
    return max(abs(n - SCHEMAS) for found in sums(store, "hidden").values() for n in found)


@pytest.mark.parametrize(("model", "ratio"), [("gpt-4o", 1.0), ("claude-sonnet-4-5", 1.25)])
def test_the_schemas_are_found_beside_text_that_was_sent(
    store: Path, tmp_path: Path, model: str, ratio: float
) -> None:
    read(store, log(tmp_path / "a.jsonl", model, [Talk(seed, ratio) for seed in range(6)]))
    assert spread(store) <= 2
    assert off(store) <= 0.02 * 1560 * ratio  # by how much the rate of the first text may be off
    assert adds_up(store)


@pytest.mark.parametrize(("model", "ratio"), [("gpt-4o", 1.0), ("claude-sonnet-4-5", 1.25)])
def test_a_system_message_that_was_not_sent_is_no_schema(
    store: Path, tmp_path: Path, model: str, ratio: float
) -> None:
    read(store, log(tmp_path / "a.jsonl", model, [Talk(seed, ratio, True) for seed in range(6)]))
    assert spread(store) <= 2
    assert off(store) <= 15
    assert adds_up(store)


def test_bills_of_a_third_and_results_that_were_not_sent(store: Path, tmp_path: Path) -> None:
    talks = [Talk(seed, 1.0) for seed in range(6)]
    talks[0].thirds, talks[1].thirds, talks[2].thirds = {0}, {3, 4}, {0, 1, 6}
    talks[3].lost, talks[4].lost = {4}, {2, 6}
    read(store, log(tmp_path / "a.jsonl", "gpt-4o", talks))
    assert spread(store) <= 2
    assert off(store) <= 30
    assert adds_up(store)


def test_it_is_the_same_when_calls_come_later(store: Path, tmp_path: Path) -> None:
    talks = [Talk(seed, 1.25, True) for seed in range(6)]
    model = "claude-sonnet-4-5"
    first = [talk.call(n, model) for talk in talks for n in range(9)]
    read(store, write(tmp_path / "a.jsonl", first))
    (before,) = fits(store)
    read(store, write(tmp_path / "b.jsonl", [talks[0].call(n, model) for n in (9, 10)]))
    (after,) = fits(store)
    assert after["coefficients"] == before["coefficients"]
    assert len(sums(store, "hidden")["s0"]) == 11
    assert spread(store) <= 2
    assert off(store) <= 15
