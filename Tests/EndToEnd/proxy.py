"""A proxy in front of one broker that knows so much of Kafka's protocol that single requests can be lost.

It cuts the stream into frames (`wire.py`), and writes its own port over the broker's in the answers that name brokers, so that clients
stay with it. With `every`, three things become of requests that end a transaction, in turn: one is lost before it reaches the broker;
the answer to one is lost behind it, and either way the client sees the connection end and cannot know which; and one is done and
answered as if it could not have been (INVALID_TXN_STATE), which is fatal to the client's producer.

What else there is to know of requests and answers a proxy of another kind says (`generations.py`).
"""

from __future__ import annotations

import socket
import struct
import threading
import time

from wire import Request, frame as next_frame

METADATA = 3
FIND_COORDINATOR = 10
END_TRANSACTION = 26
INVALID_TXN_STATE = 48

#: Linux's include/net/tcp_states.h.
TCP_CLOSE = 7


class Proxy:
    """Listens on a loopback port of its own until it is closed."""

    def __init__(self, host: str, port: int, every: int = 0):
        self.target = (host, port)
        #: One in so many requests to end a transaction is disturbed, none with 0: counted, not drawn, so that of few requests some are too.
        self.every = every
        self.lock = threading.Lock()
        self.disturbed = {"request": 0, "answer": 0, "lie": 0}
        self.passed = 0
        #: What went wrong in the proxy itself; whoever has one says so when the test ends.
        self.problems: list[str] = []
        self.links: set[_Link] = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.old = [self._place(host, port, compact) for compact in (False, True)]
        self.new = [self._place(host, self.port, compact) for compact in (False, True)]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *failure: object) -> None:
        """Closes it, and fails if something went wrong in it."""
        self.close()
        assert not self.problems, self.problems

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
        with self.lock:
            links = list(self.links)
        for link in links:
            link.cut()

    def come_back(self) -> None:
        """As a broker that is started again, at the same place."""
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(self.target)
            except OSError:
                client.close()
                continue
            link = _Link(self, client, broker)
            with self.lock:
                self.links.add(link)
            link.reader.start()
            threading.Thread(target=link.answers, daemon=True).start()

    # What becomes of requests, and what is learnt from answers

    def judge(self, request: Request) -> bytes | None:
        """What is answered instead of the broker, all behind the correlation id; None lets the request pass."""
        return None

    def notice(self, request: Request, answer: bytes) -> None:
        """Sees what the broker has answered, before anybody else does and whatever becomes of it."""

    def retold(self, request: Request, answer: bytes) -> bytes:
        """What the client is told in place of an answer: this proxy's address where the broker's stands."""
        return self.under_own_address(answer) if request.api in (METADATA, FIND_COORDINATOR) else answer

    def fate(self, request: Request) -> str | None:
        """What becomes of a request that passes."""
        if request.api != END_TRANSACTION or not self.every:
            return None
        with self.lock:
            disturbed = sum(self.disturbed.values())
            if (self.passed + disturbed + 1) % self.every:
                self.passed += 1
                return None
            fate = list(self.disturbed)[disturbed % 3]
            self.disturbed[fate] += 1
            return fate

    def under_own_address(self, answer: bytes) -> bytes:
        for old, new in zip(self.old, self.new):
            answer = answer.replace(old, new)
        return answer


class _Link:
    """One client's connection and the one to the broker behind it."""

    def __init__(self, proxy: Proxy, client: socket.socket, broker: socket.socket):
        self.proxy, self.client, self.broker = proxy, client, broker
        #: Requests that the broker has not answered yet, by correlation id, and what is to become of the answer.
        self.waiting: dict[bytes, tuple[Request, str | None]] = {}
        #: Both directions write to the client: what the broker answers, and what is answered instead.
        self.telling = threading.Lock()
        self.directions = 2
        #: The thread in which requests are judged, one after the other.
        self.reader = threading.Thread(target=self.requests, daemon=True)
        for end in (client, broker):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def cut(self) -> None:
        for end in (self.client, self.broker):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def hang_up(self) -> None:
        """Ends the client's side only: what was read from it still goes to the broker."""
        self.client.shutdown(socket.SHUT_RDWR)

    @property
    def is_closed(self) -> bool:
        """Whether the client has noticed that its side has ended, and has closed it as well."""
        # The first byte of Linux's struct tcp_info is the state; a socket in TIME_WAIT is no longer this one's.
        return self.client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSE

    def requests(self) -> None:
        self._until_the_end(self._request, self.client, self._await_answers)

    def answers(self) -> None:
        self._until_the_end(self._answer, self.broker)

    def _await_answers(self) -> None:
        """What a client has sent before it went goes to the broker, and is done there: its connection is not cut before."""
        deadline = time.monotonic() + 2
        while self.waiting and time.monotonic() < deadline:
            time.sleep(0.005)

    def _until_the_end(self, handle, source: socket.socket, at_end=lambda: None) -> None:
        """Handles frame after frame; when both directions have ended the sockets are given back."""
        try:
            while frame := next_frame(source):
                if not handle(frame):
                    break
            else:
                at_end()
        except OSError:
            pass
        except Exception as failure:  # noqa: BLE001: a test that does not hear of it would wait for ever, or pass
            self.proxy.problems.append(f"the proxy failed: {type(failure).__name__}: {failure}")
        self.cut()
        with self.proxy.lock:
            self.directions -= 1
            is_last = self.directions == 0
            if is_last:
                self.proxy.links.discard(self)
        if is_last:
            self.client.close()
            self.broker.close()

    def _request(self, frame: bytes) -> bool:
        """Whether the connection goes on."""
        request = Request.read(frame)
        instead = self.proxy.judge(request)
        if instead is not None:
            # Before answers to earlier requests, it may be: clients find what they asked by the correlation id.
            self._tell(request.correlation + instead)
            return True
        fate = self.proxy.fate(request)
        if fate == "request":
            return False
        self.waiting[request.correlation] = (request, fate)
        self.broker.sendall(struct.pack(">i", len(frame)) + frame)
        return True

    def _answer(self, frame: bytes) -> bool:
        """Whether the connection goes on."""
        request, fate = self.waiting.pop(frame[:4])
        self.proxy.notice(request, frame)
        if fate == "answer":
            return False
        if fate == "lie":
            # Behind the correlation id and the time of throttling stands the error's code.
            frame = frame[:8] + struct.pack(">h", INVALID_TXN_STATE) + frame[10:]
        try:
            self._tell(self.proxy.retold(request, frame))
        except OSError:
            # The client has gone; what it has sent before still goes to the broker, and the other direction comes to its end behind it.
            pass
        return True

    def _tell(self, frame: bytes) -> None:
        with self.telling:
            self.client.sendall(struct.pack(">i", len(frame)) + frame)
