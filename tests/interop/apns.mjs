// An APNs that somebody else wrote, as far as its wire goes: HTTP/2 over TLS by Node itself.
//
//     node apns.mjs KEY CHAIN
//
// Every line on stdout is a JSON object: first where it listens, then each request it read whole.
// The first two digits of the device token choose the answer, and the first of them is the exit
// code a sender should end with. On the second port every connection begins with GOAWAY.

import { readFileSync } from "node:fs";
import http2 from "node:http2";

const { NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants;
const [key, cert] = process.argv.slice(2).map((name) => readFileSync(name));
const connections = new Map(); // session to number
const lasts = new Map(); // session to the last stream that its GOAWAY counts
const sockets = new Map(); // session to socket, which the session itself does not let us destroy
const say = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);

function respond(stream, status, body, headers = {}) {
    stream.respond({ ":status": status, "apns-id": "8023DA58-9055-DD6E-1BF4-436DEE686899", ...headers });
    stream.end(body === undefined ? undefined : JSON.stringify(body));
}

function goaway(stream, last) {
    lasts.set(stream.session, last);
    stream.session.goaway(NGHTTP2_NO_ERROR, last, Buffer.from('{"reason":"Shutdown"}'));
}

const answers = {
    "00": (stream) => respond(stream, 200),
    "01": (stream) => {
        goaway(stream, stream.id); // this one still counts
        respond(stream, 200);
    },
    "40": (stream) => respond(stream, 400, { reason: "BadDeviceToken" }),
    "41": (stream) => respond(stream, 410, { reason: "Unregistered", timestamp: 1454948015990 }),
    "42": (stream) => respond(stream, 429, { reason: "TooManyRequests" }, { "retry-after": "7" }),
    "43": (stream) => respond(stream, 418, { reason: "SomethingNew", more: [1] }),
    "50": (stream) => stream.close(NGHTTP2_REFUSED_STREAM),
    "51": (stream) => (stream.id === 1 ? respond(stream, 200) : goaway(stream, stream.id - 2)),
    "80": (stream) => stream.close(NGHTTP2_INTERNAL_ERROR),
    "81": () => {}, // never answers
    "82": (stream) => sockets.get(stream.session).destroy(),
    "83": (stream) => {
        goaway(stream, stream.id); // may have been processed, but nobody says so
        stream.session.close();
        setImmediate(() => stream.session?.destroy());
    },
};

function serve(stream, headers, rawHeaders) {
    const body = [];
    const { session, id } = stream;
    stream.on("error", () => {}); // a stream reset on purpose says so here too
    stream.on("data", (chunk) => body.push(chunk));
    stream.on("end", () => {
        if (id > (lasts.get(session) ?? Infinity)) {
            return; // GOAWAY says that nobody will look at it
        }
        const pairs = [];
        for (let at = 0; at < rawHeaders.length; at += 2) {
            pairs.push([rawHeaders[at], rawHeaders[at + 1]]);
        }
        say({
            event: "request",
            connection: connections.get(session),
            stream: id,
            headers: pairs,
            body: Buffer.concat(body).toString("base64"),
        });
        answers[headers[":path"].slice("/3/device/".length).slice(0, 2)](stream);
    });
}

function open(onSession, onStream) {
    const server = http2.createSecureServer({ key, cert });
    let latest;
    server.prependListener("secureConnection", (socket) => (latest = socket));
    server.on("session", (session) => {
        sockets.set(session, latest);
        connections.set(session, connections.size + 1);
        session.on("error", () => {});
        onSession(session);
    });
    server.on("stream", onStream);
    return new Promise((done) => {
        server.listen(0, "127.0.0.1", () => done(server.address().port));
    });
}

const port = await open(
    () => {},
    (stream, headers, _flags, rawHeaders) => serve(stream, headers, rawHeaders),
);
const leaving = await open(
    (session) => session.goaway(NGHTTP2_NO_ERROR, 0),
    (stream) => stream.on("error", () => {}), // came too late to be looked at
);
say({ event: "listening", port, leaving });
