"""Kafka's protocol on the wire, as far as the proxies need it: frames, heads of requests, and the primitive types.

The formats are those of Kafka's message specifications (clients/src/main/resources/common/message/*.json) and of KIP-482 for "flexible"
versions, whose strings and arrays have a length of one more as a varint and whose structures end with tagged fields.
"""

from __future__ import annotations

import dataclasses
import socket
import struct


class Unreadable(ValueError):
    """A frame that is not what its version says, or a version that nobody has looked up."""


def frame(end: socket.socket) -> bytes:
    """The next frame without its length; empty at the stream's end."""
    head = _exactly(end, 4)
    return _exactly(end, struct.unpack(">i", head)[0]) if head else b""


def _exactly(end: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        part = end.recv(min(count, 1 << 20))
        if not part:
            return b""
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


@dataclasses.dataclass(frozen=True)
class Request:
    """A request of a client: the frame, and what its first eight bytes say."""

    frame: bytes
    api: int
    version: int
    correlation: bytes

    @classmethod
    def read(cls, frame: bytes) -> "Request":
        if len(frame) < 8:
            raise Unreadable(f"a request has {len(frame)} bytes, expected a head of at least 8")
        api, version = struct.unpack(">hh", frame[:4])
        return cls(frame, api, version, frame[4:8])

    def body(self, flexible: bool) -> "Reader":
        """What stands behind the head, which ends with the client's name, and with tagged fields in a flexible version."""
        reader = Reader(self.frame, 8)
        reader.string()
        if flexible:
            reader.tags()
        return reader


class Reader:
    """Takes one value after the other from a frame; an end that comes too early is ``Unreadable``."""

    def __init__(self, data: bytes, at: int = 0):
        self.data, self.at = data, at

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise Unreadable(f"{count} bytes expected at {self.at} of a frame of {len(self.data)}")
        self.at += count
        return self.data[self.at - count:self.at]

    def int8(self) -> int:
        return struct.unpack(">b", self.take(1))[0]

    def int16(self) -> int:
        return struct.unpack(">h", self.take(2))[0]

    def int32(self) -> int:
        return struct.unpack(">i", self.take(4))[0]

    def int64(self) -> int:
        return struct.unpack(">q", self.take(8))[0]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 28:
                raise Unreadable(f"a varint at {self.at} has more than five bytes")

    def string(self) -> str | None:
        length = self.int16()
        return None if length < 0 else self.take(length).decode()

    def compact_string(self) -> str | None:
        length = self.varint()
        return None if length == 0 else self.take(length - 1).decode()

    def compact_count(self) -> int | None:
        """How many elements an array has; None if it is null."""
        length = self.varint()
        return None if length == 0 else length - 1

    def tags(self) -> None:
        """Tagged fields, which nobody here knows: they are passed over."""
        for _ in range(self.varint()):
            self.varint()
            self.take(self.varint())

    def end(self) -> None:
        """Nothing may be left: otherwise the format is another than the one that was looked up."""
        if self.at != len(self.data):
            raise Unreadable(f"{len(self.data) - self.at} bytes are left behind the last field of a frame of {len(self.data)}")


#: What stands for "no tagged fields".
NO_TAGS = b"\0"


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def string(value: str | None) -> bytes:
    return struct.pack(">h", -1) if value is None else struct.pack(">h", len(value.encode())) + value.encode()


def compact_string(value: str | None) -> bytes:
    return varint(0) if value is None else varint(len(value.encode()) + 1) + value.encode()


def compact_array(elements: list[bytes]) -> bytes:
    return varint(len(elements) + 1) + b"".join(elements)
