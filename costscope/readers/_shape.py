"""Records of one log are alike, so what one of them taught reads the next in a single pass over its
bytes. Nothing but speed depends on it: what does not fit is read the slow way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Raw

MAX_KEYS = 64
MAX_LESSONS = 200
"""A log with ever new keys is not worth learning."""
Request = TypeVar("Request")
Response = TypeVar("Response")


class Parts(NamedTuple, Generic[Request, Response]):
    """A record taken apart: its two bodies decoded, and its other fields raw."""

    request: Request
    response: Response
    fields: Mapping[str, Raw]


class Shapes(Generic[Request, Response]):
    """What is known of the records of the log that is being read: under which keys the bodies stand,
    and which other keys there are."""

    def __init__(self, request: type[Request], response: type[Response]) -> None:
        self._types = request, response
        self._names = ("", "")
        self._keys: dict[str, None] = {}
        self._lessons = 0
        self._decoder: msgspec.json.Decoder[Any] | None = None

    def read(self, raw: bytes | memoryview) -> Parts[Request, Response] | None:
        """A record of the known shape in parts; None where it is of another one."""
        if self._decoder is None:
            return None
        try:
            values = msgspec.structs.astuple(self._decoder.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        request, response, *others = values
        if request is UNSET or response is UNSET:
            return None
        named = zip(self._keys, others, strict=True)
        return Parts(request, response, {k: v for k, v in named if v is not UNSET})

    def learn(self, request: str, response: str, keys: Iterable[str]) -> None:
        """Take in a record that was not of the known shape: where its bodies stand, and its keys."""
        if self._names != (request, response):
            self._names, self._keys, self._decoder = (request, response), {}, None
        new = dict.fromkeys(k for k in keys if k not in (request, response, *self._keys))
        if self._decoder is not None and not new:
            return
        self._keys |= new
        self._lessons += 1
        small = len(self._keys) <= MAX_KEYS and self._lessons <= MAX_LESSONS
        self._decoder = self._made() if small else None

    def _made(self) -> msgspec.json.Decoder[Any] | None:
        names = [*self._names, *self._keys]
        types = [*self._types, *(Raw for _ in self._keys)]
        try:
            shape = msgspec.defstruct(
                "Shape",
                [(f"f{i}", kind | msgspec.UnsetType, UNSET) for i, kind in enumerate(types)],
                rename={f"f{i}": name for i, name in enumerate(names)},
                forbid_unknown_fields=True,
            )
        except ValueError:  # a key with characters that msgspec cannot match
            return None
        return msgspec.json.Decoder(shape, strict=False)
