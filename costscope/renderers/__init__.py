"""Outputs, one file each: a report in, text out. The folder is the registry."""
