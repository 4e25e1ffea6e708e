"""Downloads in a background thread, so that the caller can cancel them while they wait for the server.

Python's HTTP client has two drawbacks. Its timeout limits only the time between two bytes, so the client would wait
without end for a server that sends a byte now and then. While the client waits, its thread can do nothing else, such as
react to a cancel button. So here a background thread waits for bytes. While nothing arrives, the thread of the caller
calls the function `listen` every quarter of a second.
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
"""After this many seconds without a byte, a connection counts as broken."""

SLOWEST = 1024
"""The least speed in bytes a second, averaged over `TIMEOUT`; a slower connection counts as broken."""

_TICK = 0.25
_PIECE = 1 << 16
_AHEAD = 64
"""How many pieces, of at most 64 KiB each, may wait in the queue."""

Listener = Callable[[], None]
"""A function that is called during the wait; an exception that it raises ends the wait."""


def receive(url: str, listen: Listener) -> Iterator[tuple[bytes, int]]:
    """Yield the content of a URL in pieces, each with the size of the whole content in bytes (0 if it is not known).

    Args:
        url: the address.
        listen: is called four times a second while nothing arrives; an exception that it raises ends the download.

    Raises:
        OSError: when the connection fails, is silent for `TIMEOUT` seconds, or sends less than `SLOWEST` bytes a
            second.
        http.client.HTTPException: when the response is not valid HTTP, or ends before the last byte.
        ValueError: when the URL is not valid.
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
        # If the connection is cut, Python's HTTP client raises no error: it behaves as if the answer had ended.
        raise http.client.IncompleteRead(b"", total - done)


def _send_pieces(url: str, arrived: "queue.Queue[Any]", ended: threading.Event) -> None:
    """Put the content of a URL into a queue in pieces, until all pieces are in the queue or `ended` is set."""

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
    except Exception as error:  # noqa: BLE001 - raised again in `receive`, which would otherwise wait in vain
        put("failed", error)


def call_listening(function: Callable[[], T], listen: Listener, seconds: float) -> T:
    """Call, in a background thread, a function that waits for the network; return its result.

    Args:
        function: takes no arguments. If `listen` raises an exception or the time is over, the thread of the function
            runs on, and its result is dropped.
        listen: is called four times a second; an exception that it raises ends the wait.
        seconds: how long to wait at most.

    Raises:
        TimeoutError: when the function has not returned after `seconds`.
        Exception: any exception of `listen` or of the function.
    """
    answer: Future[T] = Future()

    def call() -> None:
        try:
            answer.set_result(function())
        except Exception as error:  # noqa: BLE001 - raised again by `answer.result()` in the waiting thread
            answer.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    end = time.monotonic() + seconds
    while not wait([answer], _TICK).done:
        listen()
        if time.monotonic() > end:
            raise TimeoutError(f"timed out: no answer in {seconds:.0f} seconds")
    return answer.result()
