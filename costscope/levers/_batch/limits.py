"""What one batch may hold, by provider: dated facts beside those of the price data. Not a lever."""

from __future__ import annotations

from typing import NamedTuple

from costscope.prices.names import place

MB = 1_000_000


class Limits(NamedTuple):
    """What a provider takes in one batch, which is of one model; None: not known, or no limit."""

    least: int | None
    """Requests below which a job is refused."""
    requests: int | None
    bytes: int | None
    source: str


UNKNOWN = Limits(None, None, None, "")

LIMITS = {
    "anthropic": Limits(None, 100_000, 256 * MB, "Anthropic Message Batches docs, November 2026"),
    "openai": Limits(None, 50_000, 200 * MB, "OpenAI Batch docs, November 2026"),
    "azure": Limits(None, 100_000, 200 * MB, "Azure OpenAI quotas, November 2026"),
    "google": Limits(None, None, 2_000 * MB, "Gemini API docs, Batch, November 2026"),
    "mistral": Limits(None, 100_000, 512 * MB, "Mistral docs, known limitations, November 2026"),
    "bedrock": Limits(100, 50_000, 1_000 * MB, "Amazon Bedrock quotas by default, November 2026"),
}
"""By platform. Bedrock's are set per model and account and can be raised; the others' are fixed."""

BYTES_A_TOKEN = 4
"""English text in OpenAI's and Anthropic's rule of thumb; images and other scripts take more."""


def limits(provider: str, channel: str, model: str) -> Limits:
    """The limits of the place where a model is billed. Vertex has other ones than the Gemini API."""
    found = place(provider, channel, model)
    return UNKNOWN if found.channel == "vertex" else LIMITS.get(found.platform, UNKNOWN)
