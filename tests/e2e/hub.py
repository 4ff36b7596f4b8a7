"""A model hub for end-to-end tests: Hugging Face's list of files and its downloads, on 127.0.0.1, with the files themselves
on another host (127.0.0.2), to which it redirects as the real one does."""
import hashlib
import http.server
import json
import threading


class Hub:
    """One repository, `name`. `add(path, data)` puts a file into it; `sizes` and `digests` may lie about one. What was asked
    for is in `.requests` and `.storage_requests`, each a (path, headers). `.hold` is a path of which only the first half is
    sent until `.release()`; `.private` is the one token that is let in."""

    def __init__(self, name="org/Tiny-GGUF"):
        self.name, self.files, self.sizes, self.digests = name, {}, {}, {}
        self.requests, self.storage_requests = [], []
        self.hold, self.private, self.half_sent, self._released = None, None, threading.Event(), threading.Event()
        self._storage, self.storage_url = self._start("127.0.0.2", self._answer_storage)
        self._hub, self.url = self._start("127.0.0.1", self._answer)

    def _start(self, address, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                answer(self)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer((address, 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server, "http://%s:%d" % (address, server.server_port)

    def close(self):
        self.release()
        for server in (self._hub, self._storage):
            server.shutdown()
            server.server_close()

    def release(self):
        self.hold = None
        self._released.set()

    def add(self, path, data, size=None, digest=None):
        self.files[path] = data
        self.sizes[path] = len(data) if size is None else size
        self.digests[path] = digest or hashlib.sha256(data).hexdigest()

    def fetched(self):
        """The files that were asked for, by their paths, in order."""
        return [path.partition("/storage/")[2] for path, _ in self.storage_requests]

    def _answer(self, request):
        self.requests.append((request.path, dict(request.headers)))
        path = request.path.partition("?")[0]
        if self.private and request.headers.get("Authorization") != "Bearer " + self.private:
            return self._send(request, 401, b'{"error": "Invalid credentials"}')
        if path == "/api/models/%s/tree/main" % self.name:
            return self._send(request, 200, json.dumps([
                {"type": "file", "path": name, "size": self.sizes[name], "oid": "1" * 40,
                 "lfs": {"oid": self.digests[name], "size": self.sizes[name], "pointerSize": 133}} for name in self.files]).encode(),
                {"Content-Type": "application/json"})
        name = path.partition("/%s/resolve/main/" % self.name)[2]
        if name in self.files:
            return self._send(request, 302, b"", {"Location": self.storage_url + "/storage/" + name,
                                                  "X-Linked-Size": str(self.sizes[name]), "X-Linked-Etag": '"%s"' % self.digests[name]})
        return self._send(request, 404, b'{"error": "Repository not found"}')

    def _answer_storage(self, request):
        name = request.path.partition("/storage/")[2]
        if name not in self.files:
            return self._send(request, 404, b"")
        data, begin, end, status = self.files[name], 0, None, 200
        wanted = request.headers.get("Range", "").partition("bytes=")[2].split("-")
        if len(wanted) == 2:
            begin, end, status = int(wanted[0]), int(wanted[1]) + 1 if wanted[1] else None, 206
        if end is None:  # the first bytes alone are a question whether one may
            self.storage_requests.append((request.path, dict(request.headers)))
        body = data[begin:end]
        headers = {"Accept-Ranges": "bytes", "ETag": '"%s"' % hashlib.sha256(data).hexdigest(), "Content-Length": str(len(body))}
        if status == 206:
            headers["Content-Range"] = "bytes %d-%d/%d" % (begin, begin + len(body) - 1, len(data))
        if name != self.hold or end is not None:
            return self._send(request, status, body, headers)
        self._send(request, status, body[:len(body) // 2], headers)
        self.half_sent.set()
        self._released.wait(60)
        request.close_connection = True

    @staticmethod
    def _send(request, status, body, headers=None):
        request.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            request.send_header(key, value)
        request.end_headers()
        try:
            request.wfile.write(body)
        except OSError:
            request.close_connection = True  # the client has gone
