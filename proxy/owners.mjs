// Whose server is it? A request for a user's server is passed on only if the hub has let this browser in.
//
// On one domain the pages of all users have one origin: what alice opens below /user/bob/ could act with alice's login
// ("Security Overview" in JupyterHub's manual). So this proxy contacts a server only for a browser with the cookie that
// scripts/sitekit/hub/pages/entry_cookie.py signs, or for a client with a token in the Authorization header, which no link, form or
// image can send. The route that was chosen says whose server it is: no address is read a second time.

import { createHmac, timingSafeEqual } from "node:crypto";
import { fail, replace } from "./class.mjs";
import { hasEnded } from "./ended.mjs";

const COOKIE = "__Host-sitekit-servers"; // with this prefix no other host, and no page of http, can set it
const ENTER = "/hub/sitekit/enter";
const key = createHmac("sha256", secret()).update(COOKIE).digest();

class Refused extends Error {}

replace("targetForReq", (before) => async function (req) {
  const match = await before.call(this, req);
  if (!match) return match;
  const route = (await this._routes.get(match.prefix)) ?? {};
  const ofHub = match.prefix === "/" || route.hub === true;
  if (!ofHub && !route.service && !mayEnter(req, route.user)) throw new Refused(`no entry to ${match.prefix}`);
  if (!ofHub) withhold(req);
  return match;
});

// Upstream comes here with whatever targetForReq throws, for requests and for WebSockets.
replace("handleProxyError", (before) => function (code, kind, req, res, error) {
  if (!(error instanceof Refused)) return before.apply(this, arguments);
  this.log.debug("%s %s", error.message, req.method);
  if (kind === "ws") return refuseSocket(res);
  if (isNavigation(req)) return answer(res, 302, "", { Location: `${ENTER}?next=${encodeURIComponent(address(req))}` });
  return answer(res, 403, "The hub has not let this browser into this server. Open its page first.\n");
});

function mayEnter(req, user) {
  if (typeof user !== "string") return false;
  if (/^(token|bearer) /i.test(req.headers.authorization ?? "")) return true;
  const until = entries(req)[user];
  return typeof until === "number" && Date.now() / 1000 < until;
}

// What the cookie says: until when, in seconds since 1970, the browser may open the servers of each user.
function entries(req) {
  const values = cookies(req).filter((cookie) => cookie.startsWith(`${COOKIE}=`));
  const [text, mac, ...more] = values.length === 1 ? values[0].slice(COOKIE.length + 1).split(".") : [];
  if (!mac || more.length > 0) return {};
  const right = createHmac("sha256", key).update(text).digest();
  const given = Buffer.from(mac, "base64url");
  if (given.length !== right.length || !timingSafeEqual(given, right)) return {};
  const { id, servers } = JSON.parse(Buffer.from(text, "base64url"));
  return hasEnded(id) ? {} : servers;
}

// Split at what separates cookies, and trimmed of nothing else: names with odd spaces in them are other names.
function cookies(req) {
  return (req.headers.cookie ?? "").split(/; ?/);
}

function withhold(req) {
  const others = cookies(req).filter((cookie) => !cookie.startsWith(`${COOKIE}=`));
  if (others.length > 0) req.headers.cookie = others.join("; ");
  else delete req.headers.cookie;
}

// A browser that opens a page. Old ones, and programs, do not say so.
function isNavigation(req) {
  return ["GET", "HEAD"].includes(req.method) && (req.headers["sec-fetch-mode"] ?? "navigate") === "navigate";
}

// Where to come back to. A token does not go with it, for the hub's log would show it.
function address(req) {
  const url = new URL(req.url, "http://localhost");
  if (url.searchParams.has("token")) url.searchParams.delete("token");
  return url.pathname + url.search;
}

function answer(res, code, text, headers = {}) {
  res.writeHead(code, { "Cache-Control": "no-store", "Content-Type": "text/plain; charset=utf-8", ...headers });
  res.end(text);
}

function refuseSocket(socket) {
  socket.on("error", () => {});
  socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
}

// Between hub and proxy, from proxy.env. What is signed with it uses a key of its own.
function secret() {
  const token = process.env.CONFIGPROXY_AUTH_TOKEN;
  return token || fail("CONFIGPROXY_AUTH_TOKEN is not set; the service reads it from proxy.env");
}
