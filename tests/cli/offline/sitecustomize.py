"""Loaded by every Python that a test starts: a connection or a look-up of a name ends that process."""

import os
import socket
import sys
from typing import Any, NoReturn


def refused(*args: Any, **kwargs: Any) -> NoReturn:
    """Not an exception, which something might catch."""
    sys.stderr.write("the network was used\n")
    sys.stderr.flush()
    os._exit(99)


class Offline(socket.socket):
    """A socket for this machine's own processes only."""

    def connect(self, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            refused()
        super().connect(address)

    def connect_ex(self, address: Any) -> int:
        return super().connect_ex(address) if self.family == socket.AF_UNIX else refused()


socket.socket = Offline  # type: ignore[misc]
for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"):
    setattr(socket, name, refused)
