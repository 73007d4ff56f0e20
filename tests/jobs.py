"""What tests have two processes do. Imports nothing heavy, since another process loads it."""

import os
import signal
import time

HERE, THERE = "here", "there"


def slow(number: int, state: str) -> tuple[str, int]:
    """Takes a while; where it was done, and its number."""
    time.sleep(0.02)
    return state, number


def odd(action: str, number: int, state: str) -> int:
    """Its number, unless it is done in the other process: that dies, hangs, raises or prints."""
    if state == HERE:
        time.sleep(0.05)
        return number
    if action == "die":
        os.kill(os.getpid(), signal.SIGTERM)
    if action == "hang":
        time.sleep(60)
    if action == "print":
        os.write(1, b"out\n")
        os.write(2, b"err\n")
        return number
    raise ValueError("only there")


def inverse(number: int, state: str) -> float:
    """Raises for 0, wherever it is done."""
    return 1 / number
