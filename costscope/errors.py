"""The errors a user can meet, and the exit codes that scripts rely on. Bad lines are not errors: see Skipped."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a process ends with. Public: CI jobs branch on these numbers."""

    OK = 0
    FAILED = 1
    """A gate or a budget failed; the report was written first."""
    UNABLE = 2
    """Could not run: usage, unreadable input, no calls, too much unpriced, or an internal error."""
    INCONCLUSIVE = 3
    """Not enough evidence, and the user asked for that to count."""


class CostscopeError(Exception):
    """Something the user can act on. The message says what, where and what to do, on one line."""

    exit_code = ExitCode.UNABLE


class InputError(CostscopeError):
    """A log, price file or baseline that cannot be read, or that holds nothing to work on."""


class SettingsError(CostscopeError):
    """A flag, environment variable or config key that is unknown or has an impossible value."""


class StoreError(CostscopeError):
    """A store that is missing, locked, of another version, or a query it refuses."""
