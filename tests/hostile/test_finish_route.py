"""Strange posts to the route of Finish now: each gets an answer, and only a valid post presses the button.

Answers that refuse a post have the status 400, 413 or 415.
"""

import asyncio
import gzip
import json
import random
from typing import Any

import pytest
from aiohttp import ClientError, ClientTimeout, TCPConnector, web
from aiohttp.test_utils import TestClient, TestServer

from loaded_pack import Pack
from outcomes import Outcomes, pick
from running_node import set_running
from spoiled_files import spoil_bytes

pytestmark = pytest.mark.hostile

POSTS = 60
"""How many posts the short form tries; the long form 100 times as many."""

PRESS = json.dumps({"node_id": "5", "prompt_id": "first"}).encode()

VALUES: list[Any] = [
    None, True, 0, -1, 2**63, 10**400, 1.5, float("nan"), "", "5", "6", "first", "\ud800", "x" * 100_000, [], ["5"], {},
    {"5": 1},
]  # fmt: skip

BODIES = [
    b"", b"null", b"[]", b"7", b'"5"', b"{", b"[" * 100_000, b'{"a":' * 50_000, b"9" * 10_000, b"\xff\xfe{}",
    b"\0" * 1000, "{}".encode("utf-16"), b"\xef\xbb\xbf" + PRESS, PRESS * 2, b"NaN", gzip.compress(PRESS),
    gzip.compress(bytes(2**22)),
]  # fmt: skip

CHARSETS = (
    "utf-8", "utf-16", "utf-7", "latin-1", "ascii", "none-such", "base64", "zlib", "rot13", "idna", "punycode",
    "undefined", "unicode_escape", "x" * 3000, "''", "\"", "utf-8;charset=utf-16",
)  # fmt: skip

TYPES = (
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=a",
    "a/b",
    "",
)


def make_post(generator: random.Random) -> tuple[bytes, dict[str, str]]:
    """Return the random body and headers of a post."""
    kind = generator.randrange(4)
    if kind == 0:
        content = {"node_id": pick(generator, VALUES), "prompt_id": pick(generator, VALUES)}
        if generator.random() < 0.3:
            content[pick(generator, ["node_id", "prompt_id", "more", "__proto__"])] = pick(generator, VALUES)
        body = json.dumps(content).encode()
    elif kind == 1:
        body = spoil_bytes(generator, PRESS)
    else:
        body = pick(generator, BODIES)
    headers = {"Content-Type": pick(generator, TYPES)}
    if generator.random() < 0.5:
        headers["Content-Type"] += f"; charset={pick(generator, CHARSETS)}"
    if generator.random() < 0.2:
        headers["Content-Encoding"] = pick(generator, ["gzip", "deflate", "identity", "br", "none-such"])
    return body, headers


def test_posts(pack: Pack, outcomes: Outcomes, scale: int, monkeypatch: pytest.MonkeyPatch) -> None:
    set_running(pack, monkeypatch)
    finish = pack.module("nodes.bridge.finish")

    class Server:
        routes = web.RouteTableDef()

    monkeypatch.setattr(finish, "find_server", Server)
    monkeypatch.setattr(finish, "PATIENCE", 1.0)
    finish.register_finish_route()

    async def post_all() -> None:
        app = web.Application()
        app.add_routes(Server.routes)
        # Each post has a connection of its own: after a body that cannot be decompressed, aiohttp's server sometimes
        # answers nothing that comes through the same connection.
        connector = TCPConnector(force_close=True)
        async with TestClient(TestServer(app), connector=connector, timeout=ClientTimeout(total=60)) as client:
            for seed in range(POSTS * scale):
                body, headers = make_post(random.Random(seed))
                with finish.FinishButton() as button:
                    try:
                        # The body is sent unchanged, although its header may say that it is compressed.
                        answer = await client.post(finish.ROUTE, data=body, headers=headers, compress=None)
                        status, text = answer.status, await answer.text()
                    except ClientError as error:
                        outcomes.counts[f"not sent: {type(error).__name__}"] += 1
                        continue
                    outcomes.counts[f"answered {status}"] += 1
                    if status == 200:
                        assert json.loads(text) == {"finishing": button.is_pressed}, (seed, text)
                    else:
                        assert status in (400, 413, 415), (seed, status, body[:100], headers, text[:300])
                        assert not button.is_pressed
            answer = await client.post(finish.ROUTE, data=PRESS, headers={"Content-Type": "application/json"})
            assert answer.status == 200

    asyncio.run(post_all())
    assert outcomes.counts["answered 200"]
    assert outcomes.counts["answered 400"] > POSTS * scale / 4
