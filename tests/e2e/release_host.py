"""A release host for end-to-end tests: GitHub's release API and its downloads, on 127.0.0.1."""
import hashlib
import http.server
import json
import threading

REPOSITORY = "ggml-org/llama.cpp"


class ReleaseHost:
    """Serves release `tag` with `assets` (name: bytes), a stable release that stands for it, and `older` releases (tag:
    assets), the newest first. What it was asked for is in `.requests`; `.cut` is a set of asset names whose next answer
    breaks off half way; `.digests` may lie; `.before_file(name)` is called before an asset is sent."""

    def __init__(self, tag, assets, older=None):
        self.tag, self.assets, self.requests, self.cut = tag, assets, [], set()
        self.older, self.before_file = older or {}, lambda name: None
        self.digests = {name: hashlib.sha256(data).hexdigest() for name, data in assets.items()}
        self.refusal = None  # (status, headers, message): every API request is answered so
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                host.requests.append(self.path)
                host.answer(self)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def environment(self):
        return {"ODYSSEUS_GITHUB_API": self.url, "ODYSSEUS_GITHUB_DOWNLOAD": self.url}

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _release(self, tag, names, prerelease):
        return {"tag_name": tag, "draft": False, "prerelease": prerelease, "assets": [
            {"name": name, "state": "uploaded", "size": len(self._content(name)),
             "digest": "sha256:" + (self.digests.get(name) or hashlib.sha256(self._content(name)).hexdigest()),
             "browser_download_url": "%s/%s/releases/download/%s/%s" % (self.url, REPOSITORY, tag, name)} for name in names]}

    def _content(self, name):
        if name == "nightly-tag.txt":
            return (self.tag + "\n").encode()
        return next((assets[name] for assets in [self.assets, *self.older.values()] if name in assets), None)

    def answer(self, request):
        path = request.path.partition("?")[0]
        build = self._release(self.tag, sorted(self.assets), True)
        stable = self._release("v9.9.0", ["nightly-tag.txt"], False)
        before = {tag: self._release(tag, sorted(assets), True) for tag, assets in self.older.items()}
        pages = {"/releases/latest": stable, "/releases/tags/" + self.tag: build, "/releases": [stable, build, *before.values()],
                 **{"/releases/tags/" + tag: release for tag, release in before.items()}}
        api = path.partition("/repos/" + REPOSITORY)[2]
        name = path.rsplit("/", 1)[-1]
        if api and self.refusal:
            status, headers, message = self.refusal
            self._send(request, status, json.dumps({"message": message}).encode(), headers)
        elif api in pages:
            self._send(request, 200, json.dumps(pages[api]).encode(), {"Content-Type": "application/json"})
        elif "/releases/download/" in path and self._content(name) is not None:
            self.before_file(name)
            self._send_file(request, name, self._content(name))
        else:
            self._send(request, 404, b'{"message": "Not Found"}')

    def _send_file(self, request, name, data):
        begin, status, headers = 0, 200, {"Accept-Ranges": "bytes", "ETag": '"%s"' % self.digests.get(name, "tag")[:16]}
        wanted = request.headers.get("Range", "")
        if wanted.startswith("bytes=") and wanted[6:].rstrip("-").isdigit():
            begin, status = int(wanted[6:].rstrip("-")), 206
            headers["Content-Range"] = "bytes %d-%d/%d" % (begin, len(data) - 1, len(data))
        body = data[begin:]
        if name in self.cut:
            self.cut.discard(name)
            headers["Content-Length"] = str(len(body))
            self._send(request, status, body[:len(body) // 2], headers)
            request.close_connection = True
        else:
            self._send(request, status, body, headers)

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
