// apns2 at a listener. It is told no more than what `pushkit env` prints, and trusts the authority
// by NODE_EXTRA_CA_CERTS.
//
//     node apns2.mjs MODULES
//
// stdin is a list of batches of pushes, stdout the same list with what the library says of each
// push. The pushes of a batch are under way at the same time.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { env } = process;
const { ApnsClient, ApnsError, Notification } = createRequire(`${process.argv[2]}/`)("apns2");

const client = new ApnsClient({
    team: env.PUSHKIT_TEAM_ID,
    keyId: env.PUSHKIT_KEY_ID,
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

async function send({ type, suffix, token, priority, payload }) {
    const { aps, ...data } = payload;
    const topic = env.PUSHKIT_BUNDLE_ID + suffix;
    const notification = new Notification(env[token] ?? token, { type, topic, priority, aps, data });
    try {
        await client.send(notification);
        return { accepted: true };
    } catch (error) {
        if (!(error instanceof ApnsError)) {
            throw error;
        }
        return { accepted: false, status: error.statusCode, reason: error.reason };
    }
}

const answers = [];
for (const batch of JSON.parse(readFileSync(0))) {
    answers.push(await Promise.all(batch.map(send)));
}
await client.close();
process.stdout.write(JSON.stringify(answers));
