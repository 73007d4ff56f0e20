"""The made-up company whose logs these are. Only `generate.py` uses it; costscope never does."""
