"""A slow and unreliable network on one machine: a TCP relay on loopback that delays each direction and resets requests.

A new connection waits one round trip, as its handshake would. A reset closes the connection with RST, at one of three
moments drawn with equal chance: before the request reached the server, after it did but before the reply, or in the
middle of the reply. A browser repeats by itself what was reset on a connection that it had used before, a POST as
well, so the server gets some judgments twice; where the reply was cut the page itself has to send again.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Literal

METHODS = (b"GET ", b"POST ", b"HEAD ")
CHUNK = 65536
Moment = Literal["before", "unanswered", "cut"]
MOMENTS: tuple[Moment, ...] = ("before", "unanswered", "cut")


class SlowNetwork:
    """The relay. `port` is where it listens; `reset_share` may be changed while it runs; `resets` counts by moment."""

    def __init__(self, to_port: int, round_trip_seconds: float, seed: int) -> None:
        self.to_port = to_port
        self.delay = round_trip_seconds / 2
        self.reset_share = 0.0
        self.requests = 0
        self.resets: Counter[str] = Counter()
        self.port = 0
        self._draw = random.Random(seed)

    async def listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * self.delay)
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self.to_port)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(self, (reader, writer), upstream)
        await connection.relay()

    def moment_of_reset(self) -> Moment | None:
        """Whether, and when, the request that begins now is reset."""
        self.requests += 1
        if self._draw.random() >= self.reset_share:
            return None
        moment = self._draw.choice(MOMENTS)
        self.resets[moment] += 1
        return moment


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Connection:
    """One connection of a browser and the one to the server that belongs to it."""

    def __init__(self, network: SlowNetwork, browser: Ends, server: Ends) -> None:
        self.network = network
        self.browser = browser
        self.server = server
        self.reset: Moment | None = None

    async def relay(self) -> None:
        pumps = [
            asyncio.create_task(self._pump(self.browser[0], self.server[1], from_browser=True)),
            asyncio.create_task(self._pump(self.server[0], self.browser[1], from_browser=False)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        if self.reset:
            _close_with_reset(self.browser[1])
        for _, writer in (self.browser, self.server):
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_browser: bool) -> None:
        """Hand on what comes, in order and late; returns when a side has ended or a request is reset."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        reading = asyncio.create_task(self._read(reader, queue))
        clock = asyncio.get_running_loop().time
        try:
            while True:
                due, data = await queue.get()
                if from_browser and data.startswith(METHODS):
                    self.reset = self.network.moment_of_reset()
                await asyncio.sleep(max(0.0, due - clock()))
                if not data or (from_browser and self.reset == "before"):
                    return
                if not from_browser and self.reset:
                    if self.reset == "cut":
                        writer.write(data[:-10])
                        await writer.drain()
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            return
        finally:
            reading.cancel()

    async def _read(self, reader: asyncio.StreamReader, queue: asyncio.Queue[tuple[float, bytes]]) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            try:
                data = await reader.read(CHUNK)
            except OSError:
                data = b""
            queue.put_nowait((clock() + self.network.delay, data))
            if not data:
                return


def _close_with_reset(writer: asyncio.StreamWriter) -> None:
    held = writer.get_extra_info("socket")
    if held is not None:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.contextmanager
def slow_network(to_port: int, round_trip_seconds: float, seed: int) -> Iterator[SlowNetwork]:
    """A relay in a thread of its own, until the block ends."""
    network = SlowNetwork(to_port, round_trip_seconds, seed)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="slow-network", daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(network.listen(), loop).result(10)
    try:
        yield network
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(_end_tasks(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end_tasks() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
