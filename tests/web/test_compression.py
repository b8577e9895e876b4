"""Large answers as zstd or gzip: for whom, of what, and how."""

from __future__ import annotations

import asyncio
import gzip
import inspect
from collections.abc import AsyncIterator, Iterator

import pytest
import zstandard

from tests.web.harness import Running, running
from vain.web.compression import AT_ONCE_BYTES, MOST_KEPT, SMALLEST_BYTES, Coding, Compressor, coding_for, may_compress
from vain.web.http import Response

TEXT = b'{"a":"' + b"x" * SMALLEST_BYTES + b'"}'
GZIP = {"Accept-Encoding": "br, gzip;q=0.8"}
BROWSER = "gzip, deflate, br, zstd"


def unpacked(body: bytes, coding: Coding) -> bytes:
    return gzip.decompress(body) if coding == "gzip" else zstandard.ZstdDecompressor().decompressobj().decompress(body)


@pytest.mark.parametrize(("accepts", "coding"), [
    ("gzip", "gzip"), ("GZIP", "gzip"), ("deflate, gzip;q=0.1", "gzip"), ("x-gzip", "gzip"), ("*", "gzip"),
    ("gzip ; q=1.0", "gzip"), ("gzip, zstd;q=0.9", "gzip"), ("gzip, zstd;q=0", "gzip"),
    (BROWSER, "zstd"), ("zstd", "zstd"), ("ZSTD;q=0.5, gzip;q=0.2", "zstd"), ("zstd;q=0.1, gzip;q=0", "zstd"),
    ("", None), ("br", None), ("identity", None), ("gzip;q=0", None), ("gzip;q=0.000", None), ("*;q=0", None),
    ("*, gzip;q=0", None), ("gzip;q=x", None), ("zip", None), ("zstd;q=0", None),
])  # fmt: skip
def test_who_takes_what(accepts: str, coding: Coding | None) -> None:
    assert coding_for(accepts) == coding


@pytest.mark.parametrize(("response", "may"), [
    (Response(TEXT), True), (Response(TEXT, headers={"ETag": 'W/"a"'}), True),
    (Response(TEXT, content_type="text/csv; charset=utf-8"), True),
    (Response(TEXT[:SMALLEST_BYTES - 1]), False), (Response(TEXT, headers={"ETag": '"7-3"'}), False),
    (Response(TEXT, status=422), False), (Response(TEXT, content_type="application/problem+json"), False),
    (Response(TEXT, content_type="application/vnd.apache.parquet"), False),
    (Response(TEXT, content_type="text/event-stream"), False),
    (Response(TEXT, headers={"Content-Encoding": "br"}), False),
])  # fmt: skip
def test_what_may_be_compressed(response: Response, may: bool) -> None:
    assert may_compress(response) == may


async def prepared(compressor: Compressor, response: Response, accepts: str = "gzip") -> Response:
    answer = compressor.prepared(accepts, response)
    return await answer if inspect.isawaitable(answer) else answer  # type: ignore[return-value]


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("size", [SMALLEST_BYTES, AT_ONCE_BYTES, AT_ONCE_BYTES + 1, 1 << 20])
def test_what_is_unpacked_is_what_was_said(size: int, coding: Coding) -> None:
    body = bytes(number % 251 for number in range(size))
    answer = asyncio.run(prepared(Compressor(), Response(body, headers={"Vary": "Accept"}), coding))
    assert unpacked(answer.body, coding) == body  # type: ignore[arg-type]
    assert answer.headers == {"Vary": "Accept", "Content-Encoding": coding}


@pytest.mark.parametrize("accepts", ["br", "", "gzip" + " " * 500])
def test_who_takes_none_gets_the_very_answer(accepts: str) -> None:
    response = Response(TEXT)
    assert asyncio.run(prepared(Compressor(), response, accepts)) is response


def test_what_many_ask_for_is_compressed_once() -> None:
    compressor = Compressor()
    first, second = (asyncio.run(prepared(compressor, Response(TEXT))) for _ in range(2))
    assert first.body is second.body
    assert asyncio.run(prepared(compressor, Response(TEXT), BROWSER)).body != first.body


def test_no_more_than_so_many_are_kept() -> None:
    compressor = Compressor()
    for number in range(3 * MOST_KEPT):
        body = b"%08d" % number * SMALLEST_BYTES
        answer = compressor.prepared("gzip", Response(body))
        assert gzip.decompress(answer.body) == body  # type: ignore[union-attr, arg-type]
    assert len(compressor._kept) == MOST_KEPT


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_stream_is_compressed_as_it_comes(coding: Coding) -> None:
    parts = [b"part %d," % number * 5_000 for number in range(5)]

    async def stream() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    async def packed() -> list[bytes]:
        answer = await prepared(Compressor(), Response(stream(), headers={"ETag": 'W/"s"'}), coding)
        return [part async for part in answer.body]  # type: ignore[union-attr]

    sent = asyncio.run(packed())
    assert all(sent) and unpacked(b"".join(sent), coding) == b"".join(parts)


# --- over HTTP ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data"), interval=3600) as run:
        for number in range(40):
            run.make(name=f"task {number}", description="d" * 200)
        yield run


@pytest.mark.parametrize("path", ["/tasks", "/performance", "/visualizations", "/assets/vain.css", "/openapi.json"])
def test_large_answers_come_compressed_to_those_who_ask(server: Running, path: str) -> None:
    plain, packed = server.call("GET", path), server.call("GET", path, None, GZIP)
    assert packed.headers["Content-Encoding"] == "gzip" and plain.headers["Content-Encoding"] is None
    whole = gzip.decompress(packed.body)
    assert whole == plain.body or path == "/visualizations"
    assert len(packed.body) < len(whole) / 2
    for reply in (plain, packed):
        assert "Accept-Encoding" in reply.headers["Vary"]
        assert reply.headers.get("ETag", "W/").startswith("W/")


def test_a_browser_gets_zstd(server: Running) -> None:
    reply = server.call("GET", "/tasks", None, {"Accept-Encoding": BROWSER})
    assert reply.headers["Content-Encoding"] == "zstd"
    assert unpacked(reply.body, "zstd") == server.call("GET", "/tasks").body


def test_the_tag_of_a_compressed_answer_still_means_the_same(server: Running) -> None:
    tag = server.call("GET", "/performance", None, GZIP).headers["ETag"]
    assert server.call("GET", "/performance", None, {**GZIP, "If-None-Match": tag}).status == 304
    assert server.call("GET", "/performance", None, {"If-None-Match": tag}).status == 304


def test_head_says_what_get_would(server: Running) -> None:
    got, head = (server.call(method, "/performance", None, GZIP) for method in ("GET", "HEAD"))
    for name in ("Content-Encoding", "Content-Length", "ETag", "Vary"):
        assert head.headers[name] == got.headers[name]
    assert head.body == b""


def test_a_task_keeps_its_strong_tag_and_errors_are_never_compressed(server: Running) -> None:
    path = f"/tasks/{server.make(description='d' * 5_000)['task_id']}"
    reply = server.call("GET", path, None, GZIP)
    assert reply.headers["Content-Encoding"] is None and reply.headers["ETag"].startswith('"')
    problem = server.call("POST", "/tasks", {"name": "x" * 5_000, "y" * 2_000: 1}, GZIP)
    assert problem.status == 422 and problem.headers["Content-Encoding"] is None


def test_an_old_client_gets_all_of_it(server: Running) -> None:
    answer = server.raw(server.head("GET /tasks HTTP/1.0", "Accept-Encoding: gzip"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head and gzip.decompress(body) == server.call("GET", "/tasks").body
