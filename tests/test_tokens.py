"""Token counts against known ones, against tiktoken's own tables, and the two counters against each other."""

import base64
import hashlib
import lzma
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costscope import tokens
from costscope.vocab import vendor

needs_fast = pytest.mark.skipif(not tokens.has_fast(), reason="the extra `fast` is not installed")

PLAIN = """def f(x):\n    return {"a": [1, 22, 333, 4444]}  # naïve\n\n\t'quoted' it's I'LL\r\n"""
VARIED = [
    PLAIN, "<|endoftext|>", "漢字かな交じり文。", "مرحبا بالعالم", "नमस्ते दुनिया", "e\u0301" * 9, "😀👨‍👩‍👧‍👦🇩🇪",
    "\x00\x1f\x7f",
    "  \n \t\n\n   x", "AAAAaaaaBBbb", "3.14159e-10", "a" * 5000, "=" * 3000, "\u00a0\u2003 \u3000x", "https://x.y/z?q=%20",
]  # fmt: skip
text = st.text(alphabet=st.characters(), max_size=80) | st.text(string.printable, max_size=200)


@pytest.mark.parametrize(
    ("sample", "cl100k", "o200k"),
    [
        ("", 0, 0),
        ("hello world", 2, 2),
        ("tiktoken is great!", 6, 6),
        ("<|endoftext|>", 7, 7),
        (PLAIN, 37, 35),
        ("漢字かな交じり文。", 10, 8),
        (" " * 128, 1, 1),
    ],
)  # fmt: skip
def test_known_counts(sample: str, cl100k: int, o200k: int) -> None:
    assert tokens.count([sample], "cl100k_base") == [cl100k]
    assert tokens.count([sample], "o200k_base") == [o200k]


def test_counts_come_in_the_order_of_the_texts_whatever_recurs() -> None:
    assert tokens.count(["hello world", "", "hello", "hello world", ""]) == [2, 0, 1, 2, 0]


def test_no_texts() -> None:
    assert tokens.count([]) == []


def test_an_unknown_encoding_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="p50k_base.*o200k_base"):
        tokens.count(["x"], "p50k_base")


@pytest.mark.parametrize("name", tokens.ENCODINGS)
def test_the_bundled_vocabulary_is_the_published_file(name: str) -> None:
    lines = (b"%s %d\n" % (base64.b64encode(t), r) for t, r in tokens.ranks(name).items())
    assert hashlib.sha256(b"".join(lines)).hexdigest() == vendor.SHA256[name]


@pytest.mark.parametrize("name", tokens.ENCODINGS)
def test_pattern_and_hash_are_those_of_tiktoken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tiktoken_ext import openai_public

    hashes: list[str] = []

    def loader(url: str, expected_hash: str) -> dict[bytes, int]:
        hashes.append(expected_hash)
        return {}

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", loader)
    assert openai_public.ENCODING_CONSTRUCTORS[name]()["pat_str"] == tokens.PATTERNS[name]
    assert hashes == [vendor.SHA256[name]]


def test_packing_keeps_every_token_and_its_rank() -> None:
    plain = b"IQ== 0\nIg== 1\nISI= 2\n"
    assert lzma.decompress(vendor.pack(plain)) == b"\x01!\x01\x22\x02!\x22"


def test_packing_refuses_ranks_with_gaps() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        vendor.pack(b"IQ== 0\nIg== 2\n")


@pytest.mark.parametrize(
    "count", [tokens._count_plain, pytest.param(tokens._count_fast, marks=needs_fast)]
)
def test_a_lone_surrogate_counts_as_the_replacement_character(count: object) -> None:
    assert callable(count)
    lone, replaced = count(["a\ud800b", "a\ufffdb"], "o200k_base")
    assert lone == replaced


@pytest.mark.parametrize(
    "count", [tokens._count_plain, pytest.param(tokens._count_fast, marks=needs_fast)]
)
def test_a_surrogate_pair_counts_as_its_character(count: object) -> None:
    assert callable(count)
    assert count(["\ud83d\ude00", "x"], "o200k_base") == count(["😀", "x"], "o200k_base")


@pytest.mark.parametrize("encoding", tokens.ENCODINGS)
@pytest.mark.parametrize("space", [" ", "\t", "\u00a0"])
def test_white_space_that_tiktoken_panics_on_is_counted(encoding: str, space: str) -> None:
    one, two = tokens._count_plain([space * 1_100_000 + "x", space * 2_200_000 + "x"], encoding)
    assert 1.99 < two / one < 2.01


@needs_fast
@pytest.mark.parametrize("encoding", tokens.ENCODINGS)
def test_long_white_space_counts_as_if_it_were_whole(encoding: str) -> None:
    samples = ["a" + " " * n + "b" for n in (tokens.RUN - 1, tokens.RUN, tokens.RUN + 1, 1_200_077)]
    assert tokens._count_plain(samples, encoding) == tokens._count_fast(samples, encoding)


def test_only_long_white_space_is_cut() -> None:
    text = "word " * 200_000
    assert list(tokens._pieces(text)) == [text]
    long = "a" + " " * (2 * tokens.RUN + 5) + "b" + "\t" * tokens.RUN
    assert "".join(tokens._pieces(long)) == long
    assert [len(p) for p in tokens._pieces(long)] == [1 + tokens.RUN, tokens.RUN, 6 + tokens.RUN]


@needs_fast
@pytest.mark.parametrize("encoding", tokens.ENCODINGS)
def test_both_counters_agree_on_varied_text(encoding: str) -> None:
    assert tokens._count_fast(VARIED, encoding) == tokens._count_plain(VARIED, encoding)


@needs_fast
@given(st.lists(text, max_size=8), st.sampled_from(tokens.ENCODINGS))
def test_both_counters_agree_on_any_text(samples: list[str], encoding: str) -> None:
    assert tokens._count_fast(samples, encoding) == tokens._count_plain(samples, encoding)


@pytest.mark.parametrize(
    ("model", "encoding", "exact"),
    [
        ("gpt-4o-mini-2024-07-18", "o200k_base", True),
        ("openai/gpt-4.1", "o200k_base", True),
        ("azure/eu/gpt-5.4-mini", "o200k_base", True),
        ("gpt-6-astra", "o200k_base", True),
        ("o4-mini", "o200k_base", True),
        ("chatgpt-4o-latest", "o200k_base", True),
        ("openai.gpt-oss-120b-1:0", "o200k_base", True),
        ("ft:gpt-4o-mini-2024-07-18:org::id", "o200k_base", True),
        ("gpt-4", "cl100k_base", True),
        ("GPT-4-0613", "cl100k_base", True),
        ("gpt-4-turbo-2024-04-09", "cl100k_base", True),
        ("gpt-35-turbo-16k", "cl100k_base", True),
        ("ft:gpt-3.5-turbo-0125:org", "cl100k_base", True),
        ("text-embedding-3-small", "cl100k_base", True),
        ("text-embedding-ada-002", "cl100k_base", True),
        ("claude-sonnet-4-5", "o200k_base", False),
        ("text-davinci-003", "o200k_base", False),
        ("", "o200k_base", False),
    ],
)
def test_the_vocabulary_of_a_model(model: str, encoding: str, exact: bool) -> None:
    assert tokens.encoding_for(model) == encoding
    assert tokens.is_exact(model) is exact


@pytest.mark.parametrize(
    ("model", "per_hundred"),
    [
        ("gpt-4o", 100),
        ("gpt-5.4", 100),
        ("gpt-4-turbo", 100),
        ("claude-3-opus-20240229", 121),
        ("claude-3-5-haiku-latest", 121),
        ("claude-sonnet-4-20250514", 121),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", 121),
        ("claude-haiku-4-5@20251001", 121),
        ("anthropic/claude-opus-4.6", 121),
        ("claude-opus-4-7", 153),
        ("claude-sonnet-5", 153),
        ("claude-fable-5.2", 153),
        ("claude-latest", 153),
        ("meta-llama/Llama-3.3-70B-Instruct", 100),
        ("deepseek-r1-distill-qwen-32b", 106),
        ("deepseek-chat", 103),
        ("open-mixtral-8x22b", 112),
        ("gemini-2.5-flash", 116),
        ("nobody-knows-this", 100),
    ],
)
def test_how_many_tokens_a_family_makes(model: str, per_hundred: int) -> None:
    assert tokens.family_ratio(model) == (per_hundred, 100)
