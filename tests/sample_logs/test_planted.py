"""What the README says is planted is there: the regression, and each kind of waste with its figure."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import datetime

import pytest

from costscope.tokens import count
from tests.sample_logs.counted import (
    chats,
    in_readme,
    of,
    readme_table,
    records,
    rows,
    text,
    time,
    week,
)


def change(feature: str) -> tuple[float, float]:
    """(relative change of the cost per call, its size in cluster-robust standard errors)."""
    rate, variance = [], 0.0
    for number in (1, 2):
        sums: dict[str, list[float]] = {}
        for row in of(feature):
            if row.week == number:
                cell = sums.setdefault(row.cluster, [0.0, 0.0])
                cell[0] += row.cost
                cell[1] += 1
        total, calls = (sum(cell[i] for cell in sums.values()) for i in (0, 1))
        rate.append(total / calls)
        left = sum((s - rate[-1] * m) ** 2 for s, m in sums.values())
        variance += len(sums) / (len(sums) - 1) * left / total**2
    distance = math.log(rate[1] / rate[0])
    return math.expm1(distance), distance / math.sqrt(variance)


FLAT = sorted(set(readme_table()) - {"support-chat"})


def test_support_chat_becomes_dearer() -> None:
    relative, errors = change("support-chat")
    assert 0.35 < relative < 0.60
    assert errors > 5
    assert in_readme(f"rises by {relative:.0%}".replace("%", " %"))


@pytest.mark.parametrize("feature", FLAT)
def test_nothing_else_changes(feature: str) -> None:
    relative, errors = change(feature)
    assert abs(relative) < 0.05
    assert abs(errors) < 1.3


@pytest.mark.parametrize("feature", sorted(set(readme_table()) - {"Claude Code, beside"}))
def test_every_feature_has_enough_clusters(feature: str) -> None:
    for number in (1, 2):
        clusters = {row.cluster for row in of(feature) if row.week == number}
        assert len(clusters) >= (120 if feature == "support-chat" else 40)


def test_the_new_template_sends_twice_the_context() -> None:
    mean = {}
    for version in ("v3", "v4"):
        found = [
            r["request"]["messages"][-1]["content"].split("</context>")[0]
            for r in chats("support-chat")
            if r["metadata"]["template_version"] == version and "usage" in r["response"]
        ]
        mean[version] = round(sum(count(found)) / len(found))
    assert in_readme(f"from {mean['v3']:,} to {mean['v4']:,} tokens")
    assert mean["v4"] / mean["v3"] == pytest.approx(2, abs=0.02)


def test_versions_change_with_the_week() -> None:
    for r in chats("support-chat"):
        assert r["metadata"]["template_version"] == {1: "v3", 2: "v4"}[week(r["timestamp"])]


def test_a_clock_starts_every_system_prompt() -> None:
    found = chats("support-chat")
    prompts = {r["request"]["messages"][0]["content"] for r in found}
    requests = {text(r["request"]) for r in found}
    rest = {prompt.split("\n\n", 1)[1] for prompt in prompts}
    assert all(prompt.startswith("Current time: 2026-11-") for prompt in prompts)
    assert (len(rest), count(list(rest))) == (1, [1167])
    assert in_readme(f"{len(requests)} requests, {len(prompts)} system prompts", "1,167 tokens")


def test_without_the_clock_most_prompts_were_sent_before() -> None:
    billed = [r for r in chats("support-chat") if "usage" in r["response"]]
    last: dict[str, datetime] = {}
    gaps = []
    for r in billed:
        model = r["request"]["model"]
        if model in last:
            gaps.append((time(r) - last[model]).total_seconds() / 60)
        last[model] = time(r)
    near, far = (sum(gap <= minutes for gap in gaps) for minutes in (5, 30))
    assert in_readme(f"{len(billed)} billed calls, of which {near} follow", f"{far} within thirty")


def test_with_the_clock_only_retries_are_cached() -> None:
    seen: dict[str, int] = {}
    cached = 0
    for r in chats("support-chat"):
        request = text(r["request"])
        if "usage" in r["response"]:
            read = r["response"]["usage"]["prompt_tokens_details"]["cached_tokens"]
            assert not read or seen[request] == 504
            cached += read > 0
        seen[request] = r["status_code"]
    assert in_readme(f"only the {cached} retries after a timeout")


def test_questions_are_asked_again() -> None:
    stored: dict[str, datetime] = {}
    answers: dict[str, set[str]] = {}
    asked_by: dict[str, str] = {}
    served = by_another = 0
    found = chats("help-widget")
    for r in found:
        assert r["request"]["temperature"] == 0
        request, user = text(r["request"]), r["metadata"]["user_id"]
        by_another += asked_by.get(request, user) != user
        asked_by[request] = user
        if request in stored and (time(r) - stored[request]).total_seconds() <= 86_400:
            served += 1
        else:
            stored[request] = time(r)
        reply = r["response"]["choices"][0]["message"]["content"]
        answers.setdefault(request, set()).add(reply)
    repeats = len(found) - len(answers)
    assert all(len(replies) == 1 for replies in answers.values())
    assert in_readme(
        f"{len(found)} calls, {len(answers)} distinct requests: {repeats} exact repeats",
        f"{by_another} of them by another user", f"{served} come while",
    )  # fmt: skip


BODIES = {
    "openai_chat.jsonl.gz": ("request", "response"),
    "openai_responses.jsonl.gz": ("body", "response"),
    "anthropic_messages.jsonl.gz": ("request_body", "response_body"),
}


def test_every_failure_is_tried_again_unchanged() -> None:
    statuses: Counter[int] = Counter()
    for name, (request, response) in BODIES.items():
        waiting: set[str] = set()
        for r in records(name):
            body, status = text(r[request]), r["status_code"]
            if status != 200:
                statuses[status] += 1
                assert ("usage" in r[response]) == (status == 504)
                waiting.add(body)
            else:
                waiting.discard(body)
        assert not waiting
    assert statuses == {429: 18, 500: 4, 504: 6}
    assert in_readme("28 failures", "18 with status 429 and 4 with 500", "6 with 504")


def test_history_grows_without_bound() -> None:
    prompt = old = 0
    for r in chats("campaign-chat"):
        messages = [m["content"] for m in r["request"]["messages"]]
        prompt += r["response"]["usage"]["prompt_tokens"]
        # The system prompt comes first; the question and three exchanges, seven messages, are recent.
        old += sum(n + 3 for n in count(messages[1:-7]))
    assert in_readme(f"{old:,} of {prompt:,} prompt tokens ({old / prompt:.0%}".replace("%", " %"))
    assert max(len(r["request"]["messages"]) for r in chats("campaign-chat")) == 1 + 2 * 24 - 1


def test_a_frontier_model_says_yes_or_no() -> None:
    found = [r for r in records("openai_responses.jsonl.gz") if "usage" in r["response"]]
    said = {r["response"]["output"][0]["content"][0]["text"] for r in found}
    assert said == {
        "yes",
        "no",
        "alarm",
        "delivery",
        "device fault",
        "invoice",
        "praise",
        "question",
    }
    used = [r["response"]["usage"] for r in found]
    thought = sum(u["output_tokens_details"]["reasoning_tokens"] for u in used)
    out = sum(u["output_tokens"] for u in used)
    assert in_readme(f"{len(found)} answers", f"{thought:,} of {out:,} output tokens are reasoning")


def test_the_nightly_job_is_not_batched() -> None:
    found = [r for r in records("openai_responses.jsonl.gz") if "usage" in r["response"]]
    assert all(r["timestamp"][11:13] == "02" for r in found)
    tiers = Counter((r["body"].get("service_tier"), r["response"]["service_tier"]) for r in found)
    assert tiers == {(None, "default"): 484, ("flex", "flex"): 12, ("flex", "default"): 4}
    standard = [row for row in of("ticket-triage") if row.tier == "default" and any(row.tokens)]
    cost, total = sum(row.cost for row in standard), sum(row.cost for row in rows())
    share = f"{len(standard)} calls at the standard tier ({len(standard) / len(rows()):.1%} of all"
    money = f"${cost:.3f} ({cost / total:.1%} of the bill)"
    assert in_readme(share.replace("%", " %"), money.replace("%", " %"))


def test_reviews_send_their_tools_unmarked() -> None:
    found = [
        r for r in records("anthropic_messages.jsonl.gz")
        if r["metadata"]["template"] == "review" and "usage" in r["response_body"]
    ]  # fmt: skip
    tools = {json.dumps(r["request_body"]["tools"], separators=(",", ":")) for r in found}
    assert len(tools) == 1
    assert not any("cache_control" in text(r["request_body"]) for r in found)
    each = round(count(list(tools))[0] * 1.2) + 346
    sent = sum(r["response_body"]["usage"]["input_tokens"] for r in found)
    assert in_readme(f"{len(found)} billed calls", f"{each:,} tokens each")
    assert in_readme(f"{each * len(found):,} of {sent:,} input tokens")


def test_few_calls_have_a_model_without_a_price() -> None:
    found = [row for row in rows() if row.model == "orchid-7b-instruct"]
    tokens = sum(sum(row.tokens) for row in found)
    assert len(found) == 6
    assert in_readme(f"{tokens:,} tokens are unpriced")
    assert tokens < 0.01 * sum(sum(row.tokens) for row in of("campaign-chat"))
