"""Benchmark runs: a call a request, times from the run's date, and summaries that are no calls."""

from typing import Any

import pytest

from costscope.model import Call, Ignored, Skipped, Usage
from tests.readers.reading import every, reader

RUN: dict[str, Any] = {
    "date": "20261104-091530", "model_id": "m", "duration": 30, "total_input_tokens": 3,
    "request_throughput": 1.0, "input_lens": [1, 2], "output_lens": [5, 6],
}  # fmt: skip


def calls(**changes: Any) -> list[Call]:
    found = every("vllm_bench", [{**RUN, **changes}])
    return [c for c in found if isinstance(c, Call)]


def test_requests_begin_where_the_run_began_and_keep_their_gaps() -> None:
    began = 1_793_783_700_000_000
    assert [c.sent_at for c in calls()] == [began, began]
    later = calls(start_times=[2_000_000.5, 2_000_000.25])
    assert [c.sent_at for c in later] == [began + 250_000, began]
    assert [c.sent_at for c in calls(date="soon")] == [None, None]


def test_latency_is_the_first_token_and_the_gaps() -> None:
    first, second = calls(ttfts=[0.5, 0.1], itls=[[0.25, 0.25], ["x"]])
    assert (first.latency_us, second.latency_us) == (1_000_000, None)


def test_a_failed_request_is_billed_nothing() -> None:
    first, second = calls(errors=["", "Timeout"], generated_texts=["Yes.", ""])
    assert (first.status, first.usage) == ("ok", Usage(fresh=1, output=5))
    assert (second.status, second.usage, second.dialect) == ("error", Usage(), None)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({**RUN, "input_lens": None}, "a summary without its requests; run the benchmark with --save-detailed"),
        ({**RUN, "input_lens": [-1]}, "request 1: input_lens is no token count: -1"),
        ([1], "no JSON object"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_skipped_with_the_reason(record: Any, reason: str) -> None:
    assert every("vllm_bench", [record]) == [Skipped("log", 1, reason)]


def test_a_run_without_requests_is_ignored() -> None:
    assert every("vllm_bench", [{**RUN, "input_lens": []}]) == [Ignored()]


def test_a_summary_is_recognised_so_that_it_is_no_call() -> None:
    summary = {k: v for k, v in RUN.items() if not k.endswith("_lens")}
    assert reader("vllm_bench").score(summary) > reader("rows").score(summary)
