// Stands in for Draupnir in the tests of the lab. It is not Draupnir, whose built tree is
// the user's to give: it does what the role draupnir has to get right for it, and no more.
// It reads the configuration and the access token by the same options, logs in, makes the
// room that it is managed from, invites who manages it, sets a flag there, and says at
// /healthz that it is ready. Node's own modules only.
import { readFileSync, writeFileSync, existsSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const option = (name) => process.argv[process.argv.indexOf(name) + 1];
const token = readFileSync(option("--access-token-path"), "utf8").trim();
// the role writes plain YAML: of each setting its name and its value
const settings = Object.fromEntries(
  readFileSync(option("--draupnir-config"), "utf8")
    .split("\n")
    .map((line) => line.match(/^\s*(\w+): "?([^"]+)"?$/))
    .filter(Boolean)
    .map((found) => [found[1], found[2]]),
);

async function ask(method, path, body) {
  const answer = await fetch(settings.homeserverUrl + "/_matrix/client/v3" + path, {
    method,
    headers: { Authorization: "Bearer " + token },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

let ready = false;
createServer((_, response) => {
  response.writeHead(ready ? 200 : 418).end();
}).listen(Number(settings.port), settings.address);

const { user_id } = await ask("GET", "/account/whoami");
const kept = join(settings.dataPath, "management-room");
if (!existsSync(kept)) {
  const { room_id } = settings.managementRoom
    ? await ask("POST", "/join/" + encodeURIComponent(settings.managementRoom), {})
    : await ask("POST", "/createRoom", { name: "Moderators", invite: [settings.initialManager] });
  writeFileSync(kept, room_id);
}
const room = readFileSync(kept, "utf8");
await ask("PUT", `/rooms/${encodeURIComponent(room)}/state/org.example.standin/${encodeURIComponent(user_id)}`, { node: process.version });
// more than one without a rate limit may
for (let n = 0; n < 40; n++) {
  await ask("PUT", `/rooms/${encodeURIComponent(room)}/send/m.room.message/${process.pid}-${n}`, { msgtype: "m.notice", body: `ready ${n}` });
}
ready = true;
console.log(`${user_id} manages from ${room} with Node ${process.version}`);
