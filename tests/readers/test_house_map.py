"""Maps of house formats: paths, messages on mistakes with their lines, and what a map reads."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from costscope.errors import SettingsError
from costscope.model import Call, Ignored, Skipped, Usage
from costscope.readers import _places
from costscope.readers._house import is_map, parsed
from costscope.readers._mapped import Mapped
from costscope.sources import Record
from tests.readers.reading import spoken, told

BASE = '[call]\nmodel = "m"\n[usage]\ninput = "in"\noutput = "out"\n'


def items(text: str, *records: Any) -> Sequence[Call | Skipped | Ignored]:
    raws = [Record(json.dumps(r).encode(), 10 * i, i + 1) for i, r in enumerate(records)]
    return list(Mapped(parsed(text)).read(raws, "log"))


def one(text: str, record: Any) -> Call:
    (found,) = items(text, record)
    assert isinstance(found, Call), found
    return found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b", 1),
        ("a.c[0]", 2),
        ("a.c[-1]", 3),
        ("a.c[9]", None),
        ("a.c[*]", 2),
        ("d[*].e", 5),
        ('"x.y".z', 6),
        ("x.y.z", None),
        ("flat.name", 7),
        ("text.k", 8),
        ("a.gone", None),
        ("not here", None),
        ("with space", 9),
        ("zero", 0),
        ("f[0][1]", 11),
    ],
)
def test_a_path_finds_its_value(path: str, value: Any) -> None:
    record = {
        "a": {"b": 1, "c": [2, 3]}, "d": [{"f": 4}, {"e": 5}], "x.y": {"z": 6}, "flat.name": 7,
        "text": '{"k": 8}', "with space": 9, "zero": 0, "f": [[10, 11]],
    }  # fmt: skip
    place = _places.parse(path)
    assert _places.first(record, place.steps) == value
    assert _places.parse(_places.shown(place.steps)) == place


@pytest.mark.parametrize("path", ["", "$.", ".a", "a.", "a..b", "a[", "a[x]", '"a', 'a"b"', "a]"])
def test_what_is_no_path_is_told(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        _places.parse(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[call]\nmodel = 'm'\n[usage]\ninptu = 'x'",
            "map:4: [usage] no key is called 'inptu'; the nearest is 'input'",
        ),
        ("[cal]\n", "map:1: no key is called 'cal'; the nearest is 'call'"),
        ("[call]\nmodel = \n", "map:2: not valid TOML"),
        ("[usage]\ninput = 'a'", "[call] needs a model"),
        ("[call]\nmodel = 'm'", "neither [usage] nor [text]"),
        (BASE + "[text]\nrole = 3", "map:7: [text] role should be text, not 3"),
        (
            "[call]\nmodel = 'm'\nlatency = 'x'\n[usage]\ninput='a'",
            "map:3: [call] latency needs a unit: us, ms, s or min",
        ),
        (
            "[call]\nmodel = 'm'\nlatency = {path='x', unit='h'}\n[usage]\ninput='a'",
            "map:3: [call] 'h' is none of us, ms, s, min",
        ),
        (
            "[call]\nmodel = 'm'\ncost = {path='x', unit='eur'}\n[usage]\ninput='a'",
            "'eur' is none of usd, cents",
        ),
        (
            "[call]\nmodel = 'm'\nsent_at = {path='x', format='epoch'}\n[usage]\ninput='a'",
            "'epoch' is none of iso, epoch_s",
        ),
        ("[call]\nmodel = 'm'\nsent_at = {path='x', format='%Q'}\n[usage]\ninput='a'", "'%Q'"),
        (
            "[call]\nmodel = 'm'\nsent_at = {path='x', timezone='Mars'}\n[usage]\ninput='a'",
            "no time zone is called 'Mars'",
        ),
        (
            "[call]\nmodel = 'm'\nteam = {paht='x'}\n[usage]\ninput='a'",
            "map:3: [call] no key is called 'paht'; the nearest is 'path'",
        ),
        (
            "[call]\nmodel = 'm'\nteam = {default='x'}\n[usage]\ninput='a'",
            "team needs a path or a value",
        ),
        ("[call]\nmodel = 'a..b'\n[usage]\ninput='a'", "map:2: [call] no path: 'a..b'"),
        (
            BASE.replace("[usage]", "[usage]\ninput_includes_cached = 'yes'"),
            "should be true or false",
        ),
        ("call = 3", "map:1: call should be a table: [call]"),
        ("name = 'a b'\n" + BASE, "map:1: 'a b' is no name"),
        ("records = 3\n" + BASE, "records should be text"),
        ("[when]\n'type' = {is = 3}\n" + BASE, "no key is called 'is'; the nearest is 'exists'"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(SettingsError) as error:
        parsed(text)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_the_id_is_the_name_and_what_the_map_says() -> None:
    first = parsed("name = 'gate'\n" + BASE).id
    assert first.startswith("gate@")
    assert is_map(first)
    assert not is_map("rows")
    assert parsed("# another comment\nname = 'gate'\n\n" + BASE).id == first
    assert parsed("name = 'gate'\n" + BASE.replace('"in"', '"inp"')).id != first


WHOLE = """
[call]
model = ["llm.deployed", "llm.name"]
provider = "llm.vendor"
call_id = "ids[0]"
session = "ids[1]"
user = { path = "who", default = "nobody" }
feature = { value = "search" }
sent_at = { path = "at", format = ["%d.%m.%Y %H:%M:%S", "epoch_ms"], timezone = "Europe/Berlin" }
latency = { path = "took", unit = "s" }
cost = { path = "price", unit = "cents" }
status = "state"
code = "http"
temperature = "t"
tags = "labels"
[usage]
unit = "thousands"
input = "k.in"
cache_read = "k.hit"
output = { path = "out", unit = "tokens" }
input_includes_cached = true
[text]
messages = "talk"
role = "from"
content = "said"
roles = { clerk = "assistant" }
reply = "answer"
[tags]
zone = "llm.zone"
"""


def test_a_whole_map() -> None:
    record = {
        "llm": {"name": "gpt-4o", "vendor": "azure", "zone": "b"}, "ids": ["c1", "s1"],
        "at": "21.11.2026 13:00:00", "took": 1.25, "price": "0.3", "state": "done", "http": 200, "t": 0.5,
        "labels": ["env:prod"], "k": {"in": "1.5", "hit": 0.5}, "out": 7,
        "talk": '[{"from": "Clerk", "said": "Hello."}, {"from": "human", "said": "Hi."}]',
        "answer": "Bye.",
    }  # fmt: skip
    found = one(WHOLE, record)
    assert told(found) == {
        "call_id": "c1", "session": "s1", "user_id": "nobody", "feature": "search", "model": "gpt-4o",
        "provider": "openai", "channel": "azure", "sent_at": 1_795_262_400_000_000,
        "latency_us": 1_250_000, "reported_pd": 3_000_000_000, "temperature": 0.5,
        "tags": {"env": "prod", "zone": "b"}, "usage": {"fresh": 1000, "cache_read": 500, "output": 7},
    }  # fmt: skip
    assert spoken(found) == [
        ("assistant", "text", "Hello."), ("user", "text", "Hi."), ("assistant", "text", "Bye."),
    ]  # fmt: skip


def test_a_time_by_the_second_format() -> None:
    found = one(WHOLE, {"llm": {"name": "m"}, "at": 1763100000250, "out": 1, "k": {"in": 1}})
    assert found.sent_at == 1_763_100_000_250_000


@pytest.mark.parametrize(
    ("more", "record", "usage", "ambiguous"),
    [
        ("", {}, Usage(fresh=100, output=10), False),
        (
            "cache_read='hit'\ninput_includes_cached=true",
            {"hit": 60},
            Usage(fresh=40, cache_read=60, output=10),
            False,
        ),
        (
            "cache_read='hit'\ninput_includes_cached=false",
            {"hit": 60},
            Usage(fresh=100, cache_read=60, output=10),
            False,
        ),
        ("cache_read='hit'", {"hit": 60}, Usage(fresh=40, cache_read=60, output=10), True),
        ("cache_read='hit'", {"hit": 600}, Usage(fresh=100, cache_read=600, output=10), False),
        (
            "cache_read='hit'\ntotal='all'",
            {"hit": 60, "all": 170},
            Usage(fresh=100, cache_read=60, output=10),
            False,
        ),
        (
            "cache_read='hit'\ntotal='all'",
            {"hit": 60, "all": 110},
            Usage(fresh=40, cache_read=60, output=10),
            False,
        ),
        (
            "reasoning='think'\noutput_includes_reasoning=true",
            {"think": 4},
            Usage(fresh=100, output=10, reasoning=4),
            False,
        ),
        (
            "reasoning='think'\noutput_includes_reasoning=false",
            {"think": 4},
            Usage(fresh=100, output=14, reasoning=4),
            False,
        ),
        (
            "cache_write='w'\ncache_write_1h='w1'\ninput_includes_cached=false",
            {"w": 30, "w1": 10},
            Usage(fresh=100, cache_write_1h=10, cache_write_5m=20, output=10),
            False,
        ),
    ],
)
def test_what_the_map_says_of_the_counts(
    more: str, record: dict[str, Any], usage: Usage, ambiguous: bool
) -> None:
    found = one(BASE + more, {"m": "house-1", "in": 100, "out": 10, **record})
    assert (found.usage, found.ambiguous) == (usage, ambiguous)


def test_a_record_may_hold_many_calls_and_others() -> None:
    text = (
        'records = "batch.events"\n[when]\nkind = ["llm", "chat"]\n"x.y" = { exists = false }\n'
        + BASE
    )
    text = text.replace("[usage]", 'session = "$.job"\n[usage]')
    call = {"kind": "llm", "m": "a", "in": 1, "out": 2}
    record = {
        "job": "j7",
        "batch": {"events": [call, {"kind": "tool"}, {**call, "x": {"y": 1}}, {**call, "in": "?"}]},
    }
    first, second, third, fourth = items(text, record)
    assert isinstance(first, Call)
    assert (first.session, first.line) == ("j7", 1)
    assert (second, third) == (Ignored(), Ignored())
    assert fourth == Skipped("log", 1, "in is no token count: '?'")
    assert items(text, {"job": "none"}) == [Ignored()]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ([], "the record is no JSON object"),
        ({"in": 1}, "no model at m"),
        ({"m": "a"}, "neither token counts nor texts where the map looks for them"),
        ({"m": "a", "in": -5}, "in is no token count: -5"),
    ],
)
def test_what_is_no_call_is_skipped_with_the_reason(record: Any, reason: str) -> None:
    assert items(BASE, record) == [Skipped("log", 1, reason)]


def test_broken_json_is_skipped() -> None:
    (found,) = Mapped(parsed(BASE)).read([Record(b'{"m": ', 0, 9)], "log")
    assert isinstance(found, Skipped)
    assert found.line == 9


def test_a_failed_call_without_counts_is_a_call() -> None:
    text = BASE.replace("[usage]", 'error = "err"\n[usage]')
    found = one(text, {"m": "a", "err": {"type": "overloaded"}})
    assert (found.status, found.usage) == ("error", Usage())


def test_the_anthropic_dialect_and_plain_prompts() -> None:
    text = '[call]\nmodel = "m"\n[text]\ndialect = "anthropic"\nmessages = "ms"\nsystem = "sys"\nreply = "re"\n'
    said = [{"role": "user", "content": [{"type": "text", "text": "Hi."}]}]
    found = one(
        text,
        {"m": "claude-x", "ms": said, "sys": "Be kind.", "re": [{"type": "text", "text": "Yo."}]},
    )
    assert spoken(found) == [
        ("system", "text", "Be kind."),
        ("user", "text", "Hi."),
        ("assistant", "text", "Yo."),
    ]
    assert found.usage is None
    plain = '[call]\nmodel = "m"\n[text]\nprompt = "q"\nsystem = "sys"\nreply = "re"\n'
    found = one(plain, {"m": "a", "q": "Why?", "sys": "Be kind.", "re": '["no", "messages"]'})
    assert spoken(found) == [
        ("system", "text", "Be kind."), ("user", "text", "Why?"), ("assistant", "text", '["no", "messages"]'),
    ]  # fmt: skip
