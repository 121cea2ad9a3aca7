// A channel service that somebody else wrote: by Apple's pages on broadcasts, on Node's own HTTP/2.
//
//     node channels.mjs KEY CHAIN
//
// It makes channels, shows, lists and deletes them, and takes broadcasts, all on one port. Every
// line on stdout is a JSON object: first where it listens, then each request it read whole.

import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import http2 from "node:http2";

const [key, cert] = process.argv.slice(2).map((name) => readFileSync(name));
const channels = new Map(); // id to app and policy
const say = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);

const refusal = (status, reason) => [status, {}, { reason }];

function create(app, headers, body) {
    const { "message-storage-policy": policy, "push-type": type, ...more } = JSON.parse(body);
    if (type !== "LiveActivity") {
        return refusal(400, "InvalidPushType");
    }
    if ((policy !== 0 && policy !== 1) || Object.keys(more).length > 0) {
        return refusal(400, "BadRequestParams");
    }
    const id = randomBytes(16).toString("base64");
    channels.set(id, { app, policy });
    return [201, { "apns-channel-id": id }];
}

const list = (app) => {
    const ours = [...channels].filter(([, one]) => one.app === app);
    return [200, {}, { channels: ours.map(([id]) => id) }];
};

function show(app, headers) {
    const policy = channels.get(headers["apns-channel-id"]).policy;
    return [200, {}, { "message-storage-policy": policy, "push-type": "LiveActivity" }];
}

function remove(app, headers) {
    channels.delete(headers["apns-channel-id"]);
    return [204, {}];
}

function broadcast(app, headers, body) {
    const { policy } = channels.get(headers["apns-channel-id"]);
    if (headers["apns-push-type"]?.toLowerCase() !== "liveactivity") {
        return refusal(400, "InvalidPushType");
    }
    if (!["1", "5", "10"].includes(headers["apns-priority"])) {
        return refusal(400, "BadPriority");
    }
    const expiration = headers["apns-expiration"];
    if (!/^[0-9]+$/.test(expiration) || (policy === 0 && expiration !== "0")) {
        return refusal(400, "BadExpirationDate");
    }
    if (body.length > 5120) {
        return refusal(413, "PayloadTooLarge");
    }
    return ["update", "end"].includes(JSON.parse(body).aps.event)
        ? [200, { "apns-unique-id": randomUUID() }]
        : refusal(400, "BadRequestPayload");
}

const operations = [
    ["POST", /^\/1\/apps\/([^/]+)\/channels$/, create, false],
    ["GET", /^\/1\/apps\/([^/]+)\/channels$/, show, true],
    ["DELETE", /^\/1\/apps\/([^/]+)\/channels$/, remove, true],
    ["GET", /^\/1\/apps\/([^/]+)\/all-channels$/, list, false],
    ["POST", /^\/4\/broadcasts\/apps\/([^/]+)$/, broadcast, true],
];

function answer(headers, body) {
    for (const [method, path, operate, namesOne] of operations) {
        const found = method === headers[":method"] && path.exec(headers[":path"]);
        if (!found) {
            continue;
        }
        if (!headers.authorization?.startsWith("bearer ")) {
            return refusal(403, "MissingProviderToken");
        }
        const id = headers["apns-channel-id"];
        if (namesOne && id === undefined) {
            return refusal(400, "MissingChannelId");
        }
        if (namesOne && channels.get(id)?.app !== found[1]) {
            return refusal(400, "ChannelNotRegistered");
        }
        return operate(found[1], headers, body);
    }
    return refusal(404, "BadPath");
}

const server = http2.createSecureServer({ key, cert });
server.on("stream", (stream, headers, flags, rawHeaders) => {
    const body = [];
    stream.on("data", (chunk) => body.push(chunk));
    stream.on("end", () => {
        const whole = Buffer.concat(body);
        const pairs = [];
        for (let at = 0; at < rawHeaders.length; at += 2) {
            pairs.push([rawHeaders[at], rawHeaders[at + 1]]);
        }
        say({ event: "request", connection: 1, stream: stream.id, headers: pairs, body: whole.toString("base64") });
        const [status, more, said] = answer(headers, whole);
        const requestId = headers["apns-request-id"] ?? randomUUID().toUpperCase();
        stream.respond({ ":status": status, "apns-request-id": requestId, ...more });
        stream.end(said === undefined ? undefined : JSON.stringify(said));
    });
});
server.listen(0, "127.0.0.1", () => say({ event: "listening", port: server.address().port, leaving: 0 }));
process.on("SIGTERM", () => process.exit(0));
