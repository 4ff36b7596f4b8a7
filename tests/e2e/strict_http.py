"""Reads HTTP/1.1 answers as strictly as curl does, and in places more so: what is not framed right is Broken, what ends
before its framing says so is Cut. Every raw answer of these tests goes through here; test_strict_http.py feeds it what is
wrong, and asks curl too.

Refused although RFC 9112 would allow it: an answer whose end only the closing of the connection tells (it looks the same
when it was cut), and any transfer coding but chunked.
"""
import json
import re
import socket

HEAD_MOST = 256 * 1024
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(;[\t\x20-\x7e\x80-\xff]*)?")
_CHUNK_LINE_MOST = 4096


class Broken(Exception):
    """This is no HTTP answer."""


class Cut(ConnectionError):
    """The connection ended before the answer did."""


class Headers:
    """By name, in whatever case."""

    def __init__(self, pairs):
        self._pairs = [(name.lower(), value) for name, value in pairs]

    def all(self, name):
        return [value for key, value in self._pairs if key == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return ", ".join(values) if values else default

    def __getitem__(self, name):
        if name not in self:
            raise KeyError(name)
        return self.get(name)

    def __contains__(self, name):
        return bool(self.all(name))

    def items(self):
        return list(self._pairs)

    def __repr__(self):
        return repr(self._pairs)


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "HTTP %d %r" % (self.status, self.body[:2000])


class Reader:
    """Of the bytes that `receive()` gives, one piece a call, until it gives none."""

    def __init__(self, receive):
        self._receive, self._buffer = receive, b""

    def _more(self, what):
        piece = self._receive()
        if not piece:
            raise Cut("the connection ended %s; the last that came is %r" % (what, self._buffer[-200:]))
        self._buffer += piece

    def _line(self, what, most):
        while b"\n" not in self._buffer:
            if len(self._buffer) > most:
                raise Broken("%s is longer than %d bytes" % (what, most))
            self._more("in " + what)
        line, _, self._buffer = self._buffer.partition(b"\n")
        if not line.endswith(b"\r") or len(line) > most:
            raise Broken("%s does not end as it should: %r" % (what, line[-200:]))
        return line[:-1]

    def _fields(self, what):
        pairs, room = [], HEAD_MOST
        while True:
            line = self._line(what, room)
            if not line:
                return Headers(pairs)
            room -= len(line)
            field = _FIELD.fullmatch(line)
            if not field:
                raise Broken("no header line: %r" % line)
            pairs.append((field.group(1).decode(), field.group(2).decode("latin-1")))

    def head(self):
        """(status, headers) of the next answer that is not an interim one."""
        while True:
            line = self._line("the status line", HEAD_MOST)
            said = _STATUS_LINE.fullmatch(line)
            if not said:
                raise Broken("no status line: %r" % line)
            status, headers = int(said.group(1)), self._fields("the head")
            if status == 101:
                raise Broken("another protocol that nobody asked for")
            if status >= 200:
                return status, headers

    def body(self, status, headers, method="GET"):
        """The body's pieces as they come. Nothing is left to do when it has ended without an exception."""
        if method == "HEAD" or status in (204, 304):
            return
        length = _length(headers)
        if length is None:
            yield from self._chunks()
            return
        while length:
            if not self._buffer:
                self._more("%d bytes before the body's end" % length)
            piece, self._buffer = self._buffer[:length], self._buffer[length:]
            length -= len(piece)
            yield piece

    def _chunks(self):
        while True:
            line = self._line("a chunk's size", _CHUNK_LINE_MOST)
            size = _CHUNK.fullmatch(line)
            if not size:
                raise Broken("no chunk size: %r" % line)
            left = int(size.group(1), 16)
            if left == 0:
                self._fields("the trailer")
                return
            while left:
                if not self._buffer:
                    self._more("%d bytes before a chunk's end" % left)
                piece, self._buffer = self._buffer[:left], self._buffer[left:]
                left -= len(piece)
                yield piece
            if self._line("a chunk's end", HEAD_MOST):
                raise Broken("a chunk is longer than its size")

    def rest(self):
        """What has come after the answer: nothing, if all is well."""
        return self._buffer


def _length(headers):
    """Of the body; None when it is chunked."""
    codings, lengths = headers.all("Transfer-Encoding"), headers.all("Content-Length")
    if codings:
        if len(codings) > 1 or codings[0].lower() != "chunked" or lengths:
            raise Broken("a framing that could be read in two ways: %r" % headers)
        return None
    if len(lengths) > 1 or (lengths and not re.fullmatch("[0-9]{1,18}", lengths[0])):
        raise Broken("no length: %r" % lengths)
    if not lengths:
        raise Broken("the body's end cannot be told: %r" % headers)
    return int(lengths[0])


def answer_of(data, method="GET"):
    """(status, headers, body, whole) of all that came until the connection ended; (None, None, b"", False) when that ends
    in the head. Broken is raised for everything else that is not one whole answer."""
    rest = [data]
    reader = Reader(lambda: rest.pop() if rest else b"")
    try:
        status, headers = reader.head()
    except Cut:
        if not (b"HTTP/1.1 ".startswith(data[:9]) or data.startswith(b"HTTP/1.1 ")):
            raise Broken("no HTTP: %r" % data[:200]) from None
        return None, None, b"", False
    body = b""
    try:
        for piece in reader.body(status, headers, method):
            body += piece
    except Cut:
        return status, headers, body, False
    if reader.rest():
        raise Broken("bytes after the answer: %r" % reader.rest()[:200])
    return status, headers, body, True


class Connection:
    """One connection, one request after the other."""

    def __init__(self, port, host="127.0.0.1", timeout=60):
        self._host, self._port = host, port
        self._socket = socket.create_connection((host, port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = Reader(lambda: self._socket.recv(65536))

    def send(self, method, path, body=None, headers=None):
        fields = {"Host": "%s:%d" % (self._host, self._port), **(headers or {})}
        if body is not None:
            fields["Content-Length"] = str(len(body))
        head = "".join("%s: %s\r\n" % field for field in fields.items())
        self._socket.sendall(("%s %s HTTP/1.1\r\n%s\r\n" % (method, path, head)).encode("latin-1") + (body or b""))
        self._method = method

    def head(self):
        self._status, self._headers = self._reader.head()
        return self._status, self._headers

    def pieces(self):
        yield from self._reader.body(self._status, self._headers, self._method)
        if self._reader.rest():
            raise Broken("bytes after the answer: %r" % self._reader.rest()[:200])
        if self._headers.get("Connection", "").lower() == "close":
            self.check_closed()

    def check_closed(self):
        """Whoever says that the connection ends must end it, and send nothing more."""
        try:
            late = self._socket.recv(1)
        except ConnectionResetError:
            return  # it did not read all of the request, which is its right
        if late:
            raise Broken("bytes after the answer: %r" % late)

    def request(self, method, path, body=None, headers=None):
        self.send(method, path, body, headers)
        status, fields = self.head()
        return Response(status, fields, b"".join(self.pieces()))

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
