"""An `ssh.proxy_command` as behind a pool of NAT addresses: each connection to a host comes from another one.

    nat_pool.py HOST DIRECTORY ADDRESS…    the first connection from the first address, and so on; the last one stays

In DIRECTORY it counts the connections to each host, a file a host.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path


def main(host: str, directory: str, *addresses: str) -> None:
    count = Path(directory, host)
    before = len(count.read_text()) if count.exists() else 0
    count.write_text("x" * (before + 1))
    source = addresses[min(before, len(addresses) - 1)]
    connection = socket.create_connection((host, 22), source_address=(source, 0))
    threading.Thread(target=upwards, args=(connection,), daemon=True).start()
    while data := connection.recv(65536):
        os.write(1, data)


def upwards(connection: socket.socket) -> None:
    while data := os.read(0, 65536):
        connection.sendall(data)
    connection.close()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
