"""Downloads in a background thread, so that the caller can cancel them while they wait for the server.

The timeout of Python's HTTP client only limits the time without any byte, so a server that sends a byte now and then
would be waited for without end; and a thread that waits for bytes can do nothing else, such as react to a cancel
button. Here a background thread waits, and the caller's function `listen` is called every quarter of a second.
"""

import http.client
import queue
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from typing import Any, TypeVar

T = TypeVar("T")

TIMEOUT = 20.0
"""Seconds without a byte before a connection counts as broken."""

SLOWEST = 1024
"""Bytes a second, on the average over `TIMEOUT`, below which a connection counts as broken."""

_TICK = 0.25
_PIECE = 1 << 16
_AHEAD = 64
"""How many pieces may have arrived that nobody has taken yet."""

_FAILURES = (OSError, http.client.HTTPException, ValueError)

Listener = Callable[[], None]
"""Is called while nothing arrives; an exception that it raises ends the waiting."""


def receive(url: str, listen: Listener) -> Iterator[tuple[bytes, int]]:
    """Yield what a URL returns, piece by piece, each with the number of bytes in all, 0 if the server does not say.

    Args:
        url: the address.
        listen: is called four times a second while nothing arrives.

    Raises:
        OSError: when the connection fails, is silent for `TIMEOUT` seconds, or sends less than `SLOWEST`.
        http.client.HTTPException: when the answer is not valid HTTP, or ends before the last byte.
    """
    arrived: queue.Queue[Any] = queue.Queue(_AHEAD)
    ended = threading.Event()
    threading.Thread(target=_send_pieces, args=(url, arrived, ended), daemon=True).start()
    done, total = 0, 0
    since, before = time.monotonic(), 0
    try:
        while True:
            try:
                kind, value = arrived.get(timeout=_TICK)
            except queue.Empty:
                listen()
                kind, value = "nothing", b""
            if kind == "failed":
                raise value
            if kind == "total":
                total = value
            elif kind == "ended":
                break
            elif kind == "piece":
                done += len(value)
                yield value, total
            if (seconds := time.monotonic() - since) >= TIMEOUT:
                if done - before < SLOWEST * TIMEOUT:
                    raise TimeoutError(f"timed out: {done - before} bytes came in {seconds:.0f} seconds")
                since, before = time.monotonic(), done
    finally:
        ended.set()
    if done < total:
        # The library takes a connection that was cut for the end of the answer.
        raise http.client.IncompleteRead(b"", total - done)


def _send_pieces(url: str, arrived: "queue.Queue[Any]", ended: threading.Event) -> None:
    """Put what a URL returns into a queue, until all is there or `ended` is set."""

    def put(kind: str, value: Any) -> None:
        while not ended.is_set():
            try:
                arrived.put((kind, value), timeout=_TICK)
            except queue.Full:
                continue
            return

    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            length = response.headers.get("Content-Length", "")
            put("total", int(length) if length.isdecimal() else 0)
            while not ended.is_set() and (piece := response.read1(_PIECE)):
                put("piece", piece)
        put("ended", None)
    except _FAILURES as error:
        put("failed", error)


def call_listening(function: Callable[[], T], listen: Listener, seconds: float) -> T:
    """Call a function that waits for the network in a background thread, and return its result.

    Args:
        function: the function. If the waiting is ended early, its thread goes on alone and its result is dropped.
        listen: is called four times a second.
        seconds: how long to wait.

    Raises:
        TimeoutError: when the function has not returned after `seconds`.
        Exception: what the function or the listener raises.
    """
    answer: Future[T] = Future()

    def call() -> None:
        try:
            answer.set_result(function())
        except _FAILURES as error:
            answer.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    end = time.monotonic() + seconds
    while not wait([answer], _TICK).done:
        listen()
        if time.monotonic() > end:
            raise TimeoutError(f"timed out: no answer in {seconds:.0f} seconds")
    return answer.result()
