"""The proxy's parser beside others, over hostile requests and some thousand made from them: llhttp (Node) and h11 (Python's httpx
and uvicorn). What odysseus accepts, the others accept, and read the same way; else it is one of the decisions below. It may refuse
more than they do.

    ODYSSEUS_PARSER_INPUTS=N    how many requests are made (else 4000)
    ODYSSEUS_PARSER_SEED=N      another choice of them (else 1)
"""
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import unittest

from harness import ROOT
from test_clients import client_python

TOOL = os.environ.get("ODYSSEUS_READ_REQUEST") or str(ROOT / "build/dev/tests/read_request")
PARSERS = pathlib.Path(__file__).resolve().parent / "parsers"

HOST = b"Host: a\r\n"
WHOLE = [
    b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /v1/models?a=b&c HTTP/1.1\r\nhost:a\r\nAccept: */*\r\n\r\n",
    b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello",
    b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n005;a=b\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n",
    b"PUT /x HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\nConnection: keep-alive\r\n\r\n",
    b"DELETE /x HTTP/1.1\r\n" + HOST + b"X: \xc3\xa4\r\nY:\tz \t\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    b"HEAD / HTTP/1.0\r\n\r\n",
    b"GET http://a/b HTTP/1.1\r\n" + HOST + b"\r\n",
    b"\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\nGET /second HTTP/1.1\r\n" + HOST + b"\r\n",
]
HOSTILE = [
    b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 5, 5\r\n\r\nhello",
    b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: +5\r\n\r\nhello",
    b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x5\r\n\r\nhello",
    b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n folded\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"X: a\rY: b\r\n\r\n",
    b"GET / HTTP/1.1\n" + b"Host: a\n\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b": empty\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"a b: c\r\n\r\n",
    b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n",
    b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
    b"GET / HTTP/1.2\r\n" + HOST + b"\r\n",
    b"get / HTTP/1.1\r\n" + HOST + b"\r\n",
    b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
    b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
    b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
    b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
    b"POST /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5;\x00\r\nhello\r\n0\r\n\r\n",
]
PIECES = [b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b";", b",", b"\x00", b"\x0b", b"\x7f", b"\xff", b"0", b"1", b"a", b"F", b"+", b"-",
          b"\r\n\r\n", b"0\r\n\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b"chunked", b"HTTP/1.1"]


def corpus(count, seed):
    choice = random.Random(seed)
    inputs = WHOLE + HOSTILE
    while len(inputs) < count:
        data = choice.choice(WHOLE + HOSTILE)
        for _ in range(choice.choice((1, 1, 1, 2, 3))):
            at, end = sorted((choice.randrange(len(data) + 1), choice.randrange(len(data) + 1)))
            end = min(end, at + choice.choice((0, 1, 1, 2, 8)))
            data = data[:at] + choice.choice(PIECES + [b"", b"", data[at:end] * 2]) + data[end:]
        inputs.append(data)
    return inputs


def packed(inputs):
    return b"".join(struct.pack("<I", len(data)) + data for data in inputs)


def lower_values(headers):
    return sorted((name, value.strip(" \t")) for name, value in headers)


# name: (why it is right, whether it is this case: the input, what odysseus read, what the other read)
DECISIONS = {
    "any method": ("A method that llhttp has no number for is llama-server's to refuse; it has one reading.",
                   lambda data, ours, theirs: theirs.get("refused") == "HPE_INVALID_METHOD"),
    "an absolute target": ("It is forwarded as its path, and its host is checked (RFC 9112, 3.2.2).",
                           lambda data, ours, theirs: re.match(rb"\s*\S+ https?://", data)
                           and "refused" not in theirs and {**ours, "target": ""} == {**theirs, "target": ""}),
    "a minor version": ("HTTP/1.2 is to be read as the highest version of 1 that is known (RFC 9110, 2.5); it goes on as 1.1.",
                        lambda data, ours, theirs: theirs.get("refused") == "HPE_INVALID_VERSION"
                        and re.search(rb" HTTP/1\.[2-9]\r\n", data)),
    "an empty line first": ("One may stand before a request (RFC 9112, 2.2); h11 refuses it.",
                            lambda data, ours, theirs: data.startswith(b"\r\n")
                            and theirs.get("refused") == "no request line received"),
    "white space behind a value": ("It is no part of the value (RFC 9112, 5), also when it is a tab; odysseus writes the line anew.",
                                   lambda data, ours, theirs: theirs.get("refused") == "HPE_INVALID_TRANSFER_ENCODING"
                                   and re.search(rb"(?i)transfer-encoding:[ \t]*chunked[ \t]+\r\n", data)),
    "an extension of a chunk": ("It has no reading, and goes nowhere: chunks are framed anew.",
                                lambda data, ours, theirs: theirs.get("refused") == "HPE_STRICT"
                                and re.search(rb"\r\n[0-9a-fA-F]+;[^\r\n]*\r\n", data)),
    "a second request": ("What follows is another request, which is read when its turn comes; h11 looks at it before.",
                         lambda data, ours, theirs: ours["rest"] > 0 and {**ours, "rest": 0} == {**theirs, "rest": 0}),
    "trailers": ("They are checked for their length and for control characters, and go nowhere: they have no reading.",
                 lambda data, ours, theirs: "chunked" in str(ours["headers"]).lower() and "refused" in theirs
                 and re.search(rb"\r\n0+[^\r\n]*\r\n[^\r\n]", data)),
}


class OtherParsers(unittest.TestCase):
    maxDiff = None

    def answers(self, command, inputs):
        done = subprocess.run(list(map(str, command)), input=packed(inputs), capture_output=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(lines), len(inputs), done.stderr[-2000:])
        return lines

    def test_what_is_accepted_is_read_the_same_way(self):
        inputs = corpus(int(os.environ.get("ODYSSEUS_PARSER_INPUTS", 4000)), int(os.environ.get("ODYSSEUS_PARSER_SEED", 1)))
        ours = self.answers([TOOL], inputs)
        accepted = [number for number, answer in enumerate(ours) if "method" in answer]
        self.assertGreater(len(accepted), len(inputs) // 20)
        self.assertGreater(len(inputs) - len(accepted), len(inputs) // 3)
        used, wrong = {}, []
        for name, command in (("llhttp", ["node", "--no-deprecation", PARSERS / "with_llhttp.cjs"]),
                              ("h11", [client_python(), PARSERS / "with_h11.py"])):
            theirs = self.answers(command, inputs)
            for number in accepted:
                mine = {**ours[number], "headers": lower_values(ours[number]["headers"])}
                other = dict(theirs[number])
                if "headers" in other:
                    other["headers"] = lower_values(other["headers"])
                if mine == other:
                    continue
                why = next((key for key, (_, case) in DECISIONS.items() if case(inputs[number], mine, other)), None)
                used[why] = used.get(why, 0) + 1
                if why is None:
                    wrong.append("%s: %r\n  odysseus %r\n  it       %r" % (name, inputs[number], mine, other))
        print("%d of %d accepted; decided: %s" % (len(accepted), len(inputs), used))
        self.assertEqual(len(wrong), 0, "%d\n" % len(wrong) + "\n".join(wrong[:12]))


if __name__ == "__main__":
    unittest.main()
