"""What a WebSocket server has to do with right and wrong frames: RFC 6455, in the manner of the Autobahn testsuite.

A case says what the RFC asks for, and, as ``departs``, where Tornado's own WebSocket does otherwise. The sections are
those of Autobahn; what is measured there (9) or is an extension (12, 13) is left out.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.web.raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    KEY,
    PING,
    PONG,
    TEXT,
    Outcome,
    close,
    fragments,
    frame,
)

PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009
LIMIT = 64 << 10
UNCHECKED_CODE = "echoes a code that may not be sent"
LATE = "looks only when the message is whole, which Autobahn calls non-strict"


class Case(NamedTuple):
    """What is sent and what should come. ``is_ended``: the client closes, else a ping follows as a probe."""

    name: str
    sent: bytes
    messages: int = 0
    pongs: tuple[bytes, ...] = ()
    failure: int | None = None
    """The code for it, if the server has to fail the connection, with a close frame or without."""
    is_ended: bool = False
    codes: tuple[int | None, ...] = ()
    """One of which the server's close frame has to carry, if the client closes."""
    piece: int = 0
    departs: str = ""

    def flaws(self, outcome: Outcome) -> list[str]:
        """In what this is not what the RFC asks for."""
        fails = self.failure is not None
        told = outcome.messages is not None
        checks = {
            "end": outcome.end == ("closed" if fails or self.is_ended else "goes on"),
            "codes": self._has_codes(outcome.codes),
            "pongs": outcome.pongs == self.pongs[: len(outcome.pongs) if fails else None],
            "messages": not told or outcome.messages == self.messages,
        }
        return [name for name, holds in checks.items() if not holds]

    def _has_codes(self, codes: tuple[int | None, ...]) -> bool:
        if self.failure is not None:
            return codes in ((), (self.failure,))
        return len(codes) == 1 and codes[0] in self.codes if self.is_ended else codes == ()


def _ended(name: str, sent: bytes, *codes: int | None, messages: int = 0, pongs: tuple[bytes, ...] = ()) -> Case:
    return Case(name, sent, messages, pongs, is_ended=True, codes=codes)


def _framing() -> list[Case]:
    kinds = {"text": TEXT, "binary": BINARY}
    lengths = (0, 1, 125, 126, 127, 128, 65_535, 65_536)
    cases = [
        Case(f"{kind} of {length} bytes", frame(opcode, b"*" * length), 1)
        for kind, opcode in kinds.items()
        for length in lengths
    ]
    cases += [
        Case(f"{kind} of {length} bytes, {piece} at a time", frame(opcode, b"*" * length), 1, piece=piece)
        for kind, opcode in kinds.items()
        for length, piece in [(0, 1), (126, 1), (65_536, 997)]
    ]
    wide = "takes a length in more bytes than it needs"
    return [
        *cases,
        Case("a mask of zeros", frame(TEXT, b"abc", mask=bytes(4)), 1),
        Case("several messages at once", frame(TEXT, b"abc") * 5, 5),
        Case("short, its length in two bytes", frame(TEXT, b"abc", length_bytes=2), failure=1002, departs=wide),
        Case("short, its length in eight bytes", frame(TEXT, b"abc", length_bytes=8), failure=1002, departs=wide),
        Case("text without a mask", frame(TEXT, b"abc", mask=None), failure=1002, departs="takes it"),
        Case("binary without a mask", frame(BINARY, b"abc", mask=None), failure=1002, departs="takes it"),
        Case("a ping without a mask", frame(PING, b"abc", mask=None), failure=1002, departs="takes it"),
    ]


def _pings() -> list[Case]:
    cases = [
        Case(f"a ping of {length} bytes", frame(PING, b"\xfe" * length), pongs=(b"\xfe" * length,))
        for length in (0, 1, 124, 125)
    ]
    cases += [
        Case(f"{name} of {length} bytes", frame(opcode, b"*" * length), failure=PROTOCOL_ERROR)
        for name, opcode in {"a ping": PING, "a pong": PONG}.items()
        for length in (126, 65_536)
    ]
    ten = tuple(b"%d" % number for number in range(10))
    ten_pings = b"".join(frame(PING, each) for each in ten)
    return [
        *cases,
        Case("a ping of 125 bytes, one at a time", frame(PING, b"*" * 125), pongs=(b"*" * 125,), piece=1),
        Case("a ping whose length takes two bytes", frame(PING, b"*", length_bytes=2), failure=PROTOCOL_ERROR),
        Case("ten pings", ten_pings, pongs=ten),
        Case("ten pings, one byte at a time", ten_pings, pongs=ten, piece=1),
        Case("an unsolicited pong without payload", frame(PONG)),
        Case("an unsolicited pong", frame(PONG, b"abc")),
        Case("an unsolicited pong, then a ping", frame(PONG, b"abc") + frame(PING, b"def"), pongs=(b"def",)),
        Case("thirty unsolicited pongs", frame(PONG, b"abc") * 30),
    ]


def _reserved() -> list[Case]:
    before, after = frame(TEXT, b"before"), frame(PING, b"after")
    bits = [
        Case(f"{name} with reserved bits {bits:03b}", frame(opcode, b"abc", reserved=bits), failure=PROTOCOL_ERROR)
        for name, opcode in {"text": TEXT, "binary": BINARY, "a ping": PING, "a close": CLOSE}.items()
        for bits in (range(1, 8) if opcode == TEXT else (1, 4))
    ]
    opcodes = [
        Case(f"opcode {opcode}{name}", frame(opcode, payload), failure=PROTOCOL_ERROR)
        for opcode in (*range(3, 8), *range(0xB, 0x10))
        for name, payload in {"": b"abc", " without payload": b""}.items()
    ]
    continuation = frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b", reserved=1)
    unknown_start = "fails only when the message is whole"
    return [
        *bits,
        *opcodes,
        Case("a continuation with a reserved bit", continuation, failure=PROTOCOL_ERROR),
        Case("reserved bits after a message", before + frame(TEXT, b"a", reserved=1) + after, 1, failure=1002),
        Case("opcode 5 after a message, one byte at a time", before + frame(5) + after, 1, failure=1002, piece=1),
        Case("opcode 5 starts a message", frame(5, b"a", fin=False), failure=1002, departs=unknown_start),
        Case("opcode 5 in fragments", fragments(5, b"a", b"b"), failure=PROTOCOL_ERROR),
    ]


def _fragmentation() -> list[Case]:
    ping, many = frame(PING, b"between"), [b"%d" % number for number in range(20)]
    open_text, rest = frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b")
    cases = [
        Case(f"{kind} in fragments, {name}", fragments(opcode, *parts), 1)
        for kind, opcode in {"text": TEXT, "binary": BINARY}.items()
        for name, parts in {
            "two": [b"a", b"b"],
            "three without payload": [b"", b"", b""],
            "the middle one not empty": [b"", b"a", b""],
            "the last one empty": [b"a", b""],
            "twenty": many,
        }.items()
    ]
    continuing = [
        Case(f"a continuation of nothing, {name}", sent, failure=PROTOCOL_ERROR)
        for name, sent in {
            "last": rest + frame(TEXT, b"a"),
            "not last": frame(CONTINUATION, b"a", fin=False) + frame(TEXT, b"a"),
            "without payload": frame(CONTINUATION),
            "of one byte at a time": fragments(CONTINUATION, b"a", b"b", b"c"),
        }.items()
    ]
    return [
        *cases,
        *continuing,
        Case("a continuation after a whole message", fragments(TEXT, b"a", b"b") + rest, 1, failure=PROTOCOL_ERROR),
        Case("text within a fragmented text", open_text + frame(TEXT, b"b"), failure=PROTOCOL_ERROR),
        Case("binary within a fragmented text", open_text + frame(BINARY, b"b"), failure=PROTOCOL_ERROR),
        Case("a second start within a fragmented text", open_text * 2, failure=PROTOCOL_ERROR),
        Case("a ping in fragments", frame(PING, b"a", fin=False) + rest, failure=PROTOCOL_ERROR),
        Case("a pong in fragments", frame(PONG, b"a", fin=False) + rest, failure=PROTOCOL_ERROR),
        Case("a close in fragments", frame(CLOSE, b"\x03\xe8", fin=False) + frame(CONTINUATION), failure=1002),
        Case("a ping between fragments", fragments(TEXT, b"a", b"b", between=ping), 1, (b"between",)),
        Case("pings between fragments", fragments(TEXT, *many[:6], between=ping), 1, (b"between",) * 5),
        Case(
            "pings between fragments, one byte at a time",
            fragments(TEXT, *many[:6], between=ping),
            1,
            (b"between",) * 5,
            piece=1,
        ),
        Case("a pong between fragments", fragments(BINARY, b"a", b"b", between=frame(PONG, b"c")), 1),
        Case("a message that never ends", open_text),
    ]


VALID = {
    "Latin": "Hello-µ@ßöäüàá-UTF-8!!",
    "Greek": "κόσμε",
    "the first of each length": "\x00\x80\u0800\U00010000",
    "the last of each length": "\x7f\u07ff\uffff\U0010ffff",
    "around the surrogates": "\ud7ff\ue000",
    "noncharacters": "\ufffe\U0001ffff\U0010fffe",
}
INVALID = {
    "a continuation byte": b"\x80",
    "the last continuation byte": b"\xbf",
    "continuation bytes": b"\x80\xbf\x80\xbf",
    "one of two bytes": b"\xc2",
    "one of two bytes, then a space": b"\xc2 ",
    "two of three bytes": b"\xe0\xa0",
    "three of four bytes": b"\xf0\x90\x80",
    "three of four bytes, then a letter": b"\xf0\x90\x80a",
    "fe": b"\xfe",
    "ff": b"\xff",
    "an overlong null": b"\xc0\x80",
    "an overlong slash of two bytes": b"\xc0\xaf",
    "an overlong slash of three bytes": b"\xe0\x80\xaf",
    "an overlong slash of four bytes": b"\xf0\x80\x80\xaf",
    "the largest overlong of two bytes": b"\xc1\xbf",
    "the largest overlong of three bytes": b"\xe0\x9f\xbf",
    "the largest overlong of four bytes": b"\xf0\x8f\xbf\xbf",
    "the first surrogate": b"\xed\xa0\x80",
    "the last surrogate": b"\xed\xbf\xbf",
    "a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "just above 10ffff": b"\xf4\x90\x80\x80",
    "far above 10ffff": b"\xf7\xbf\xbf\xbf",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "six bytes": b"\xfc\x84\x80\x80\x80\x80",
}


def _in_bytes(payload: bytes) -> list[bytes]:
    return [payload[at : at + 1] for at in range(len(payload))]


def _utf8() -> list[Case]:
    cases = []
    for name, text in VALID.items():
        good = text.encode()
        cases += [
            Case(name, frame(TEXT, good), 1),
            Case(f"{name}, split in code points", fragments(TEXT, *_in_bytes(good)), 1),
            Case(f"{name}, one byte at a time", frame(TEXT, good), 1, piece=1),
        ]
    for name, bad in INVALID.items():
        within = "κό".encode() + bad + b"edited"
        split = fragments(TEXT, *_in_bytes(bad))
        cases += [
            Case(f"invalid: {name}", frame(TEXT, bad), failure=NOT_UTF8),
            Case(f"invalid: {name}, within", frame(TEXT, within) + frame(TEXT, b"after"), failure=NOT_UTF8),
            Case(f"invalid: {name}, in fragments", split, failure=NOT_UTF8),
            Case(f"not text: {name}", frame(BINARY, bad), 1),
        ]
    bad_start = frame(TEXT, b"\xed\xa0\x80", fin=False)
    fragmented_late = bad_start + frame(CONTINUATION, b"edited")
    return [
        *cases,
        Case("invalid in the first fragment", fragmented_late, failure=NOT_UTF8),
        Case("invalid in the last fragment", fragments(TEXT, b"a", b"b", b"\xf5"), failure=NOT_UTF8),
        Case("invalid after a message", frame(TEXT, b"a") + frame(TEXT, b"\xff"), 1, failure=NOT_UTF8),
        Case("invalid, one byte at a time", frame(TEXT, b"a\xed\xa0\x80b"), failure=NOT_UTF8, piece=1),
        Case("invalid in a message that goes on", bad_start, failure=NOT_UTF8, departs=LATE),
    ]


GOOD_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
BAD_CODES = (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999)


def _closing() -> list[Case]:
    done, message, ping = close(1000), frame(TEXT, b"a"), frame(PING, b"a")
    longest = b"*" * 123
    return [
        *[_ended(f"code {code}", close(code), code) for code in GOOD_CODES],
        *[_ended(f"code {code} with a reason", close(code, b"why"), code) for code in GOOD_CODES],
        *[Case(f"code {code}", close(code), failure=1002, departs=UNCHECKED_CODE) for code in BAD_CODES],
        _ended("a close without a code", close(), None, 1000),
        _ended("a close, one byte at a time", close(1000, b"why"), 1000)._replace(piece=1),
        _ended("a reason of 123 bytes", close(1000, longest), 1000),
        _ended("a reason in Greek", close(1000, "κόσμε".encode()), 1000),
        Case("a reason of 124 bytes", close(1000, longest + b"*"), failure=PROTOCOL_ERROR),
        Case("half a code", frame(CLOSE, b"\x03"), failure=1002, departs="answers as if there were no code"),
        *[
            Case(f"a reason with {name}", close(1000, INVALID[name]), failure=NOT_UTF8)
            for name in ("the first surrogate", "an overlong null", "two of three bytes", "just above 10ffff")
        ],
        _ended("a message, then a close", message + done, 1000, messages=1),
        _ended("a ping, then a close", ping + done, 1000, pongs=(b"a",)),
        _ended("two closes", done * 2, 1000),
        _ended("two closes that differ", done + close(1001), 1000),
        _ended("a ping after the close", done + ping, 1000),
        _ended("a message after the close", done + message, 1000),
        _ended("a wrong frame after the close", done + frame(5, reserved=7), 1000),
        _ended("a message of 64 KiB, then a close", frame(TEXT, b"*" * LIMIT) + done, 1000, messages=1),
        _ended("a close in a message that goes on", frame(TEXT, b"a", fin=False) + done, 1000),
        _ended("a close between fragments", fragments(TEXT, b"a", b"b", between=done), 1000),
        _ended("a close in half a code point", frame(TEXT, b"\xce", fin=False) + done, 1000),
        Case("a close without a mask", frame(CLOSE, b"\x03\xe8", mask=None), failure=1002, departs="answers it"),
    ]


def _limits() -> list[Case]:
    half, huge = b"*" * (LIMIT // 2), bytes([0x81, 0xFF])
    return [
        Case("64 KiB in fragments", fragments(TEXT, half, half), 1),
        Case("64 KiB in fragments of 4 KiB", fragments(BINARY, *[b"*" * 4096] * 16), 1),
        Case("64 KiB of code points of two bytes", frame(TEXT, "é".encode() * (LIMIT // 2)), 1),
        Case("a byte more than 64 KiB of text", frame(TEXT, b"*" * (LIMIT + 1)), failure=TOO_BIG),
        Case("a byte more than 64 KiB, binary", frame(BINARY, b"*" * (LIMIT + 1)), failure=TOO_BIG),
        Case("a byte more than 64 KiB in fragments", fragments(TEXT, half, half, b"*"), failure=TOO_BIG),
        Case("more than 64 KiB after a message", frame(TEXT, b"a") + frame(TEXT, half * 3), 1, failure=TOO_BIG),
        Case("a length of 2^62", huge + (1 << 62).to_bytes(8, "big"), failure=TOO_BIG),
        Case("a length with its highest bit", huge + b"\xff" * 8, failure=TOO_BIG),
    ]


SECTIONS = {
    "1 framing": _framing(),
    "2 pings": _pings(),
    "3-4 reserved": _reserved(),
    "5 fragments": _fragmentation(),
    "6 utf-8": _utf8(),
    "7 closing": _closing(),
    "10 limits": _limits(),
}
CASES = [case._replace(name=f"{section}: {case.name}") for section, cases in SECTIONS.items() for case in cases]


class Handshake(NamedTuple):
    """A head and whether a WebSocket may be the answer."""

    name: str
    lines: tuple[str, ...] = ()
    opens: bool = False
    first: str = "GET /ws/tasks HTTP/1.1"
    departs: str = ""

    def flaws(self, answer: str) -> list[str]:
        """In what this is not what the RFC asks for; ``answer`` is the head of it."""
        first, *lines = answer.splitlines()
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split()[1])
        if not self.opens:
            is_another = any(line.startswith("Sec-WebSocket-Version:") for line in self.lines)
            is_right = status == 426 if is_another else 400 <= status < 600
            is_told = not is_another or fields.get("sec-websocket-version") == "13"
            return [f"status {status}"] * (not is_right) + ["version"] * (not is_told)
        expected = {"upgrade": "websocket", "connection": "upgrade"}
        wrong = [name for name, value in expected.items() if fields.get(name, "").lower() != value]
        wrong += [name for name in ("sec-websocket-extensions", "sec-websocket-protocol") if name in fields]
        return wrong + [f"status {status}"] * (status != 101)


_ANY_KEY = "takes any key"
HANDSHAKES = [
    Handshake("as it should be", opens=True),
    Handshake("names in other letters", ("Connection:", "connection: uPGRADE", "Upgrade:", "upgrade: WebSocket"), True),
    Handshake("also kept alive", ("Connection: keep-alive, Upgrade",), True),
    Handshake("several offers to upgrade", ("Upgrade: h2c, websocket",), True, departs="takes one only"),
    Handshake("a query", opens=True, first="GET /ws/tasks?a=b HTTP/1.1"),
    Handshake("unknown subprotocols", ("Sec-WebSocket-Protocol: chat, superchat",), True),
    Handshake("unknown extensions", ("Sec-WebSocket-Extensions: x-mux; depth=2, bar",), True),
    Handshake("compression is not agreed on", ("Sec-WebSocket-Extensions: permessage-deflate",), True),
    Handshake("no key", ("Sec-WebSocket-Key:",)),
    Handshake("a short key", ("Sec-WebSocket-Key: c2hvcnQ=",), departs=_ANY_KEY),
    Handshake("a key that is not base64", ("Sec-WebSocket-Key: not base64 at all!",), departs=_ANY_KEY),
    Handshake("two keys", (f"Sec-WebSocket-Key: {KEY}",) * 2, departs=_ANY_KEY),
    Handshake("no version", ("Sec-WebSocket-Version:",)),
    *[
        Handshake(f"version {version}", (f"Sec-WebSocket-Version: {version}",))
        for version in ("0", "7", "8", "14", "x")
    ],
    Handshake("no upgrade", ("Upgrade:",)),
    Handshake("another upgrade", ("Upgrade: h2c",)),
    Handshake("no connection", ("Connection:",)),
    Handshake("another connection", ("Connection: keep-alive",)),
    Handshake("no host", ("Host:",)),
    *[Handshake(method, first=f"{method} /ws/tasks HTTP/1.1") for method in ("HEAD", "PUT", "PATCH", "DELETE")],
    Handshake("POST", ("Content-Length: 0",), first="POST /ws/tasks HTTP/1.1"),
    Handshake("HTTP/1.0", first="GET /ws/tasks HTTP/1.0", departs="opens it"),
    Handshake("another page's origin", ("Origin: http://elsewhere.example",)),
]
