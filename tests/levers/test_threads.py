"""Pieces of work on several threads: in order, no more at a time than there are threads."""

import threading

from costscope.levers import _threads
from costscope.levers._threads import give_back, side_by_side


def test_results_come_in_the_order_of_the_pieces():
    assert list(side_by_side(lambda n: n * n, range(20))) == [n * n for n in range(20)]


def test_a_single_piece_is_worked_on_where_it_was_asked_for():
    assert list(side_by_side(lambda _: threading.get_ident(), [1])) == [threading.get_ident()]
    assert list(side_by_side(lambda _: 1, [])) == []


def test_no_more_is_begun_than_there_are_threads(monkeypatch):
    monkeypatch.setattr(_threads, "THREADS", 2)
    begun = []
    results = side_by_side(lambda n: n, (begun.append(n) or n for n in range(10)))
    assert next(results) == 0
    assert len(begun) == 3


def test_a_c_library_without_a_way_to_give_back_is_left_alone(monkeypatch):
    asked = []
    monkeypatch.setattr(_threads.sys, "platform", "linux")
    monkeypatch.setattr(_threads.ctypes, "CDLL", lambda _: object())
    give_back()
    library = type("Library", (), {"malloc_trim": lambda _, kept: asked.append(kept)})
    monkeypatch.setattr(_threads.ctypes, "CDLL", lambda _: library())
    give_back()
    assert asked == [0]
