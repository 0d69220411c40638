"""The cluster that the tests use: one that is given, or a small broker that is started here.

TAGSTREAM_TEST_BROKERS names a cluster (host:port, several separated by commas). Without it, noida-db is started on a
free loopback port; it speaks Kafka's protocol, isolates transactions and fences producers, and keeps everything in
memory. It comes from the environment of the Python that runs the tests.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from waiting import until

GIVEN = os.environ.get("TAGSTREAM_TEST_BROKERS", "")


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def noida_db() -> str | None:
    """The path of noida-db: beside the running Python, or wherever the shell would find it."""
    beside = pathlib.Path(sys.executable).parent / "noida-db"
    return str(beside) if beside.exists() else shutil.which("noida-db")


class GivenCluster:
    """A cluster that somebody else runs; it is never stopped, and every name on it is unique to a test."""

    is_ours = False

    def __init__(self, address: str):
        self.address = address

    def stop(self) -> None:
        """Leaves the cluster as it is."""


class OwnBroker:
    """A noida-db that this process has started, and the only thing that it ends."""

    is_ours = True

    def __init__(self, folder: pathlib.Path):
        program = noida_db()
        if program is None:
            raise FileNotFoundError(
                "noida-db is not installed beside this Python: pip install -r Tests/EndToEnd/requirements.txt, "
                "or set TAGSTREAM_TEST_BROKERS"
            )
        self.program = program
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen | None = None
        # Between finding a free port and listening on it somebody else may take it: then another one is tried.
        for attempt in range(5):
            self.port = free_port()
            try:
                self.start()
                return
            except (TimeoutError, ChildProcessError):
                self.kill()
                if attempt == 4:
                    raise

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the broker and returns once it answers."""
        with open(self.folder / "broker.log", "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "start", "--only", "kafka", "--kafka-port", str(self.port), "--data-dir",
                 str(self.folder / "data")],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        until(self._answers, 15, f"noida-db to answer at {self.address}", every=0.05)

    def _answers(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            text = (self.folder / "broker.log").read_text(errors="replace")[-500:]
            raise ChildProcessError(f"noida-db ended while it was starting: {text}")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                return False
        try:
            AdminClient({"bootstrap.servers": self.address, "log_level": 0}).list_topics(timeout=5)
        except KafkaException:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        """Signals the launcher and the server behind it: they are a session of their own, and nobody else is in it."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def _is_gone(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) != 0

    def suspend(self) -> None:
        """Stands still: connections stay open, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Goes on after suspend()."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9; returns once nobody listens any more."""
        if self.process is not None:
            self._signal(signal.SIGKILL)
            self.process.wait(10)
            self.process = None
            until(self._is_gone, 10, "the broker to be gone")

    def stop(self) -> None:
        """Ends the broker: politely, then not."""
        if self.process is None:
            return
        self.resume()
        self._signal(signal.SIGTERM)
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            pass
        self.kill()
