"""Reading ends with prompts that are measured by the bill: conversations made by a known rule of billing."""

import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from costscope import tokens
from costscope.ingest import refine
from costscope.model import CLASSES
from costscope.store import Store
from tests.ingest.logs import held, read, row, write

WORDS = "valve pump flow the of a reads bar opens closed error retry index table"


def words(rng: random.Random, n: int) -> str:
    return " ".join(rng.choice(WORDS.split()) for _ in range(n))


class Talk:
    """A conversation as a provider would bill it: so many tokens for a counted one, for a message, and for
    what is not logged; hidden reasoning is carried to the next prompt, and told in multiples of 64."""

    def __init__(self, seed: int, ratio: float, beside: int, hidden: int, thinks: bool) -> None:
        self.rng, self.session = random.Random(seed), f"s{seed}"
        self.ratio, self.beside, self.hidden, self.thinks = ratio, beside, hidden, thinks
        self.said: list[dict[str, Any]] = [{"role": "system", "content": words(self.rng, 200)}]
        self.carried = 0

    def call(self, n: int, model: str) -> dict[str, Any]:
        """The next call; what it answers is in the prompt of the one after it."""
        role = "user" if n == 0 else "tool"
        mark = {"tool_call_id": f"c{n}"} if n else {}
        self.said.append(
            {"role": role, "content": words(self.rng, self.rng.randrange(20, 160)), **mark}
        )
        counts = tokens.count([m["content"] for m in self.said])
        text = sum(round(c * self.ratio) + self.beside for c in counts)
        reply = {"role": "assistant", "content": words(self.rng, self.rng.randrange(5, 90))}
        thought = self.rng.choice([0, self.rng.randrange(64, 900)]) if self.thinks else 0
        usage = {
            "prompt_tokens": text + self.hidden + self.carried,
            "completion_tokens": 40 + thought,
            "completion_tokens_details": {"reasoning_tokens": thought // 64 * 64},
        }
        record = {
            "timestamp": f"2026-11-01T{n:02}:00:00Z",
            "request": {"model": model, "messages": list(self.said)},
            "response": {"id": f"chatcmpl-{self.session}x{n:08}", "model": model,
                         "choices": [{"message": reply}], "usage": usage},
            "metadata": {"feature": "agent", "session": self.session},
        }  # fmt: skip
        self.said.append(reply)
        self.carried += thought
        return record


def log(path: Path, model: str, ratio: float, beside: int, *, seeds: range = range(6),
        turns: range = range(8), thinks: bool = False) -> Path:  # fmt: skip
    """Conversations of which each has a hidden part of its own; only some turns are logged."""
    records = []
    for seed in seeds:
        talk = Talk(seed, ratio, beside, 1000 + 100 * seed, thinks)
        records += [talk.call(n, model) for n in range(turns.stop)][turns.start :]
    return write(path, records)


def sums(path: Path, kind: str) -> dict[str, list[int]]:
    """By session, the tokens of each call's rows of a kind that only the bill tells of."""
    with Store.open(path, create=False) as store:
        rows = store._db.execute(
            "select session, coalesce(sum(tokens) filter (p.kind = ? and p.rule = 'usage' and "
            "p.billing_class <> 'output'), 0)::bigint "
            "from calls left join parts p using (call_no) group by session, call_no order by call_no",
            [kind],
        ).fetchall()
    found = defaultdict(list)
    for session, n in rows:
        found[session].append(n)
    return found


def adds_up(path: Path) -> bool:
    with Store.open(path, create=False) as store:
        columns = ", ".join(
            f"c.{n} = coalesce(sum(p.tokens) filter (p.billing_class = '{n}'), 0)" for n in CLASSES
        )
        rows = store._db.execute(
            f"select {columns} from calls c left join parts p using (call_no) group by c.call_no, "
            + ", ".join(f"c.{n}" for n in CLASSES)
        ).fetchall()
    return bool(rows) and all(all(r) for r in rows)


def fits(path: Path) -> list[dict[str, Any]]:
    with Store.open(path, create=False) as store:
        store.scope("true", [], {})
        rows: list[dict[str, Any]] = store.table("scope_fits").to_pylist()
    return rows


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "mistral-large", "gpt-4o"])
def test_what_nobody_logged_is_constant_in_a_conversation(
    store: Path, tmp_path: Path, model: str
) -> None:
    ratio = 1.0 if model == "gpt-4o" else 1.33
    read(store, log(tmp_path / "a.jsonl", model, ratio, 7))
    for session, found in sums(store, "hidden").items():
        assert max(found) - min(found) <= 2
        # The level is that of the fit, for the first prompt; the rest is measured.
        assert abs(found[0] - (1000 + 100 * int(session[1:]))) < 30
    assert adds_up(store)
    (fitted,) = fits(store)
    assert json.loads(fitted["coefficients"])["ratio"]["text"] == pytest.approx(ratio, abs=0.06)
    assert fitted["error_median"] < fitted["default_median"]


def test_hidden_reasoning_that_is_carried_has_its_own_part(store: Path, tmp_path: Path) -> None:
    read(store, log(tmp_path / "a.jsonl", "gpt-5", 1.0, 4, seeds=range(10), thinks=True))
    for session, found in sums(store, "hidden").items():
        assert max(found) - min(found) <= 2
        thought = sums(store, "thinking")[session]
        rng_free = Talk(int(session[1:]), 1.0, 4, 0, True)
        expected = []
        for n in range(8):
            expected.append(rng_free.carried)
            rng_free.call(n, "gpt-5")
        assert thought == pytest.approx(expected, abs=12)
    assert adds_up(store)


def test_reading_again_changes_nothing(store: Path, tmp_path: Path) -> None:
    file = log(tmp_path / "a.jsonl", "claude-sonnet-4-5", 1.33, 7)
    read(store, file)
    before, fitted = held(store, secret=True), fits(store)
    read(store, file)
    assert (held(store, secret=True), fits(store)) == (before, fitted)


def test_few_calls_are_left_as_they_are(store: Path, tmp_path: Path) -> None:
    read(store, log(tmp_path / "a.jsonl", "claude-sonnet-4-5", 1.33, 7, seeds=range(2)))
    (fitted,) = fits(store)
    assert fitted["coefficients"] is None
    assert fitted["error_median"] == fitted["default_median"]
    assert adds_up(store)


def test_later_calls_are_measured_by_the_fit_that_is_known(store: Path, tmp_path: Path) -> None:
    model = "claude-sonnet-4-5"
    read(store, log(tmp_path / "a.jsonl", model, 1.33, 7, seeds=range(12), turns=range(10)))
    (first,) = fits(store)
    read(store, log(tmp_path / "b.jsonl", model, 1.33, 7, seeds=range(1), turns=range(10, 13)))
    assert fits(store) == [first | {"calls": first["calls"] + 3}]
    found = sums(store, "hidden")["s0"]
    assert len(found) == 13
    assert max(found) - min(found) <= 2
    assert adds_up(store)


def test_chunks_do_not_change_what_comes_out(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = log(tmp_path / "a.jsonl", "claude-sonnet-4-5", 1.33, 7)
    read(store, file)
    monkeypatch.setattr(refine, "ROWS", 40)
    other = tmp_path / "other.duckdb"
    read(other, file)
    assert held(other) == held(store)


def test_files_in_another_order_give_the_same_parts(tmp_path: Path) -> None:
    files = [log(tmp_path / f"{n}.jsonl", "claude-sonnet-4-5", 1.33, 7, seeds=range(n, n + 1))
             for n in range(6)]  # fmt: skip
    read(tmp_path / "a.duckdb", *files)
    read(tmp_path / "b.duckdb", *reversed(files))
    assert held(tmp_path / "a.duckdb") == held(tmp_path / "b.duckdb")


def test_usage_without_text_is_no_evidence(store: Path, tmp_path: Path) -> None:
    read(store, write(tmp_path / "a.jsonl", [row(n) for n in range(60)]))
    assert fits(store) == []
    assert adds_up(store)
