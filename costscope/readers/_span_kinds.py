"""What a span is: a call of a model, something around calls that repeats what they spent, or neither."""

from __future__ import annotations

from typing import Any

from costscope.readers._span_usage import is_counted
from costscope.readers._spans import KIND, Span

CALL, WRAPPER, OTHER = "call", "wrapper", "other"
_CALLS = frozenset((
    "chat", "text_completion", "completion", "completions", "generate_content", "embeddings",
    "embedding", "embed", "generate", "response", "responses", "messages", "message", "multimodal",
    "chat_completion", "chat_completions", "acompletion", "generate_text", "stream_text",
))  # fmt: skip
"""Values of gen_ai.operation.name for one request to a model; libraries have words of their own."""
_NO_CALLS = frozenset((
    "invoke_agent", "create_agent", "execute_tool", "invoke_workflow", "handoff", "agent", "tool",
    "workflow", "task", "chain", "retrieval", "retrieve", "execute_event_loop_cycle", "rerank",
))  # fmt: skip
_REQUEST_TYPES = frozenset(("chat", "completion", "embedding", "embeddings"))
_INNER = (".doGenerate", ".doStream", ".doEmbed")
"""The AI SDK's spans for the request itself, inside those for what was asked of the SDK."""
MODELS = (
    "llm.model_name", "gen_ai.response.model", "ai.response.model", "gen_ai.request.model",
    "ai.model.id", "embedding.model_name", "ai.model_id", "llm.request.model",
    "langfuse.observation.model.name",
)  # fmt: skip
"""Attributes that name a model; the one that answered before the one that was asked for."""
SYSTEMS = (
    "gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "ai.model.provider",
)  # fmt: skip


def of(span: Span) -> str:
    """CALL, WRAPPER (it counts tokens that other spans may count as well) or OTHER."""
    if span.attributes.get("logfire.span_type") == "pending_span":
        return OTHER  # a note that the real span has begun
    said = _said(span)
    if said is not None:
        called = said
    else:
        known = span.first(*MODELS) is not None
        called = known and (is_counted(span.attributes) or span.first(*SYSTEMS) is not None)
    if called:
        return CALL
    return WRAPPER if is_counted(span.attributes) else OTHER


def is_model(span: Span) -> bool:
    """Whether a span speaks of models at all, in any convention."""
    if KIND in span.attributes or of(span) != OTHER:
        return True
    return any(
        name.startswith(("gen_ai.", "traceloop.", "langfuse.observation."))
        for name in span.attributes
    )


def _said(span: Span) -> bool | None:
    """Whether a span says itself that it is a call; None where it does not say."""
    kind = _word(span, KIND)
    if kind:
        return kind in ("llm", "embedding")
    for found in (_of_sdk(span), _of_operation(span), _of_tracer(span)):
        if found is not None:
            return found
    if span.first("gen_ai.tool.name", "gen_ai.tool.call.id") is not None:
        return False
    return None


def _word(span: Span, name: str) -> str:
    value: Any = span.attributes.get(name)
    return value.lower() if isinstance(value, str) else ""


def _of_sdk(span: Span) -> bool | None:
    """What Vercel's AI SDK calls its spans."""
    operation = span.attributes.get("ai.operationId")
    if not isinstance(operation, str):
        return None
    return operation.endswith(_INNER)


def _of_operation(span: Span) -> bool | None:
    operation = _word(span, "gen_ai.operation.name").replace(" ", "_")
    if operation in _CALLS:
        return True
    return False if operation in _NO_CALLS else None


def _of_tracer(span: Span) -> bool | None:
    """What OpenLLMetry and Langfuse's SDK call their spans."""
    if _word(span, "llm.request.type") in _REQUEST_TYPES:
        return True
    if observed := _word(span, "langfuse.observation.type"):
        return observed in ("generation", "embedding")
    return False if _word(span, "traceloop.span.kind") else None
