// Node's own HTTP/2, as the host that accepts everything and as another sender of the same pushes.
//
//     node peer.mjs sink KEY CHAIN            prints its port
//     node peer.mjs send PORT CA COUNT        prints pushes a second: one connection, 100 in flight

import { readFileSync } from "node:fs";
import http2 from "node:http2";

const [what, ...words] = process.argv.slice(2);

function sink(key, cert) {
    const server = http2.createSecureServer({
        key: readFileSync(key),
        cert: readFileSync(cert),
        settings: { maxConcurrentStreams: 1000 },
    });
    server.on("stream", (stream, headers) => {
        stream.on("error", () => {});
        stream.respond({ ":status": 200, "apns-id": headers["apns-id"] }, { endStream: true });
        stream.resume();
    });
    server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

function send(port, ca, count) {
    const client = http2.connect(`https://127.0.0.1:${port}`, { ca: readFileSync(ca) });
    const body = '{"callUUID":"x","handle":"+15550100"}';
    let left = count;
    let open = 0;
    let begun;
    const one = () => {
        left -= 1;
        open += 1;
        const stream = client.request({
            ":method": "POST",
            ":path": `/3/device/${left.toString(16).padStart(64, "0")}`,
            "apns-topic": "com.example.app.voip",
            "apns-push-type": "voip",
            "apns-expiration": "0",
            "apns-priority": "10",
            "apns-id": `00000000-0000-4000-8000-${left.toString(16).padStart(12, "0")}`,
            authorization: "bearer x",
        });
        stream.on("response", () => {});
        stream.on("close", () => {
            open -= 1;
            if (left > 0) {
                one();
            } else if (!open) {
                console.log(count / ((performance.now() - begun) / 1000));
                client.close();
            }
        });
        stream.resume();
        stream.end(body);
    };
    client.on("remoteSettings", () => {
        begun ??= performance.now();
        while (left > 0 && open < 100) {
            one();
        }
    });
}

what === "sink" ? sink(...words) : send(words[0], words[1], Number(words[2]));
