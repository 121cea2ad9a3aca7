// @parse/node-apn as a sender of the bench.
//
//     node sender.mjs MODULES JOB
//
// ../jobs.py says what a job is, and what is printed.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [modules, job] = process.argv.slice(2);
const given = JSON.parse(readFileSync(job));
const apn = createRequire(`${modules}/`)("@parse/node-apn");
const { hostname, port } = new URL(given.url);
const provider = new apn.Provider({
    address: hostname,
    port: Number(port),
    ca: given.ca,
    token: { key: given.key, keyId: given.key_id, teamId: given.team_id },
});
const { aps, ...payload } = JSON.parse(given.body);

async function push(token) {
    const notification = new apn.Notification({ aps, payload, priority: 10 });
    notification.pushType = given.type;
    notification.topic = given.topic;
    const { failed } = await provider.send(notification, token);
    if (failed.length) {
        throw new Error(JSON.stringify(failed));
    }
}

// How long each took, in milliseconds.
async function run(count) {
    const took = [];
    let next = 0;
    const one = async () => {
        while (next < count) {
            const begun = performance.now();
            await push(given.tokens[next++ % given.tokens.length]);
            took.push(performance.now() - begun);
        }
    };
    await Promise.all(Array.from({ length: given.in_flight }, one));
    return took;
}

if (given.warm_up) {
    await push(given.tokens[0]); // more at once, and it opens more than one connection
    await run(given.warm_up);
}
const begun = performance.now();
const took = (await run(given.count)).sort((one, other) => one - other);
const elapsed = (performance.now() - begun) / 1000;
console.log(
    JSON.stringify({
        per_s: given.count / elapsed,
        p99_ms: took[Math.floor(given.count * 0.99)],
    }),
);
process.exit();
