// Forward a request to a user's server only if the hub has admitted the browser that sends the request.
//
// On one domain, the pages of all users have the same origin: a page that alice opens below /user/bob/ could act with
// alice's login ("Security Overview" in JupyterHub's manual). The proxy therefore forwards a request only if it has the
// cookie that scripts/sitekit/hub/pages/server_access_cookie.py signs, or a token in the header Authorization. No link,
// form or image can send this header. The owner of the server comes from the route that the proxy has chosen for the
// request, and not from a second reading of the URL.

import { createHmac, timingSafeEqual } from "node:crypto";
import { fail, replace } from "./class.mjs";
import { hasEnded } from "./ended.mjs";

const COOKIE = "__Host-sitekit-servers"; // with this prefix, no other host and no http page can set the cookie
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

// configurable-http-proxy calls this method with each error that targetForReq throws, for requests and for
// WebSockets.
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

// Return the content of the cookie: for each user, the time (seconds since 1970) until which the browser may open the
// servers of this user.
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

// Split the header only at the separator of cookies. Spaces are not removed, because a name with spaces is another
// name.
function cookies(req) {
  return (req.headers.cookie ?? "").split(/; ?/);
}

function withhold(req) {
  const others = cookies(req).filter((cookie) => !cookie.startsWith(`${COOKIE}=`));
  if (others.length > 0) req.headers.cookie = others.join("; ");
  else delete req.headers.cookie;
}

// Return whether a browser opens a page. Old browsers and other programs do not send the header sec-fetch-mode.
function isNavigation(req) {
  return ["GET", "HEAD"].includes(req.method) && (req.headers["sec-fetch-mode"] ?? "navigate") === "navigate";
}

// Return the URL to which the hub redirects the browser later. A token is removed, because the hub's log would
// contain it.
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

// Return the secret that hub and proxy share, from proxy.env. The cookie is signed with a key that is derived from
// it.
function secret() {
  const token = process.env.CONFIGPROXY_AUTH_TOKEN;
  return token || fail("CONFIGPROXY_AUTH_TOKEN is not set; the service reads it from proxy.env");
}
