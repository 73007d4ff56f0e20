"""The names that logs give to the same facts, and how a name is told from its many spellings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from costscope.readers import _columns
from costscope.readers._columns import canonical

START = (
    "sent_at", "request_time", "requested_at", "request_timestamp", "request_start_time",
    "start_time", "started_at", "timestamp", "@timestamp", "ts", "time", "datetime", "date_time",
    "created_at", "logged_at", "event_time", "date", "created", "_ts", "date_time_utc",
)  # fmt: skip
"""When a request started, the surest name first."""
END = ("end_time", "ended_at", "completed_at", "response_time", "finished_at", "responded_at")
LATENCY: Mapping[str, int] = {
    "latency_us": 1, "duration_us": 1, "latency_ms": 1000, "duration_ms": 1000, "response_ms": 1000,
    "elapsed_ms": 1000, "response_time_ms": 1000, "latency_s": 10**6, "duration_s": 10**6,
    "latency_sec": 10**6, "response_time_s": 10**6, "latency_seconds": 10**6,
    "duration_seconds": 10**6, "elapsed_seconds": 10**6,
}  # fmt: skip
"""Name → microseconds in its unit."""
BARE_LATENCY = ("latency", "duration", "elapsed")
"""Without a unit: seconds, as in most SDKs, where nothing else tells."""
COST = ("cost_usd", "total_cost_usd", "cost", "total_cost", "response_cost")
DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "feature": (
        "feature", "feature_name", "use_case", "application", "app", "app_name", "service",
    ),
    "team": ("team", "team_id", "team_name", "department", "cost_center"),
    "user_id": ("user_id", "user", "end_user", "end_user_id", "user_email", "username"),
    "tenant": ("tenant", "tenant_id", "customer_id", "customer", "org_id", "organization"),
    "session": (
        "session_id", "session", "conversation_id", "conversation", "thread_id", "chat_id",
    ),
    "trace": ("trace_id", "trace"),
    "task": ("task_id", "task", "job_id", "case_id"),
    "template": (
        "template", "template_name", "template_id", "prompt_template", "prompt_name", "prompt_id",
    ),
    "template_version": ("template_version", "prompt_version", "template_ver"),
    "region": ("region", "aws_region", "location"),
    "provider": (
        "provider", "llm_provider", "custom_llm_provider", "api_provider", "provider_name", "vendor",
    ),
}  # fmt: skip
"""Our dimension → the names it goes by; the first that is found wins."""
CODE = ("status_code", "http_status", "http_status_code", "response_status", "response_code")
MODEL = ("model", "model_name", "model_id", "llm", "engine", "deployment", "deployment_name")
IDS = ("call_id", "id", "generation_id", "completion_id", "response_id", "log_id")
REPLY = (
    "completion",
    "response",
    "output",
    "response_text",
    "output_text",
    "completion_text",
    "answer",
)
PROMPT = ("prompt", "input", "prompt_text", "input_text", "query", "question", "user_prompt")
SYSTEM = ("system_prompt", "system", "system_message")
NO_TAGS = (
    *IDS, *REPLY, *PROMPT, *SYSTEM, "request_id", "status", "error", "error_message", "exception",
    "message", "content", "text", "body", "request", "headers", "finish_reason", "stop_reason", "object",
    "type", "role", "usage", "token_usage", "messages", "metadata", "service_tier", "tier",
    "temperature", "top_p", "top_k", "seed", "max_tokens", "max_output_tokens", "n", "stream",
    "max_completion_tokens", "stop", "tools", "tool_choice", "instructions", "reasoning_effort",
    "frequency_penalty", "presence_penalty", "parallel_tool_calls", "store", "verbosity", "choices",
    "previous_response_id", "system_fingerprint", "custom_id", "response_format", "thinking",
)  # fmt: skip
"""Not free tags either: texts, which are not kept, and what a call holds elsewhere or needs nowhere."""


def _table() -> dict[str, tuple[str, int]]:
    """Canonical name → what it means and its rank among the names of the same meaning."""
    groups: list[tuple[str, Iterable[str]]] = [
        *DIMENSIONS.items(), ("start", START), ("end", END), ("latency", LATENCY),
        ("bare_latency", BARE_LATENCY), ("cost", COST), ("code", CODE), ("model", MODEL),
        ("tags", ("tags", "labels")), ("", NO_TAGS), ("", _columns.ALL),
    ]  # fmt: skip
    table: dict[str, tuple[str, int]] = {}
    for kind, names in groups:
        for rank, name in enumerate(names):
            table.setdefault(canonical(name), (kind, rank))
    return table


_TABLE = _table()


@lru_cache(8192)
def meaning(name: str) -> tuple[str, int] | None:
    """What a field means ("start", "cost", a dimension, …; "" where it is of no use as a tag) and its
    rank among others that mean the same; None where the name says nothing."""
    return _TABLE.get(canonical(name))
