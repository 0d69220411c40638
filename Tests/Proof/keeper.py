"""A proxy that keeps one request back on its way, as a slow network or a suspended broker may, for as long as a test wants it to."""

from __future__ import annotations

import threading

import pytest

from generations import Coordinator
from wire import Request


class Keeper(Coordinator):
    """Keeps one request of one transactional id, before it is judged; its connection waits behind it, all others go on."""

    def __init__(self, host: str, port: int):
        self.api: int | None = None
        self.of, self.also, self.skipped = b"", b"", 0
        self.has_it, self.may_go = threading.Event(), threading.Event()
        #: The connection that waits, and its request.
        self.link, self.kept = None, None
        super().__init__(host, port)

    def keep(self, api: int, transactional: str, skipped: int, also: str = "") -> None:
        """From now on: a transactional id's request of a kind in which the other text stands too, after so many others."""
        self.of, self.also, self.skipped, self.api = transactional.encode(), also.encode(), skipped, api

    def judge(self, request: Request) -> bytes | None:
        if request.api == self.api and self.of in request.frame and self.also in request.frame:
            self.skipped -= 1
            if self.skipped == -1:
                self.kept = request
                self.link = next(link for link in self.links if link.reader is threading.current_thread())
                self.has_it.set()
                self.may_go.wait(60)
        return super().judge(request)


@pytest.fixture
def coordinator(cluster):
    """The proxy that `coordinated` deployments have before the small broker."""
    with Keeper("127.0.0.1", cluster.port) as proxy:
        yield proxy
        # Nobody waits for what a test that has failed did not come to.
        proxy.may_go.set()
