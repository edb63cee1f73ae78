# SPDX-License-Identifier: Apache-2.0
"""Dramatiq at the work of the rows actors, delay and results: one process sends, and two others with eight threads each
handle, as the dramatiq command starts them on two cores. Fails when a message is missing or a result is wrong."""
import argparse
import json
import mmap
import os
import random
import signal
import struct
import sys
import tempfile
import threading
import time

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Prometheus, default_middleware
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

import servers

PROCESSES = 2
THREADS = 8
PATIENCE_S = 120


class Arrivals:
    """When each message came, by its number; written by one process for each entry of a block of its own."""

    def __init__(self, messages):
        self.messages = messages
        self._blocks = [mmap.mmap(-1, 8 * messages) for _ in range(PROCESSES)]

    def come(self, process, number):
        block = self._blocks[process]
        twice = block[8 * number:8 * number + 8] != bytes(8)
        block[8 * number:8 * number + 8] = struct.pack("d", -1.0 if twice else time.time())

    def times(self):
        """0 for a message that has not come, negative for one that came twice."""
        blocks = [memoryview(block[:]).cast("d") for block in self._blocks]
        return [first + second if first == 0 or second == 0 else -1.0 for first, second in zip(*blocks)]

    def await_all(self):
        before, deadline = -1, time.monotonic() + PATIENCE_S
        while True:
            times = self.times()
            come = sum(1 for each in times if each != 0)
            if come == self.messages:
                break
            if come != before:
                before, deadline = come, time.monotonic() + PATIENCE_S
            if time.monotonic() > deadline:
                raise RuntimeError(f"{come} messages of {self.messages} came")
            time.sleep(0.005)
        if min(times) < 0:
            raise RuntimeError("a message came twice")
        return times


def make_broker(options, urls):
    """With Dramatiq's own middleware but for Prometheus, which Penstock measures in a row of its own."""
    middleware = [each() for each in default_middleware if each is not Prometheus]
    if options.broker == "rabbitmq":
        broker = RabbitmqBroker(url=urls["rabbitmq"], confirm_delivery=True, middleware=middleware)
    else:
        broker = RedisBroker(url=urls["redis"], middleware=middleware)
    if options.row == "results":
        broker.add_middleware(Results(backend=RedisBackend(url=urls["redis"])))
    dramatiq.set_broker(broker)
    return broker


def declare(broker, options, arrivals, process):
    stores = {"store_results": True} if options.row == "results" else {}

    @dramatiq.actor(broker=broker, queue_name="parcels", **stores)
    def parcel(number):
        arrivals.come(process, number)
        return f"handled {number}" if stores else None

    return parcel


def work(options, urls, arrivals, process, ready):
    """In a process of its own; ends by SIGTERM."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    broker = make_broker(options, urls)
    declare(broker, options, arrivals, process)
    broker.emit_after("process_boot")
    worker = dramatiq.Worker(broker, worker_threads=THREADS)
    worker.start()
    os.write(ready, b"r")
    ended.wait()
    worker.stop()


def start_workers(options, urls, arrivals):
    read, write = os.pipe()
    workers = []
    for process in range(PROCESSES):
        pid = os.fork()
        if pid == 0:
            servers._end_with_parent()
            work(options, urls, arrivals, process, write)
            os._exit(0)
        workers.append(pid)
    for _ in workers:
        os.read(read, 1)
    return workers


def percentile(sample, share):
    return sorted(sample)[min(len(sample) - 1, int(share * len(sample)))]


def run_actors(options, parcel, arrivals):
    began = time.time()
    for number in range(options.messages):
        parcel.send(number)
    return {"seconds": max(arrivals.await_all()) - began}


def run_delay(options, parcel, arrivals):
    draw = random.Random(1)
    began, due = time.time(), []
    for number in range(options.messages):
        delay = draw.randint(options.least_ms, options.most_ms)
        due.append(time.time() + delay / 1000)
        parcel.send_with_options(args=(number,), delay=delay)
    late = [came - then for came, then in zip(arrivals.await_all(), due)]
    if min(late) < -0.002:  # it rounds to milliseconds
        raise RuntimeError(f"a message was {-min(late):.3f} s early")
    late = [max(each, 0) * 1e6 for each in late]
    return {"seconds": time.time() - began, "p50_us": percentile(late, 0.5), "p99_us": percentile(late, 0.99)}


def run_results(options, parcel, arrivals):
    began = time.time()
    sent = [parcel.send(number) for number in range(options.messages)]
    for number, message in enumerate(sent):
        if message.get_result(block=True, timeout=PATIENCE_S * 1000) != f"handled {number}":
            raise RuntimeError(f"the result of message {number} is wrong")
    return {"seconds": time.time() - began}


def measure(options, directory):
    started, urls = [], {}
    try:
        if options.broker == "redis" or options.row == "results":
            server, urls["redis"] = servers.start_redis(directory, options.persistence)
            started.append(server)
        if options.broker == "rabbitmq":
            node, urls["rabbitmq"] = servers.start_rabbitmq(directory)
            started += node
        arrivals = Arrivals(options.messages)
        if options.broker == "rabbitmq":
            make_broker(options, urls).declare_queue("parcels", ensure=True)
        workers = start_workers(options, urls, arrivals)
        parcel = declare(make_broker(options, urls), options, arrivals, 0)
        run = {"actors": run_actors, "delay": run_delay, "results": run_results}[options.row]
        try:
            return dict(messages=options.messages, **run(options, parcel, arrivals))
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGTERM)
            for pid in workers:
                os.waitpid(pid, 0)
    finally:
        for server in started:
            server.end()


def main():
    parser = argparse.ArgumentParser(description="Dramatiq at the work of one row")
    parser.add_argument("--broker", choices=["redis", "rabbitmq"], required=True)
    parser.add_argument("--row", choices=["actors", "delay", "results"], required=True)
    parser.add_argument("--persistence", choices=["none", "no", "everysec", "always"], default="none",
                        help="of Redis: no file at all, or when its append-only file is synchronised")
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--least-ms", type=int, default=100)
    parser.add_argument("--most-ms", type=int, default=60_000)
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="penstock-peer-") as directory:
            result = measure(options, directory)
    except RuntimeError as failure:
        print(f"dramatiq_{options.broker}: {failure}", file=sys.stderr)
        return 1
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
