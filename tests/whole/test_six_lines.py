"""Six lines on which other tools differ by a factor of 3.6, through the real command line: a response
streamed three times, a one-hour cache write, a long prompt, and a model that nobody knows."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import environment

SONNET = "claude-sonnet-4-5-20250929"
UNKNOWN = "claude-imaginary-7"
DURING_BETA, AFTER_BETA = "2025-11-20", "2026-11-02"
STREAM, WRITE = Decimal("0.018"), Decimal("0.601530")
LONG = {DURING_BETA: Decimal("1.5225"), AFTER_BETA: Decimal("0.765")}
"""250,000 tokens of input and 1,000 of output: 6 and 22.50 $ a million above 200,000 tokens while the
long-context beta ran (until 2026-04-30), 3 and 15 since."""


def line(number: int, message: str, day: str, model: str = SONNET, **usage: Any) -> dict[str, Any]:
    return {
        "type": "assistant", "uuid": f"u{number}", "parentUuid": f"u{number - 1}" if number else None,
        "sessionId": "trap", "timestamp": f"{day}T10:00:{number:02}.000Z", "isSidechain": False,
        "requestId": f"req_{message}", "message": {
            "id": f"msg_{message}", "role": "assistant", "model": model, "type": "message",
            "content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn", "usage": usage,
        },
    }  # fmt: skip


def six(day: str) -> list[dict[str, Any]]:
    write = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 100_000}
    return [
        *(line(i, "stream", day, input_tokens=1_000, output_tokens=n) for i, n in enumerate((1, 200, 1_000))),
        line(3, "write", day, input_tokens=10, output_tokens=100, cache_creation_input_tokens=100_000,
             cache_creation=write),
        line(4, "long", day, input_tokens=250_000, output_tokens=1_000),
        line(5, "unknown", day, UNKNOWN, input_tokens=1_000_000, output_tokens=1_000),
    ]  # fmt: skip


class Costscope:
    """The program in a folder that holds one log."""

    def __init__(self, folder: Path, day: str) -> None:
        self.folder, self.day = folder, day
        text = "".join(json.dumps(record) + "\n" for record in six(day))
        (folder / "six.jsonl").write_text(text, encoding="utf-8")
        self._said: dict[tuple[str, ...], str] = {}

    def __call__(self, *args: str) -> str:
        if args not in self._said:
            self._said[args] = self._run(*args)
        return self._said[args]

    def _run(self, *args: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "costscope", *args], cwd=self.folder, env=environment(),
            capture_output=True, text=True, encoding="utf-8", timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def data(self, *args: str) -> Any:
        return json.loads(self(*args, "--json"))


@pytest.fixture(params=[DURING_BETA, AFTER_BETA], scope="module")
def costscope(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Costscope:
    return Costscope(tmp_path_factory.mktemp("six"), request.param)


def test_the_bill_of_six_lines(costscope: Costscope) -> None:
    found = costscope.data("report", "six.jsonl", "--group-by", "model")
    totals = found["totals"]
    assert totals["calls"] == 4
    assert Decimal(totals["cost_usd"]) == STREAM + WRITE + LONG[costscope.day]
    assert totals["unpriced_models"] == [UNKNOWN]
    assert totals["priced_token_share"] == pytest.approx(353_110 / 1_354_110, abs=1e-6)
    costs = {group["key"]["model"]: group["cost_usd"] for group in found["groups"]}
    assert costs == {SONNET: totals["cost_usd"], UNKNOWN: None}


def test_the_unknown_model_is_unpriced_on_the_page_and_not_free(costscope: Costscope) -> None:
    lines = costscope("report", "six.jsonl", "--group-by", "model").splitlines()
    about = [text for text in lines if UNKNOWN in text]
    assert len(about) == 2
    assert "unpriced" in about[0]
    assert "Without a price" in about[1]
    assert "$" not in about[0]


def test_the_last_snapshot_and_the_lifetime_count(costscope: Costscope) -> None:
    costscope("ingest", "six.jsonl")
    query = "select call_id, fresh, cache_write_5m, cache_write_1h, output from calls order by line"
    rows = [tuple(row.values()) for row in costscope.data("sql", query)["rows"]]
    assert rows == [
        ("msg_stream", 1_000, 0, 0, 1_000), ("msg_write", 10, 0, 100_000, 100),
        ("msg_long", 250_000, 0, 0, 1_000), ("msg_unknown", 1_000_000, 0, 0, 1_000),
    ]  # fmt: skip


def test_the_rates_of_that_day_with_their_source(costscope: Costscope) -> None:
    shown = costscope.data("prices", "show", SONNET, "--at", costscope.day)["rates"]
    rates = {
        (rate["billing_class"], rate["above_tokens"]): rate
        for rate in shown
        if rate["tier"] == "standard"
    }
    is_dear = costscope.day == DURING_BETA
    assert rates["cache_write_1h", None]["usd_per_mtok"] == "6"
    assert rates["fresh", 200_000]["usd_per_mtok"] == ("6" if is_dear else "3")
    assert rates["output", 200_000]["usd_per_mtok"] == ("22.5" if is_dear else "15")
    for rate in rates.values():
        assert rate["source"].startswith("genai-prices")
        assert rate["checked_on"] == "2026-11-21"
    assert ("retired on 2026-04-30" in rates["fresh", 200_000]["source"]) is not is_dear


def test_what_has_no_price_is_named_with_names_that_are_near(costscope: Costscope) -> None:
    found = costscope.data("prices", "check", "six.jsonl")
    named = {(row["model"], row["what"], row["number"]) for row in found["unpriced"]}
    assert named == {(UNKNOWN, "fresh", 1_000_000), (UNKNOWN, "output", 1_000)}
    assert found["unpriced_tokens"] == 1_001_000
    assert all(f"no price of {UNKNOWN}" in row["reason"] for row in found["unpriced"])
    assert "$0" not in costscope("prices", "check", "six.jsonl")
