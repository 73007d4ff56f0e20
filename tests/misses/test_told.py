"""Texts beside findings: looked up for the dearest ones, left out where they are not to be had."""

from costscope.misses import told
from costscope.misses._texts import TOP
from costscope.reports.misses import Misses, Unexplained
from tests.reports.test_misses import finding

LEFT = Unexplained(0, 0, 0)
PAIR = ((1, 11), (2, 22))
TEXTS = {11: "Now: 2026-11-02", 22: "Now: 2026-11-03"}


def test_what_varies_is_named_and_shown():
    asked = []

    def text(call_no, content):
        asked.append((call_no, content))
        return TEXTS[content]

    (found,) = told(Misses([finding(pair=PAIR)], LEFT), text).found
    assert (found.kind, found.variants) == ("timestamp", ("Now: 2026-11-02", "Now: 2026-11-03"))
    assert asked == list(PAIR)


def test_a_log_that_is_gone_shows_nothing():
    misses = Misses([finding(pair=PAIR), finding()], LEFT)
    assert told(misses, lambda call_no, content: None) == misses


def test_only_the_dearest_are_looked_up():
    many = Misses([finding(pair=PAIR)] * (TOP + 2), LEFT)
    kinds = [f.kind for f in told(many, lambda call_no, content: TEXTS[content]).found]
    assert kinds == ["timestamp"] * TOP + ["", ""]


def test_what_each_user_has_to_himself_is_a_name():
    texts = {11: "You help Ann today.", 22: "You help Bob today."}
    (found,) = told(
        Misses([finding(pair=PAIR, cause="per_user")], LEFT),
        lambda call_no, content: texts[content],
    ).found
    assert found.kind == "user name"
