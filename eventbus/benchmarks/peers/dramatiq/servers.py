# SPDX-License-Identifier: Apache-2.0
"""Servers of the peers: each on a loopback port of its own, with data in a temporary directory, ended by its process ID."""
import ctypes
import glob
import os
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE_S = 60
_LIBC = ctypes.CDLL(None)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _end_with_parent():
    _LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Server:
    """A process that is waited for without being reaped: its processor time is not that of the peer."""

    def __init__(self, command, directory, environment=None):
        self.directory = directory
        self._log = os.path.join(directory, "output")
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
                                             env=environment, preexec_fn=_end_with_parent)

    def await_ready(self, ready):
        deadline = time.monotonic() + PATIENCE_S
        while not ready():
            if self.ended(os.WNOHANG) or time.monotonic() > deadline:
                with open(self._log, encoding="utf-8", errors="replace") as log:
                    raise RuntimeError(f"{self._process.args[0]} does not start: {log.read()[-500:]}")
            time.sleep(0.02)

    def says(self, text):
        with open(self._log, encoding="utf-8", errors="replace") as log:
            return text in log.read()

    def ended(self, how=0):
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | how) is not None

    def end(self):
        self._process.send_signal(signal.SIGTERM)
        self.ended()


def start_redis(directory, persistence):
    """`persistence`: none, or the value of appendfsync of an append-only file."""
    import redis

    port = free_port()
    data = tempfile.mkdtemp(prefix="redis-", dir=directory)
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", data, "--save", ""]
    if persistence != "none":
        command += ["--appendonly", "yes", "--appendfsync", persistence]
    server = Server(command, data)

    def ready():
        try:
            return redis.Redis(port=port).ping()
        except redis.exceptions.ConnectionError:
            return False

    server.await_ready(ready)
    return server, f"redis://127.0.0.1:{port}/0"


def start_rabbitmq(directory):
    """A node with an epmd of its own. Ends before its epmd."""
    data = tempfile.mkdtemp(prefix="rabbitmq-", dir=directory)
    names, port, distribution = free_port(), free_port(), free_port()
    for name, text in (("plugins", "[]."), ("rabbitmq.conf", "")):
        with open(os.path.join(data, name), "w", encoding="utf-8") as file:
            file.write(text)
    environment = dict(os.environ, HOME=data, ERL_EPMD_PORT=str(names), ERL_EPMD_ADDRESS="127.0.0.1",
                       RABBITMQ_NODENAME=f"peer{names}@localhost", RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
                       RABBITMQ_NODE_PORT=str(port), RABBITMQ_DIST_PORT=str(distribution),
                       RABBITMQ_MNESIA_BASE=os.path.join(data, "mnesia"), RABBITMQ_LOG_BASE=os.path.join(data, "log"),
                       RABBITMQ_CONFIG_FILE=os.path.join(data, "rabbitmq"),
                       RABBITMQ_CONF_ENV_FILE=os.path.join(data, "none"),
                       RABBITMQ_ENABLED_PLUGINS_FILE=os.path.join(data, "plugins"),
                       RABBITMQ_PID_FILE=os.path.join(data, "pid"))
    epmd = Server(["epmd", "-port", str(names), "-address", "127.0.0.1"], tempfile.mkdtemp(dir=directory))
    programs = sorted(glob.glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"))
    if not programs:
        raise RuntimeError("rabbitmq-server is not installed")
    server = Server([programs[-1]], data, environment)
    server.await_ready(lambda: server.says("Starting broker... completed"))
    return [server, epmd], f"amqp://guest:guest@127.0.0.1:{port}/"
