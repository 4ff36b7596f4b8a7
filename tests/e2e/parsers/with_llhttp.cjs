// What llhttp, Node's parser, makes of requests. In and out as tests/tools/read_request.cpp says.
"use strict";
const { HTTPParser, methods } = process.binding("http_parser");

function read(bytes) {
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, 32 * 1024);
  let head, body = Buffer.alloc(0), done = false, rest = 0;
  const pending = [];
  parser[HTTPParser.kOnHeaders] = (headers) => { pending.push(...headers); };
  parser[HTTPParser.kOnHeadersComplete] = (major, minor, headers, method, url) => {
    if (head) return 0;
    head = { method: methods[method], target: url, headers: [...pending, ...(headers ?? [])] };
    return 0;
  };
  parser[HTTPParser.kOnBody] = (...piece) => {
    const part = piece.length === 3 ? piece[0].subarray(piece[1], piece[1] + piece[2]) : piece[0];
    if (!done) body = Buffer.concat([body, part]);
  };
  parser[HTTPParser.kOnMessageComplete] = () => { done = true; };
  // Byte by byte, so that the end of the first request is seen.
  for (let at = 0; at < bytes.length && !done; ++at) {
    const result = parser.execute(bytes.subarray(at, at + 1));
    if (result instanceof Error) return { refused: result.code ?? String(result) };
    rest = bytes.length - at - 1;
  }
  if (!done) return { more: true };
  const headers = [];
  for (let i = 0; i < head.headers.length; i += 2) headers.push([head.headers[i].toLowerCase(), head.headers[i + 1]]);
  return { method: head.method, target: head.target, headers, body: body.toString("latin1"), rest };
}

const input = require("node:fs").readFileSync(0);
for (let at = 0; at < input.length;) {
  const length = input.readUInt32LE(at);
  console.log(JSON.stringify(read(input.subarray(at + 4, at + 4 + length))));
  at += 4 + length;
}
