"""One report with every kind of cell that is hard to show, for all renderers."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from costscope.model import Column, Report, Table

CENT = 10**10
DOLLAR = 10**12

ESCAPES = "\x1b[31mred\x1b[0m \x1b]8;;http://x.y\x07link \x9b2J"
MARKUP = "[bold red]x[/] <script>alert(1)</script> a|b *c* _d_ `e` #1 @octocat &amp; $f$ \\"
LINES = "one\r\ntwo\tthree\u2028four"
TURNED = "abc\u202edef\u200bghi\ufeff"
HOSTILE = (ESCAPES, MARKUP, LINES, TURNED, "\ud800 lone", "1. first", "- dash", "# heading")

MONEY = Table(
    "Money",
    (Column("case"), Column("cost", "usd"), Column("share", "share"), Column("change", "change")),
    (
        ("nothing", 0, 0, 0.0),
        ("a picodollar", 1, 1e-12, 1e-9),
        ("below a cent", 2_130_000_000, 0.0004, -0.0004),
        ("rounds up", 99_960 * 10**5, Fraction(1, 3), Fraction(1, 7)),
        ("a cent", CENT, 0.123, 0.142),
        ("most", 1234 * DOLLAR + 56 * CENT, 0.99999, 12.345),
        ("all", 10**15 * DOLLAR, 1, -1),
        ("a loss", -3 * DOLLAR // 2, -0.25, -0.25),
        ("a small loss", -2_100_000_000, 1.5, None),
        ("unknown", None, None, None),
    ),
    note="Costs are list prices.",
)
NUMBERS = Table(
    "Numbers",
    (Column("case"), Column("calls", "count"), Column("tokens", "tokens"), Column("n", "number")),
    (
        ("zero", 0, 0, 0),
        ("large", 1_234_567, 10**18, 1234567),
        ("fractions", 3, 1234.6, 1234.5678),
        ("small", 1, 0.4, 0.012345),
        ("middle", 1, 1, 3.14159),
        ("decimal", 1, 1, Decimal("2.50")),
        ("unknown", None, None, None),
    ),
)
TEXTS = Table(
    "Texts",
    (Column("what"), Column("text")),
    (
        *((f"hostile {i}", text) for i, text in enumerate(HOSTILE)),
        ("wide", "漢字かな 😀 e\u0301"),
        ("spaces", "a\u00a0b\u3000c"),
        ("family", "👩\u200d👩\u200d👧"),
        ("empty", ""),
        ("number", 12345),
        ("truth", True),
        ("list", ["a", "b\x1b"]),
        ("table", {"ttl_s": 300, "keep": ("code", "tools")}),
        ("time", datetime(2026, 11, 21, 12, 30, tzinfo=UTC)),
        ("unknown", None),
    ),
)
REPORT = Report(
    name="hard",
    title=f"Hard {MARKUP}",
    data={
        "window": {"since": "2026-11-01T00:00:00Z", "until": None},
        "schema_version": 1,
        "totals": {"cost_usd": "1234.56", "tokens": 10**18, "share": 0.1, "reason": "unpriced"},
        "texts": list(HOSTILE),
        "wide": "漢字",
        "at": datetime(2026, 11, 21, 12, 30, tzinfo=UTC),
        "exact": Decimal("0.10"),
        "none": [],
    },
    summary=("Spent $12.34 on 3 calls.", f"Dearest: {MARKUP}", ESCAPES, "1. not a list"),
    tables=(MONEY, NUMBERS, TEXTS, Table("Empty", (Column("x"), Column("y", "usd")), ())),
    notes=("91 % of the tokens are priced.", LINES),
)
