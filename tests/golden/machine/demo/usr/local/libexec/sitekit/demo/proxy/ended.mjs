// Entries that ended before their time, because somebody has logged out. The hub tells them by the proxy's API:
//
//     POST /api/routes/sitekit/ended/ID?until=SECONDS      as of which each cookie with that id is over by itself
//
// They are kept in memory, as the routes are; to a proxy that started anew the hub tells them again.

import { createHash, timingSafeEqual } from "node:crypto";
import { replace } from "./class.mjs";

const MOST = 100_000; // then the oldest is forgotten: somebody may log in and out in a loop
const ADDRESS = /^\/api\/routes\/sitekit\/ended\/([\w-]{1,64})\?until=(\d{1,12})$/;
const until = new Map();

export function hasEnded(id) {
  return until.has(id);
}

replace("handleApiRequest", (before) => function (req, res) {
  const found = req.method === "POST" && ADDRESS.exec(req.url);
  if (!found) return before.apply(this, arguments);
  const authorized = same(req.headers.authorization ?? "", `token ${this.authToken}`);
  if (authorized) end(found[1], Number(found[2]));
  res.writeHead(authorized ? 204 : 403).end();
});

function end(id, when) {
  const now = Date.now() / 1000;
  for (const [old, over] of until) if (over < now) until.delete(old);
  if (until.size >= MOST) until.delete(until.keys().next().value);
  until.set(id, when);
}

function same(given, right) {
  const [one, other] = [given, right].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(one, other);
}
