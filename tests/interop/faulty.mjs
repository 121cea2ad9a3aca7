// Pushes to a listener that misbehaves, by Node's own HTTP/2: what it saw of each, and of the
// connection, as one line of JSON.
//
//     node faulty.mjs ENDPOINT CA TIMEOUT_MS  < {"headers": {…}, "pushes": [{"path", "body"}]}
//
// Pushes go one after the other over one connection.

import { readFileSync } from "node:fs";
import http2 from "node:http2";

const [endpoint, ca, patience] = process.argv.slice(2);
const { headers, pushes } = JSON.parse(readFileSync(0, "utf8"));
const seen = { answers: [], goaway: null, limits: [], error: null, closed: false };
const session = http2.connect(endpoint, { ca: readFileSync(ca) });
session.on("error", (error) => (seen.error = error.code ?? error.message));
session.on("remoteSettings", (said) => seen.limits.push(said.maxConcurrentStreams));
session.on("goaway", (code, last, data) => {
    seen.goaway = { code, last, data: data?.toString() ?? "" };
});
const closed = new Promise((done) => session.on("close", done)).then(() => (seen.closed = true));

function push({ path, body }) {
    return new Promise((done) => {
        const began = performance.now();
        const answer = { status: null, body: "", rst: null, error: null, ms: 0 };
        const end = () => {
            clearTimeout(timer);
            answer.ms = performance.now() - began;
            done(answer);
        };
        let stream;
        const timer = setTimeout(() => {
            answer.error = "nothing came";
            end();
        }, Number(patience));
        try {
            stream = session.request({ ":method": "POST", ":path": path, ...headers });
        } catch (error) {
            answer.error = error.code;
            return end();
        }
        stream.setEncoding("utf8");
        stream.on("response", (said) => (answer.status = said[":status"]));
        stream.on("data", (chunk) => (answer.body += chunk));
        stream.on("error", (error) => (answer.error = error.code));
        stream.on("close", () => {
            answer.rst = stream.rstCode;
            end();
        });
        stream.end(body);
    });
}

for (const one of pushes) {
    seen.answers.push(await push(one));
}
await Promise.race([closed, new Promise((done) => setTimeout(done, 100))]);
process.stdout.write(`${JSON.stringify(seen)}\n`);
process.exit();
