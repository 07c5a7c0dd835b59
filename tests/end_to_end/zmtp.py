# SPDX-License-Identifier: Apache-2.0
"""ZMTP 3.0 by hand on a TCP socket, for what no ZeroMQ library would send."""

import socket
import struct

GREETING = (b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0"
            + bytes(31))
MORE, LONG, COMMAND = 1, 2, 4


def connect(port):
    raw = socket.create_connection(("127.0.0.1", port), timeout=20)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return raw


def frame(body, flags=0, size=None):
    """`size` is what the frame claims, if that is not the truth."""
    size = len(body) if size is None else size
    if size > 255:
        return bytes([flags | LONG]) + struct.pack(">Q", size) + body
    return bytes([flags, size]) + body


def ready(routing_id, socket_type=b"DEALER"):
    def prop(name, value):
        return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value
    return frame(b"\x05READY" + prop(b"Socket-Type", socket_type) + prop(b"Identity", routing_id),
                 COMMAND)


def dealer(port, routing_id=b""):
    """A connection that has shaken hands as a DEALER of that routing id, or None if refused."""
    raw = connect(port)
    try:
        raw.sendall(GREETING)
        receive(raw, len(GREETING))
        raw.sendall(ready(routing_id))
    except OSError:
        raw.close()
        return None
    return raw


def receive(raw, size):
    got = b""
    while len(got) < size:
        part = raw.recv(size - len(got))
        if not part:
            raise ConnectionError("closed by the other side")
        got += part
    return got
