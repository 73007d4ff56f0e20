"""Patterns that could run for ever are refused with a reason, others are not."""

import pytest

from costscope.config.regexes import compiled, ending


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(a+)+b", "a repeat inside a repeat"),
        (r"(?:x.*?)*y", "a repeat inside a repeat"),
        (r"(?:a?){20}a{20}", "a repeat inside a repeat"),
        (r"x(?=(a*)*b)", "a repeat inside a repeat"),
        (r"(?:(?:ab|c)?d+){2}", "a repeat inside a repeat"),
        (r"(?:aa|a.)*b", "alternatives that may begin alike"),
        (r"(?i:(?:Ab|ac))+", "alternatives that may begin alike"),
        (r"(?:|a)*b", "alternatives that may begin alike"),
        (r"(a+)\1", "refers back"),
        (r"(a)?b(?(1)c|d)", "refers back"),
        (r".*a.*b.*c.*d.*e.*f.*", "more than 6 repeats"),
        (r"(open", "is no regular expression (missing ), unterminated subpattern"),
        (r"(?P<a>x)(?P<a>y)", "is no regular expression"),
        ("", "should have 1 to 2,000 characters, it has 0"),
        ("a" * 2001, "should have 1 to 2,000 characters, it has 2,001"),
    ],
)
def test_refused(pattern: str, why: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        compiled(pattern)
    assert why in str(error.value)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(?s)<kb>(.*?)</kb>", "<kb>a\nb</kb>"),
        (r"(?m)^- (?P<span>.*)$", "- one"),
        (r"(?:- .*\n)++", "- a\n- b\n"),
        (r"(?:a++b)*c", "aabc"),
        (r"(?:foo|bar)+", "foobar"),
        (r"(?:\d{4}-){2}", "2026-2026-"),
        (r"(?:a+b)?c", "aabc"),
        (r"a{2,900}", "aaa"),
    ],
)
def test_used(pattern: str, text: str) -> None:
    assert compiled(pattern).fullmatch(text)


@pytest.mark.parametrize(
    ("pattern", "letters"),
    [
        (r"(?s)<kb>(.*?)</kb>", "</kb>"),
        (r"a.*b\.\n", "b.\n"),
        (r"a|bc", ""),
        (r"(?i)a.*bc", ""),
        (r"a(?=.*x)bc", ""),
        (r"a.*\Z", ""),
        (r"ab?", ""),
    ],
)
def test_what_every_match_ends_with(pattern: str, letters: str) -> None:
    assert ending(pattern) == letters
