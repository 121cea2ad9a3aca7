// @parse/node-apn at a listener. It is told no more than what `pushkit env` prints.
//
//     node node-apn.mjs MODULES
//
// stdin is a list of batches of pushes, stdout the same list with what the library says of each
// push. The pushes of a batch are under way at the same time.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { env } = process;
const apn = createRequire(`${process.argv[2]}/`)("@parse/node-apn");

const provider = new apn.Provider({
    address: env.PUSHKIT_HOST,
    port: Number(env.PUSHKIT_PORT),
    ca: env.PUSHKIT_CA_FILE,
    token: { key: env.PUSHKIT_KEY_FILE, keyId: env.PUSHKIT_KEY_ID, teamId: env.PUSHKIT_TEAM_ID },
});

async function send({ type, suffix, token, priority, payload }) {
    const { aps = {}, ...rest } = payload;
    const notification = new apn.Notification({ aps, payload: rest, priority });
    notification.pushType = type;
    notification.topic = env.PUSHKIT_BUNDLE_ID + suffix;
    const { sent, failed } = await provider.send(notification, env[token] ?? token);
    if (sent.length === 1) {
        return { accepted: true };
    }
    const [{ status, response, error }] = failed;
    return { accepted: false, status, reason: response?.reason ?? String(error) };
}

const answers = [];
for (const batch of JSON.parse(readFileSync(0))) {
    answers.push(await Promise.all(batch.map(send)));
}
provider.shutdown();
process.stdout.write(JSON.stringify(answers));
