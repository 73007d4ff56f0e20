"""Logs into the store: which files to read, reading them in processes, loading what they give."""
