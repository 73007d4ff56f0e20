"""What is worked out once is worked out once, and forgotten with its object."""

from costscope.once import once


class Thing:
    """Something that can be forgotten."""


def test_the_same_object_is_asked_once_and_another_again() -> None:
    asked: list[tuple[int, str]] = []

    @once
    def fact(of: Thing, word: str = "") -> int:
        asked.append((id(of), word))
        return len(asked)

    one, two = Thing(), Thing()
    assert [fact(one), fact(one), fact(two), fact(one, "x"), fact(one, "x")] == [1, 1, 2, 3, 3]


def test_a_new_object_in_the_place_of_an_old_one_is_asked_again() -> None:
    calls = 0

    @once
    def fact(of: Thing) -> int:
        nonlocal calls
        calls += 1
        return calls

    for expected in range(1, 51):
        thing = Thing()
        assert fact(thing) == expected
        del thing
