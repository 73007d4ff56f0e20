"""Vectors of texts: the same for the same text, nearer for nearer ones, and no network."""

import socket

import numpy as np
import pytest

from costscope.errors import SettingsError
from costscope.levers._similar import embed as _embed
from costscope.levers._similar.embed import LETTERS_ALONE, WORDLLAMA, embedder

TEXTS = [
    "How do I reset my password?",
    "How can I reset my password, please?",
    "Rain in Spain",
    "",
    "!?",
]


@pytest.fixture(params=["letters", "wordllama"])
def way(request):
    if request.param == "wordllama" and not _embed.has_model():
        pytest.skip("the extra `semantic` is not installed")
    return embedder(request.param)


def test_vectors_have_length_one_or_none(way):
    vectors = way.vectors(TEXTS)
    assert vectors.dtype == np.float32
    lengths = np.sqrt((vectors * vectors).sum(axis=1))
    assert lengths[:3] == pytest.approx([1, 1, 1], abs=1e-5)
    assert np.isfinite(vectors).all()
    assert way.vectors([]).shape == (0, vectors.shape[1])


def test_what_is_alike_is_nearer(way):
    one, other, third, *_ = way.vectors(TEXTS)
    assert one @ other > 0.6 > 0.4 > one @ third


def test_a_text_has_one_vector_in_any_company(way):
    alone = np.concatenate([way.vectors([text]) for text in TEXTS])
    assert way.vectors(TEXTS) == pytest.approx(alone, abs=1e-6)
    assert np.array_equal(way.vectors(TEXTS), way.vectors(TEXTS))


def test_odd_texts_are_texts(way):
    vectors = way.vectors(["\ud800", "日本語の質問です", "😀", "a" * 5_000])
    assert np.isfinite(vectors).all()


def test_nothing_is_fetched(way, monkeypatch):
    def refuse(*_args, **_more):
        raise AssertionError("asked the network")

    monkeypatch.setattr(socket, "socket", refuse)
    _embed._model.cache_clear()
    assert way.vectors(["still here"]).any()


def test_the_better_one_that_is_installed_is_taken(monkeypatch):
    monkeypatch.setattr(_embed, "has_model", lambda: False)
    assert embedder() is LETTERS_ALONE
    with pytest.raises(SettingsError, match=r"costscope-cli\[semantic\]"):
        embedder("wordllama")
    monkeypatch.setattr(_embed, "has_model", lambda: True)
    assert embedder() is WORDLLAMA
    assert embedder("letters") is LETTERS_ALONE


def test_thresholds_fall(way):
    assert list(way.grid) == sorted(set(way.grid), reverse=True)
