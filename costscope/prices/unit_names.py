"""The names of what is billed beside text tokens, and what each is a number of. Knows no price."""

from __future__ import annotations

from collections.abc import Mapping

STORAGE = "cache_storage"
"""Tokens of an explicit cache times the hours that it was kept."""
INSTEAD_OF = {
    f"{side}_{mode}": name
    for mode in ("audio", "image", "video")
    for side, name in (("input", "fresh"), ("cache", "cache_read"), ("output", "output"))
}
"""Units that are tokens of a call's usage → the billing class that they are counted in."""
LISTED: Mapping[str, str] = {
    "web_search": "web_searches_kcount", "file_search": "storage_searches_kcount",
    "request": "requests_kcount", "citation": "output_citation_mtok",
    "input_audio": "input_audio_mtok", "cache_audio": "cache_audio_read_mtok",
    "output_audio": "output_audio_mtok", "input_image": "input_image_mtok",
    "cache_image": "cache_image_read_mtok", "output_image": "output_image_mtok",
    "input_video": "input_video_mtok", "output_video": "output_video_mtok",
}  # fmt: skip
"""Our unit → the price library's key."""
UNITS = (
    *LISTED, "cache_video", "web_fetch", "code_execution", "x_search", "search_source",
    "rerank_search", STORAGE,
)  # fmt: skip


def is_per_token(name: str) -> bool:
    """Whether a unit is priced by the million, as tokens are, and not by the thousand requests."""
    return name in INSTEAD_OF or name in ("citation", STORAGE)
