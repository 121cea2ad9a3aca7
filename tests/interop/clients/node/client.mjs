// Clients in JavaScript at a listener: @parse/node-apn, apns2, and node:http2 for what these
// cannot say.
//
//     node client.mjs MODULES CLIENT
//
// ../table.py has the protocol. A client is told no more than `pushkit env`
// prints; apns2 trusts the authority by NODE_EXTRA_CA_CERTS.

import { readFileSync } from "node:fs";
import http2 from "node:http2";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { env } = process;
const [modules, library] = process.argv.slice(2);
const load = createRequire(`${modules}/`);
const accepted = { status: 200, reason: null, timestamp: null };

function nodeApn({ key_id: keyId }) {
    const apn = load("@parse/node-apn");
    const provider = new apn.Provider({
        address: env.PUSHKIT_HOST,
        port: Number(env.PUSHKIT_PORT),
        ca: env.PUSHKIT_CA_FILE,
        token: { key: env.PUSHKIT_KEY_FILE, keyId, teamId: env.PUSHKIT_TEAM_ID },
    });
    return async ({ type, topic, token, priority, payload }) => {
        const { aps = {}, ...rest } = payload;
        const notification = new apn.Notification({ aps, payload: rest, priority });
        notification.pushType = type;
        notification.topic = topic;
        const { sent, failed } = await provider.send(notification, token);
        if (sent.length === 1) {
            return accepted;
        }
        const [{ status, response, error }] = failed;
        const { reason = String(error), timestamp = null } = response ?? {};
        return { status, reason, timestamp };
    };
}

async function apns2({ key_id: keyId }) {
    const { ApnsClient, ApnsError, Notification } = load("apns2");
    const client = new ApnsClient({
        team: env.PUSHKIT_TEAM_ID,
        keyId,
        signingKey: readFileSync(env.PUSHKIT_KEY_FILE),
        host: env.PUSHKIT_HOST,
    });
    // There is an argument for the host and none for the port. This is its own pool on another port.
    await client.client.close();
    client.client = new client.client.constructor(env.PUSHKIT_ENDPOINT, {
        connections: 32,
        pipelining: 1,
        allowH2: true,
        maxConcurrentStreams: 100,
    });
    return async ({ type, topic, token, priority, payload }) => {
        const { aps, ...data } = payload;
        try {
            await client.send(new Notification(token, { type, topic, priority, aps, data }));
            return accepted;
        } catch (error) {
            if (!(error instanceof ApnsError)) {
                throw error;
            }
            const { statusCode: status, reason, timestamp = null } = error;
            return { status, reason, timestamp };
        }
    };
}

function plain({ bearer }) {
    const session = http2.connect(env.PUSHKIT_ENDPOINT, { ca: readFileSync(env.PUSHKIT_CA_FILE) });
    return ({ type, topic, token, priority, payload }) =>
        new Promise((done, failed) => {
            const stream = session.request({
                ":method": "POST",
                ":path": `/3/device/${token}`,
                authorization: `bearer ${bearer}`,
                "apns-topic": topic,
                "apns-push-type": type,
                "apns-priority": String(priority),
            });
            let status;
            let text = "";
            stream.setEncoding("utf8");
            stream.on("error", failed);
            stream.on("response", (headers) => (status = headers[":status"]));
            stream.on("data", (chunk) => (text += chunk));
            stream.on("end", () => {
                const { reason = null, timestamp = null } = text ? JSON.parse(text) : {};
                done({ status, reason, timestamp });
            });
            stream.end(JSON.stringify(payload));
        });
}

const newClient = { "@parse/node-apn": nodeApn, apns2, "node:http2": plain }[library];
const clients = {};
for await (const line of createInterface({ input: process.stdin })) {
    const { credential, pushes } = JSON.parse(line);
    const name = JSON.stringify(credential);
    clients[name] ??= await newClient(credential);
    process.stdout.write(`${JSON.stringify(await Promise.all(pushes.map(clients[name])))}\n`);
}
process.exit();
