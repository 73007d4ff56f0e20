"""Log formats, one file each: a log in, calls and skips out. The folder is the registry."""
