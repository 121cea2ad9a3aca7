// A client of channels and broadcasts in JavaScript, over nothing but node:http2.
//
//     node channel_client.mjs CA
//
// Each line of stdin is a JSON object: the requests of one connection, sent one after the other,
// with the file of a client certificate where one is shown. Each line of stdout is what was heard.

import { readFileSync } from "node:fs";
import http2 from "node:http2";
import { createInterface } from "node:readline";

const ca = readFileSync(process.argv[2]);

function ask(session, { method, path, headers, body }) {
    return new Promise((resolve, reject) => {
        const stream = session.request(
            { ":method": method, ":path": path, ...headers },
            { endStream: body === null },
        );
        let heard = {};
        const chunks = [];
        stream.on("response", (fields) => (heard = fields));
        stream.on("data", (chunk) => chunks.push(chunk));
        stream.on("error", reject);
        stream.on("end", () => {
            const { ":status": status, ...rest } = heard;
            resolve({ status, headers: { ...rest }, body: Buffer.concat(chunks).toString() });
        });
        if (body !== null) {
            stream.end(Buffer.from(body, "latin1"));
        }
    });
}

async function talk({ url, certificate, asks }) {
    const shown = certificate === null ? undefined : readFileSync(certificate);
    const session = http2.connect(url, { ca, cert: shown, key: shown });
    const failed = new Promise((_, reject) => session.on("error", reject));
    const heard = [];
    for (const one of asks) {
        heard.push(await Promise.race([ask(session, one), failed]));
    }
    session.close();
    return heard;
}

for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await talk(JSON.parse(line)))}\n`);
}
