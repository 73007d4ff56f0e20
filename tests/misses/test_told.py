"""Texts beside findings: looked up for the dearest ones, left out where they are not to be had."""

from costscope.misses import told
from costscope.misses._texts import TOP
from costscope.reports.misses import Misses, Unexplained
from tests.reports.test_misses import finding

LEFT = Unexplained(0, 0, 0)
PAIR = ((1, 11), (2, 22))


class Held:
    """Texts by hash, which note what they were asked for."""

    def __init__(self, texts):
        self.texts, self.asked = texts, []

    def read(self, wanted):
        self.asked.append(set(wanted))
        return ((content, self.texts[content]) for content in wanted if content in self.texts)


DATES = {11: "Now: 2026-11-02", 22: "Now: 2026-11-03"}


def test_what_varies_is_named_and_shown():
    texts = Held(DATES)
    (found,) = told(Misses([finding(pair=PAIR)], LEFT), texts).found
    assert (found.kind, found.variants) == ("timestamp", ("Now: 2026-11-02", "Now: 2026-11-03"))
    assert texts.asked == [{11, 22}]


def test_a_log_that_is_gone_shows_nothing():
    misses = Misses([finding(pair=PAIR), finding()], LEFT)
    assert told(misses, Held({})) == misses


def test_only_the_dearest_are_looked_up():
    many = Misses([finding(pair=PAIR) for _ in range(TOP + 2)], LEFT)
    assert [f.kind for f in told(many, Held(DATES)).found] == ["timestamp"] * TOP + ["", ""]


def test_what_each_user_has_to_himself_is_a_name():
    texts = Held({11: "You help Ann today.", 22: "You help Bob today."})
    (found,) = told(Misses([finding(pair=PAIR, cause="per_user")], LEFT), texts).found
    assert found.kind == "user name"
