"""What is said of the error of estimates."""

from typing import Any

from costscope.reports import reconciliation


def row(**more: Any) -> dict[str, Any]:
    """A model that was not fitted and is 2 % off."""
    return {
        "provider": "openai", "model": "gpt-4o", "calls": 40, "coefficients": None,
        "error_median": 0.02, "error_p90": 0.04, "default_median": 0.02, "default_p90": 0.04, **more,
    }  # fmt: skip


def test_the_document_has_an_entry_for_each_model() -> None:
    data = reconciliation.document([row(), row(model="claude-sonnet-4-5", coefficients="{}")])
    first, second = data["reconciliation"]
    assert first == {
        "provider": "openai", "model": "gpt-4o", "calls": 40, "error_median": 0.02,
        "error_p90": 0.04, "default_median": 0.02, "default_p90": 0.04, "fitted": False,
        "tokenizer": "o200k_base", "exact": True,
    }  # fmt: skip
    assert (second["fitted"], second["exact"]) == (True, False)


def test_people_are_told_of_fits_and_of_large_errors() -> None:
    fitted, large, small = row(coefficients="{}"), row(error_median=0.2), row()
    notes = reconciliation.notes([fitted, large, small])
    assert len(notes) == 2
    assert "fitted to the bill" in notes[0]
    assert "2.0 % of the bill off" in notes[0]
    assert "not fitted" in notes[1]
    assert "20.0 %" in notes[1]
    assert "not its own vocabulary" not in notes[0]


def test_nothing_fitted_is_an_empty_list() -> None:
    assert reconciliation.document([]) == {"reconciliation": []}
    assert reconciliation.notes([]) == []
