"""What every plug-in has to keep, as functions: one call checks one plug-in by name."""

import json
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints

from costscope import plugins
from costscope.config.kinds import convert, default_of, kind_of, settable
from costscope.levers.interface import STACK, Lever
from costscope.model import Report
from costscope.readers.interface import Reader
from costscope.renderers.interface import Renderer
from costscope.sources import Head, Record

LEVELS = ("low", "medium", "high")
FOREIGN: tuple[Any, ...] = (
    {}, {"a": 1}, {"model": None}, {"model": 3, "messages": "x", "usage": []},
    {"usage": {"input_tokens": "many"}}, {"messages": [None]}, {"type": "unknown"},
)  # fmt: skip
"""Records that are of no format, or broken: they may be skipped, never raise."""
BROKEN = (b"", b"null", b"[]", b"{", b'{"a":', b"\xff\xfe", b'"text"', b"[" * 2000)


def reader(name: str) -> None:
    """A reader's attributes, its scores, and that no content makes it raise."""
    cls = plugins.load("readers", name)
    assert issubclass(cls, Reader)
    _named_and_described(cls, name)
    assert cls.about
    assert isinstance(cls.whole_file, bool)
    found = cls()
    for record in FOREIGN:
        assert 0 <= found.score(record) <= 1
        assert found.score(record) == cls().score(record)
    assert found.sniff(Head("x", [])) == 0
    raws = [*BROKEN, *(json.dumps(record).encode() for record in FOREIGN)]
    results = list(found.read([Record(raw, i, i + 1) for i, raw in enumerate(raws)], "x"))
    assert all(type(result).__name__ in ("Call", "Skipped", "Ignored") for result in results)


def lever(name: str) -> None:
    """A lever's attributes, that its settings have plain types and defaults, and its scenarios."""
    cls = plugins.load("levers", name)
    assert issubclass(cls, Lever)
    _named_and_described(cls, name)
    assert is_dataclass(cls)
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert cls.title
    assert not cls.title.endswith(".")
    assert cls.stage in STACK
    assert cls.effort in LEVELS
    assert cls.risk in LEVELS
    assert isinstance(cls.rewrites_prompts, bool)
    assert cls.flag
    assert cls.flag == cls.flag.lower().strip("-")
    for item in fields(cls):
        assert item.default is not MISSING or item.default_factory is not MISSING, item.name
    for item in settable(cls).values():
        # A setting must survive the way through a file, a variable or --set.
        assert convert(default_of(item), kind_of(item)) == default_of(item), item.name
    assert get_type_hints(cls.apply, None, _names())["return"] is not None
    assert cls() == cls()
    assert all(isinstance(scenario, cls) for scenario in cls().scenarios())
    for sentence in (*cls.prerequisites, *cls.caveats):
        assert sentence.endswith("."), sentence


def renderer(name: str, report: Report) -> None:
    """A renderer's attributes, that it repeats itself, and that nothing in a log steers a terminal."""
    cls = plugins.load("renderers", name)
    assert issubclass(cls, Renderer)
    _named_and_described(cls, name)
    assert cls.suffixes
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in cls.suffixes)
    output = cls().render(report)
    assert output == cls().render(report)
    if isinstance(output, str):
        assert output.endswith("\n")
        assert not output.endswith("\n\n")
        assert not {c for c in output if not c.isprintable()} - {"\n", "\u200c", "\u200d"}
        assert output.encode("utf-8")


def _named_and_described(cls: type[Any], name: str) -> None:
    assert cls.name == name
    assert name == name.lower()
    assert name.isidentifier()
    assert cls.__doc__
    assert cls.__doc__.strip().splitlines()[0][0].isupper()
    assert __import__(cls.__module__, fromlist=["x"]).__doc__


def _names() -> dict[str, Any]:
    from costscope.model import Workload

    return {"Workload": Workload}
