"""What h11, the parser of Python's httpx and uvicorn, makes of requests. In and out as tests/tools/read_request.cpp says."""
import json
import struct
import sys

import h11


def read(data):
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=32 * 1024)
    head, body = None, b""
    connection.receive_data(data)
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            return {"refused": str(error)}
        if event in (h11.NEED_DATA, h11.PAUSED):
            return {"more": True}
        if isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            break
        else:
            return {"refused": repr(event)}
    return {"method": head.method.decode("latin-1"), "target": head.target.decode("latin-1"),
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in head.headers],
            "body": body.decode("latin-1"), "rest": len(connection.trailing_data[0])}


data, at = sys.stdin.buffer.read(), 0
while at < len(data):
    length, = struct.unpack_from("<I", data, at)
    print(json.dumps(read(data[at + 4:at + 4 + length])))
    at += 4 + length
