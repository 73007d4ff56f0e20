"""Settings and where each came from. Knows files, environment and types, not what a setting does."""

from costscope.config.settings import Config, Setting, check_sets, load

__all__ = ["Config", "Setting", "check_sets", "load"]
