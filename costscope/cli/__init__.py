"""The terminal: options in, reports out. The only place that exits, and the last to see an error."""

import atexit
import gc
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from costscope.errors import CostscopeError, ExitCode
from costscope.text import safe

INTERRUPTED = 130
YOUNG_OBJECTS = 50_000
"""So many new objects make Python look for cycles among them, where its own 700 look at a small log's
records hundreds of times, and find nothing: a twentieth of `demo`."""


def main() -> NoReturn:
    """Runs the command line and ends the process with what it came to."""
    gc.set_threshold(YOUNG_OBJECTS)
    # typer checks options with pydantic, which would ask every installed package for plug-ins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    ended: list[int] = []
    # What is registered first is called last.
    atexit.register(_leave, ended)
    ended.append(code_of(sys.argv[1:]))
    sys.exit(ended[0])


def _leave(ended: Sequence[int]) -> None:
    """The end of the process, with the code it came to, when everything else that belongs to an exit is
    done: stores and files are closed, threads have ended, other handlers have run.

    What is left out is that Python would look through its memory for cycles, three times, and free it
    object by object: a twentieth of `demo`.
    """
    if ended:
        for stream in (sys.stdout, sys.stderr):
            # Python has None where there is no such stream.
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(ended[0])


def code_of(arguments: Sequence[str]) -> int:
    """Runs a command; its exit code. Every error is one line on stderr.

    A panic of a library in Rust is no Exception; uncaught, it would exit with 1, which means that a
    gate failed. Hence the last handler.
    """
    from costscope.cli._output import drop_stdout

    debug = "--debug" in arguments or bool(os.environ.get("COSTSCOPE_DEBUG"))
    try:
        from costscope.cli._app import run

        code = run(arguments)
        sys.stdout.flush()
    except CostscopeError as error:
        return _told(str(error), error.exit_code, debug=debug)
    except BrokenPipeError:
        drop_stdout()
        return ExitCode.OK
    except KeyboardInterrupt:
        return _told("interrupted", INTERRUPTED, debug=debug)
    # The last handler of all: a panic in a compiled library is not even an Exception.
    except BaseException as error:  # noqa: BLE001
        hint = "" if debug else " (run again with --debug)"
        what = f"internal error: {type(error).__name__}: {error}{hint}"
        return _told(what, ExitCode.UNABLE, debug=debug)
    return code


def _told(message: str, code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"costscope: {safe(message)}", file=sys.stderr)
    return int(code)
