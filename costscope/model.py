"""The nouns that every stage shares. Values only: nothing here reads, prices or prints.

Money is whole picodollars (10**-12 USD) in Python ints; tokens are whole; times are UTC microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol

from msgspec import Raw, Struct

if TYPE_CHECKING:
    import polars as pl

SEGMENTS = (
    "system", "tools", "context", "history", "query", "unattributed", "output", "reasoning",
)  # fmt: skip
"""Where a billed token went. `unattributed`: billed, but no logged text explains it."""

INPUT_CLASSES = (
    "cache_read", "cache_write_1h", "cache_write_12h", "cache_write_5m", "cache_write_30m", "fresh",
)  # fmt: skip
"""Billing classes of a prompt in the order in which they lie along it: what was read comes first,
longer-lived writes precede shorter ones (Anthropic's rule), and what was not cached comes last."""

CLASSES = (*INPUT_CLASSES, "output")
ROLES = ("system", "user", "assistant", "tool", "none")
KINDS = (
    "text", "tool_schema", "tool_call", "tool_result", "document", "thinking", "image", "hidden",
)  # fmt: skip
RULES = ("usage", "structure", "turn", "marker", "learned", "user")
"""What decided a part's segment. `usage`: only the bill says that these tokens exist."""

ANSWERED = ("ok", "incomplete")
"""Statuses of calls that the model answered; the log may not hold all of an incomplete answer."""

SLOTS = ("tools", "system", "message", "reply")
"""Where in a request a raw piece of JSON stood; with the dialect it decides how it is read."""

PICO = 10**12

Slot = Literal["tools", "system", "message", "reply"]


def usd(picodollars: int) -> str:
    """Picodollars as an exact decimal string of dollars, at least two decimals, no exponent."""
    text = format(Decimal(picodollars).scaleb(-12).normalize(), "f")
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents.ljust(2, '0')}"


class Trait:
    """Bits of `calls.traits`: what routing may ask of a call without its text."""

    CODE = 1
    REASONING = 2
    TOOLS_OFFERED = 4
    TOOL_CALLED = 8
    IMAGE = 16
    JSON_REPLY = 32


class Block(Struct, frozen=True, gc=False):
    """One span of a message as the API shows it, decoded. `breakpoint` is a cache mark at its end
    ("5m", "1h") or "". `segment` is set only where the log itself names it (a document block)."""

    role: str
    kind: str
    text: str
    segment: str = ""
    breakpoint: str = ""
    tokens: int = -1
    """How many tokens the log itself says that this is, where it has no text but a name for one (the
    hash of a prefix block, which then stands in `text`); below 0: count the text."""


BlockParser = Callable[[Slot, bytes | memoryview], Sequence[Block]]
"""A dialect: reads the raw JSON that stood in a slot into blocks. Pure, so it is called once for
each distinct text. Raises msgspec.DecodeError, ValueError, TypeError or KeyError if the shape is
not its own."""


class Usage(Struct, frozen=True, gc=False):
    """Billed tokens in disjoint buckets; `reasoning` is a part of `output`, never beside it."""

    fresh: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_30m: int = 0
    cache_write_1h: int = 0
    cache_write_12h: int = 0
    output: int = 0
    reasoning: int = 0


class Call(Struct, kw_only=True):
    """One attempt at one API call, as a log tells it."""

    call_id: str = ""
    """The provider's or gateway's own id; with `request_id` it identifies the call across files."""
    request_id: str = ""
    revision: int = 0
    """Orders snapshots of one streamed response; of one id the highest wins. 0: no snapshots."""
    session: str | None = None
    trace: str | None = None
    task: str | None = None
    sent_at: int | None = None
    """When the request started (or the nearest time the log has), UTC microseconds."""
    latency_us: int | None = None
    provider: str = ""
    channel: str = "direct"
    """direct, bedrock, vertex, azure, openrouter, self-hosted."""
    region: str | None = None
    model: str = ""
    """The model that answered; the requested one where the log has no other."""
    tier: str = "standard"
    """Served, not requested: standard, batch, flex, priority, fast, ultrafast; scale and provisioned are
    paid for beforehand."""
    status: str = "ok"
    """ok, error, incomplete (a stream of which the log has not the end), or the log's own word."""
    finish_reason: str | None = None
    feature: str | None = None
    team: str | None = None
    user_id: str | None = None
    tenant: str | None = None
    template: str | None = None
    template_version: str | None = None
    tags: dict[str, str] = {}
    temperature: float | None = None
    params: str = ""
    """Canonical text of the other request settings that change the answer (for the request hash)."""
    cache_params: str = ""
    """Canonical text of those settings of which a change makes the provider read the prompt anew, so
    far as they are not at their defaults."""
    json_reply: bool = False
    retry_of: str | None = None
    """The call_id of the attempt that this one repeats, where the log says so."""
    usage: Usage | None = None
    """None: the log does not say what was billed, so every part is an estimate."""
    ambiguous: bool = False
    """Whether nothing in the log told if its input holds the cached tokens: the source's habit did."""
    units: dict[str, int] = {}
    """What is billed beside text tokens, by name: requests of server tools (`web_search`), and how many
    of the tokens in `usage` are of another price (`input_audio`, `cache_audio`, `output_audio`,
    `input_image`, `output_image`). Names are those of the price book's units."""
    reported_pd: int | None = None
    """What the log itself says that the call cost."""
    dialect: BlockParser | None = None
    tools: Raw = Raw(b"")
    system: Raw = Raw(b"")
    messages: Sequence[Raw | bytes] = ()
    reply: Raw = Raw(b"")
    offset: int = 0
    line: int = 0


class Skipped(Struct, frozen=True):
    """A record that could not become a call. Counted and shown, never raised."""

    source: str
    line: int
    reason: str


class Ignored(Struct, frozen=True):
    """Records that belong to the format but are no calls (progress notes, earlier snapshots)."""

    count: int = 1


class Texts(Protocol):
    """The texts of a log's blocks, which no workload holds: they are read again from the log."""

    def read(self, wanted: Collection[int]) -> Iterator[tuple[int, str]]:
        """(content hash, text) of each that can still be had, once each, in the order of the log. What is
        gone, or reads otherwise now, is left out."""


@dataclass(frozen=True)
class Workload:
    """Waist 1: what was called and what it spent, without text and without money.

    `calls`: a row a call. Columns: call_no i64 (unique here, no meaning elsewhere), call_id str,
    cluster str (session, else trace, else user, else the call itself: what is resampled together),
    session, trace, user_id, sent_at (datetime us, UTC, may be null), latency_us, provider, channel,
    region, model, tier, status, finish_reason, feature, team, tenant, template, template_version,
    tags (JSON text), temperature, request_hash u64 (0: unknown), params_hash u64 (of the settings of
    which a change invalidates the provider's prompt cache; 0: none is set), traits u16, estimated bool,
    reported_pd (Decimal/i128 or null), units (JSON text or null), retry_of str (the call_id that the
    log says this repeats, or null), added bool (put in by a lever), lever str (which, or "").

    `parts`: a row per (call, block, billing class), sorted by (call_no, seq). Columns: call_no i64,
    seq i32 (prompt order, reply last), segment, role, kind, billing_class, rule (categoricals of the
    names above), turn i32, tokens i64, content u64 (hash of the text, 0 where there is none), prefix
    u64 (hash of the whole prompt up to and with this block), breakpoint ("", "5m", "1h").
    A block that is billed in two classes is two rows with the same seq, content and prefix; so is one
    that traffic tells apart into stretches of several segments, in the order of the text.

    `fees`: what is not per token. Columns: lever, picodollars i128, reason, assumption, once bool (paid
    once, whatever time the log covers; else it recurs, and this is its cost for the log's window).
    """

    calls: pl.DataFrame
    parts: pl.DataFrame
    fees: pl.DataFrame
    origin: Workload | None = None
    """The log as it was, where this is a what-if of it."""
    texts: Texts | None = field(default=None, compare=False)
    """What the blocks say, by content hash; None where nothing can be read again."""

    @property
    def log(self) -> Workload:
        """The log as it was before any what-if: this itself, or what it was made from."""
        return self.origin or self

    def with_(
        self,
        *,
        calls: pl.DataFrame | None = None,
        parts: pl.DataFrame | None = None,
        fees: pl.DataFrame | None = None,
    ) -> Workload:
        """A what-if: this workload with some of its tables replaced."""
        given = {"calls": calls, "parts": parts, "fees": fees}
        tables: dict[str, Any] = {name: x for name, x in given.items() if x is not None}
        return replace(self, origin=self.log, **tables)


@dataclass(frozen=True)
class Interval:
    """A range in picodollars."""

    low: int
    high: int


@dataclass(frozen=True)
class BreakEven:
    """From how many calls on a change pays for what it costs beside tokens; None: it has no such cost,
    no number of calls pays for it, or the log does not tell."""

    calls_a_month: int | None
    """For what recurs."""
    calls_in_all: int | None
    """For what is paid once."""


@dataclass(frozen=True)
class Recommendation:
    """One lever's result. Savings in picodollars over the log's own window; negative is a loss."""

    name: str
    title: str
    settings: Mapping[str, Any]
    calls: int
    """How many calls it touches."""
    cost: int
    """What those calls cost before it."""
    saved: int
    """On top of the levers before it in the stack."""
    saved_alone: int
    saved_share: int
    """Its Shapley share of the combined saving; the shares add up to it exactly."""
    interval: Interval
    """Around `saved_alone`, from resampling conversations and the lever's own low and high."""
    monthly_saved: int | None
    """None below a full day of traffic."""
    effort: str
    risk: str
    action: str
    """What to do, in one sentence."""
    prerequisites: Sequence[str] = ()
    caveats: Sequence[str] = ()
    evidence: Sequence[str] = ()
    """Call ids, the dearest first."""
    backtest: Mapping[str, Any] | None = None
    break_even: BreakEven | None = None
    """None where it costs nothing but tokens."""
    breakdown: Mapping[str, int] = field(default_factory=dict)
    """Of `saved_alone`, where prompts that are cached get shorter: what `fewer_tokens` save, and what
    `added_calls` and the `broken_cache` cost (below zero). They add up to it."""
    details: Sequence[Table] = ()
    """What else it found out about this log: a curve, a histogram, kinds of waste."""


ColumnKind = Literal["text", "count", "tokens", "usd", "share", "change", "number"]


@dataclass(frozen=True)
class Column:
    """A table column. `kind` says what the raw cells are: usd cells are picodollar ints, share and
    change cells are fractions, and None is always unknown."""

    name: str
    kind: ColumnKind = "text"


@dataclass(frozen=True)
class Table:
    """A titled grid of raw values; how they look is the renderer's business."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    note: str = ""


@dataclass(frozen=True)
class Report:
    """Waist 2: what a command has to say. `data` is its JSON document, the public contract;
    `summary`, `tables` and `notes` are the same facts for people."""

    name: str
    title: str
    data: Mapping[str, Any]
    summary: Sequence[str] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = field(default_factory=tuple)
