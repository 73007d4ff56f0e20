"""A request and a response as they went over the wire, and the record of a log that holds both. Texts
and whatever else is read later stay raw."""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct

from costscope.readers._counts import Normalised
from costscope.readers._json import NONE


class Body(Struct):
    """A request as it went to the API. Texts stay raw; small settings are decoded later."""

    model: str | None = None
    messages: list[Raw] | None = None
    input: Raw = NONE
    instructions: Raw = NONE
    system: Raw = NONE
    tools: Raw = NONE
    functions: Raw = NONE
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    max_tokens: int | None = None
    max_output_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    stop: Raw = NONE
    stop_sequences: Raw = NONE
    logit_bias: Raw = NONE
    tool_choice: Raw = NONE
    parallel_tool_calls: bool | None = None
    response_format: Raw = NONE
    text: Raw = NONE
    reasoning: Raw = NONE
    reasoning_effort: str | None = None
    verbosity: str | None = None
    thinking: Raw = NONE
    output_config: Raw = NONE
    previous_response_id: str | None = None
    user: Raw = NONE
    metadata: Raw = NONE
    contents: Raw = NONE
    system_instruction: Raw = NONE
    systemInstruction: Raw = NONE
    generation_config: Raw = NONE
    generationConfig: Raw = NONE
    inferenceConfig: Raw = NONE
    toolConfig: Raw = NONE
    modelId: str | None = None
    prompt: Raw = NONE
    inputText: Raw = NONE
    message: Raw = NONE
    chat_history: Raw = NONE
    preamble: Raw = NONE
    documents: Raw = NONE
    url: Raw = NONE
    headers: Raw = NONE
    body: Raw = NONE
    """The real request, where this is an HTTP exchange with its method and headers."""


class Answer(Struct):
    """A response as it came from the API, or what a log kept of it."""

    id: str | None = None
    object: str | None = None
    type: str | None = None
    model: str | None = None
    created: Raw = NONE
    created_at: Raw = NONE
    choices: Raw = NONE
    output: Raw = NONE
    content: Raw = NONE
    usage: Raw = NONE
    service_tier: str | None = None
    stop_reason: str | None = None
    status: Raw = NONE
    error: Raw = NONE
    status_code: int | None = None
    request_id: str | None = None
    candidates: Raw = NONE
    usage_metadata: Raw = NONE
    usageMetadata: Raw = NONE
    modelVersion: str | None = None
    responseId: str | None = None
    response_id: str | None = None
    generation_id: str | None = None
    stopReason: str | None = None
    metrics: Raw = NONE
    steps: Raw = NONE
    results: Raw = NONE
    outputs: Raw = NONE
    generation: Raw = NONE
    generations: Raw = NONE
    message: Raw = NONE
    text: Raw = NONE
    meta: Raw = NONE
    finish_reason: Raw = NONE
    diagnostics: Raw = NONE
    prompt_cache_diagnostics: Raw = NONE
    headers: Raw = NONE
    body: Raw = NONE
    """The real response, where this is an HTTP exchange or a line of a batch's results."""


class Envelope(Struct):
    """One record, unwrapped."""

    request: Body
    answer: Answer
    reply: Raw
    """The reply where the log keeps it as plain text."""
    code: int | None
    failed: bool
    wrapped: bool
    """Whether a body stood under a key of its own: then this is a log, whatever is in it."""
    batch: bool
    outer: dict[str, Any]
    """The scalars that stand beside the bodies: time, ids, dimensions, counts."""
    metadata: dict[str, Any]
    url: str = ""
    """Where the request went, where the log says so."""
    sent_headers: Raw = NONE
    got_headers: Raw = NONE
    sent: Raw = NONE
    got: Raw = NONE
    """The request and the response whole, for dialects with more fields than the above; there only
    where they are not in the known shape of lists of choices, content or output."""
    counts: dict[str, Any] | None = None
    """The response's usage object, once it has been decoded."""
    billed: Normalised = Normalised(None)
    """What its usage says in our words, once that has been read."""
    unanswered: bool = False
    """Whether it has no response at all: a line of a batch's input, or a stream nobody recorded."""
    incomplete: bool = False
    """Whether the response is a stream that ends before its usage."""
