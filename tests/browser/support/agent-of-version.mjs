// A real websocket server that greets like an agent of another version: handshake, text frames, `hello`. Nothing but
// what RFC 6455 needs for messages of a page.

import { createHash } from "node:crypto";
import { createServer } from "node:http";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** `answer` gives what is said to a message, or nothing. */
export async function agentOfVersion(answer, health = {}) {
  const heard = [];
  const sockets = new Set();
  const server = createServer((request, response) => {
    const headers = { "content-type": "application/json", "access-control-allow-origin": "*" };
    response.writeHead(200, headers).end(JSON.stringify(request.url.startsWith("/health") ? { foretune: "9.9.9", protocol: 1, min_version: 1, ...health } : { foretune: "9.9.9" }));
  });
  server.on("upgrade", (request, socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + GUID).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    let waiting = Buffer.alloc(0);
    socket.on("data", (bytes) => {
      waiting = Buffer.concat([waiting, bytes]);
      for (let frame = take(waiting); frame; frame = take(waiting)) {
        waiting = waiting.subarray(frame.length);
        if (frame.opcode === 8) return socket.end();
        if (frame.opcode !== 1) continue;
        const message = JSON.parse(frame.payload.toString("utf8"));
        heard.push(message);
        for (const said of answer(message) ?? []) socket.write(framed(JSON.stringify(said)));
      }
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    heard,
    address: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(resolve);
    }),
  };
}

/** The first frame, if all of it is there. */
function take(bytes) {
  if (bytes.length < 2) return null;
  const short = bytes[1] & 127;
  const head = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.length < head + 4) return null;
  const size = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  const end = head + 4 + size;
  if (bytes.length < end) return null;
  const mask = bytes.subarray(head, head + 4);
  const payload = Buffer.from(bytes.subarray(head + 4, end).map((byte, index) => byte ^ mask[index % 4]));
  return { opcode: bytes[0] & 15, payload, length: end };
}

function framed(text) {
  const payload = Buffer.from(text, "utf8");
  const head = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10);
  head[0] = 0x81;
  if (head.length === 2) head[1] = payload.length;
  else if (head.length === 4) {
    head[1] = 126;
    head.writeUInt16BE(payload.length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  return Buffer.concat([head, payload]);
}
