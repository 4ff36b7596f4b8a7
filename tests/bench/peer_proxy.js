// A plain Node.js proxy of the usual kind, as a peer in the benchmark: collects the request's body,
// replaces the model's name through JSON.parse and JSON.stringify, pipes the answer.
// Usage: node peer_proxy.js PORT UPSTREAM_PORT
'use strict';
const http = require('http');
const [port, upstreamPort] = process.argv.slice(2).map(Number);
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });

http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    let body = Buffer.concat(pieces);
    try {
      const json = JSON.parse(body.toString());
      if (json.model === 'friendly') {
        json.model = 'model-file';
        body = Buffer.from(JSON.stringify(json));
      }
    } catch { /* no JSON: as it is */ }
    const headers = { ...request.headers, host: `127.0.0.1:${upstreamPort}`, 'content-length': body.length };
    delete headers.connection;
    const up = http.request({ host: '127.0.0.1', port: upstreamPort, path: request.url, method: request.method, headers, agent },
      (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
    up.on('error', () => { response.statusCode = 502; response.end(); });
    response.on('close', () => up.destroy());
    up.end(body);
  });
}).listen(port, '127.0.0.1', 1024, () => console.log(port));
