// Store which entries (permissions to open servers) have ended early, because their users have logged out.
//
// The hub sends each ended entry to the proxy's API:
//
//     POST /api/routes/sitekit/ended/ID?until=SECONDS
//
// ID is the id in the cookies of this entry, and SECONDS is the time at which these cookies expire. The proxy keeps
// ended entries in memory, like its routes. After a restart of the proxy, the hub sends all ended entries again.

import { createHash, timingSafeEqual } from "node:crypto";
import { replace } from "./class.mjs";

const MOST = 100_000; // if there are more, the oldest is deleted, because a user can log in and out in a loop
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
