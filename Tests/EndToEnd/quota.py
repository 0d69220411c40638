"""A proxy that holds producers to a quota, as Kafka does and the small broker does not, or is slow without saying so.

Kafka's way (KIP-219): a request that exceeds the quota is done and answered at once; the answer says for how many milliseconds the client
is throttled (`throttle_time_ms`), and until then nothing more is read from its connection. The time is what brings the rate back to the
quota. Here the window is the request itself: after n bytes the connection rests for n / rate seconds.

A slow broker says nothing: the request rests for as long before it is done, and so its answer is late.
"""

from __future__ import annotations

import collections
import struct
import threading
import time

from proxy import Proxy
from wire import Request, Unreadable

PRODUCE = 0
#: From here on answers to Produce have tagged fields at their end; below, the throttle time is the last field (ProduceResponse.json).
FLEXIBLE = 9


class Quota(Proxy):
    """Bytes per second and connection for Produce requests; everything else passes."""

    def __init__(self, host: str, port: int, rate: float, says_so: bool = True):
        #: Bytes a second; may be changed at any time.
        self.rate = rate
        self.says_so = says_so
        #: Requests that were throttled, and the seconds they were told.
        self.throttled = collections.Counter()
        #: Until when a connection's requests are not read: each connection has a thread of its own.
        self.resting = threading.local()
        #: What the answer to a request is to say, in milliseconds.
        self.told: dict[int, int] = {}
        super().__init__(host, port)

    def judge(self, request: Request) -> bytes | None:
        if self.says_so:
            # That time passes is the fault.
            time.sleep(max(0.0, getattr(self.resting, "until", 0.0) - time.monotonic()))
        if request.api == PRODUCE:
            if request.version >= FLEXIBLE:
                raise Unreadable(f"Produce {request.version}, expected less than {FLEXIBLE}")
            seconds = len(request.frame) / self.rate
            self.throttled["requests"] += 1
            self.throttled["seconds"] += seconds
            if self.says_so:
                self.resting.until = time.monotonic() + seconds
                self.told[id(request)] = int(seconds * 1000)
            else:
                time.sleep(seconds)
        return super().judge(request)

    def retold(self, request: Request, answer: bytes) -> bytes:
        milliseconds = self.told.pop(id(request), None)
        if milliseconds is not None:
            answer = answer[:-4] + struct.pack(">i", milliseconds)
        return super().retold(request, answer)
