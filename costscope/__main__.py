"""`python -m costscope`: the same as the command `costscope`."""

from costscope.cli import main

if __name__ == "__main__":
    main()
