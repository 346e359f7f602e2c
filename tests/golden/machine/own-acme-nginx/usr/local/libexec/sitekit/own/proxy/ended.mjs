// Entries that ended before their time, because somebody has logged out. The hub tells them by the proxy's API:
//
//     POST /api/sitekit/ended/ID?until=SECONDS      as of which no cookie with that id is good any more by itself
//
// They are kept in memory, as the routes are. A proxy that starts anew has forgotten them.

import { createHash, timingSafeEqual } from "node:crypto";
import { replace } from "./class.mjs";

const MOST = 100_000; // then the oldest is forgotten: somebody may log in and out in a loop
const ADDRESS = /^\/api\/sitekit\/ended\/([\w-]{1,64})\?until=(\d{1,12})$/;
const until = new Map();

export function hasEnded(id) {
  return until.has(id);
}

replace("handleApiRequest", (before) => function (req, res) {
  const found = req.method === "POST" && ADDRESS.exec(req.url);
  if (!found) return before.apply(this, arguments);
  if (!same(req.headers.authorization ?? "", `token ${this.authToken}`)) return res.writeHead(403).end();
  end(found[1], Number(found[2]));
  return res.writeHead(204).end();
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
