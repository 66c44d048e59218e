"""The actions of the IPAM driver that have nothing to do. The front-end runs them for every lease, so this file imports
only what Python has loaded already."""

import sys
from binascii import a2b_base64

NOTHING_TO_DO = ("allocate_address", "free_address")
MOST_BYTES = 1 << 20  # of a request


def main(action: str = "") -> int:
    """Run an action, by default the first argument. Returns the exit code."""
    action = action or "".join(sys.argv[1:2])
    if action in NOTHING_TO_DO:
        return 0
    if action == "get_address":
        return get_address()
    from edgewrap.ipam.driver import run

    return run(action)


def get_address() -> int:
    """Answer with the one address of the range."""
    try:
        document = a2b_base64(sys.stdin.buffer.read(MOST_BYTES)).decode()
    except ValueError:
        document = ""
    address_range = document.partition("<AR>")[2].partition("</AR>")[0]
    address = address_range.partition("<IP><![CDATA[")[2].partition("]]></IP>")[0]
    parts = address.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts):
        sys.stderr.write("edgewrap: the request has no range with an IPv4 address\n")
        return 1
    sys.stdout.write(f'ADDRESS = [ IP = "{address}", SIZE = "1" ]\n')
    sys.stdout.flush()
    return 0
