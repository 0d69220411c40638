"""A proxy in front of one broker that knows so much of Kafka's protocol that single requests can be lost.

It cuts the stream into frames (four bytes of length, then the API's key), and writes its own port over the broker's in every answer,
so that clients stay with it. Three things become of requests that end a transaction, in turn: one is lost before it reaches the broker;
the answer to one is lost behind it, and either way the client sees the connection end and cannot know which; and one is done and
answered as if it could not have been (INVALID_TXN_STATE), which is fatal to the client's producer.
"""

from __future__ import annotations

import socket
import struct
import threading

END_TRANSACTION = 26
INVALID_TXN_STATE = 48


class Proxy:
    """Listens on a loopback port of its own until it is closed."""

    def __init__(self, host: str, port: int, every: int = 10):
        self.target = (host, port)
        #: One in so many requests to end a transaction is disturbed: counted, not drawn, so that of few requests some are as well.
        self.every = every
        self.lock = threading.Lock()
        self.disturbed = {"request": 0, "answer": 0, "lie": 0}
        self.passed = 0
        self.links: list[_Link] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.old = [self._place(host, port, compact) for compact in (False, True)]
        self.new = [self._place(host, self.port, compact) for compact in (False, True)]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @staticmethod
    def _place(host: str, port: int, compact: bool) -> bytes:
        name = host.encode()
        return (bytes([len(name) + 1]) if compact else struct.pack(">h", len(name))) + name + struct.pack(">i", port)

    def close(self) -> None:
        # Closing alone does not wake the thread that waits for clients.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def leave(self) -> None:
        """As a broker that is stopped: connections end, and new ones are refused. The broker behind keeps what it has."""
        self.close()
        while self.links:
            self.links.pop().cut()

    def come_back(self) -> None:
        """As a broker that is started again, at the same place."""
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
                broker = socket.create_connection(self.target)
            except OSError:
                return
            link = _Link(self, client, broker)
            self.links.append(link)
            threading.Thread(target=link.requests, daemon=True).start()
            threading.Thread(target=link.answers, daemon=True).start()

    def fate(self, frame: bytes) -> str | None:
        """What becomes of a request."""
        if struct.unpack(">h", frame[:2])[0] != END_TRANSACTION:
            return None
        with self.lock:
            disturbed = sum(self.disturbed.values())
            if (self.passed + disturbed + 1) % self.every:
                self.passed += 1
                return None
            fate = list(self.disturbed)[disturbed % 3]
            self.disturbed[fate] += 1
            return fate


class _Link:
    """One client's connection and the one to the broker behind it."""

    def __init__(self, proxy: Proxy, client: socket.socket, broker: socket.socket):
        self.proxy, self.client, self.broker = proxy, client, broker
        #: Correlation ids of requests whose answers are lost or falsified, with what becomes of them.
        self.doomed: dict[bytes, str] = {}
        for end in (client, broker):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def cut(self) -> None:
        for end in (self.client, self.broker):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def requests(self) -> None:
        try:
            while frame := _frame(self.client):
                fate = self.proxy.fate(frame)
                if fate == "request":
                    break
                if fate is not None:
                    self.doomed[frame[4:8]] = fate
                self.broker.sendall(struct.pack(">i", len(frame)) + frame)
        except OSError:
            pass
        self.cut()

    def answers(self) -> None:
        try:
            while frame := _frame(self.broker):
                fate = self.doomed.pop(frame[:4], None)
                if fate == "answer":
                    break
                if fate == "lie":
                    # Behind the correlation id and the time of throttling stands the error's code.
                    frame = frame[:8] + struct.pack(">h", INVALID_TXN_STATE) + frame[10:]
                for old, new in zip(self.proxy.old, self.proxy.new):
                    frame = frame.replace(old, new)
                self.client.sendall(struct.pack(">i", len(frame)) + frame)
        except OSError:
            pass
        self.cut()


def _frame(end: socket.socket) -> bytes:
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
