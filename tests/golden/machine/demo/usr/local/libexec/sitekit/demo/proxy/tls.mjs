// Connect by TLS to the hub and to users' servers, and check each target's certificate for the name that the hub has
// sent.
//
// configurable-http-proxy itself checks the certificate for the name in the request's Host header, which the client
// can choose (node:https, calculateServerName), and trusts one authority for all targets. With this file, the
// certificate of a user's server must contain the name TAG.server.internal of this start of the server, and the
// authority for servers must have signed it. All other targets with TLS are the hub. Names of servers are not in DNS:
// the hub sends the IP address of the server's node together with the route.

import { readFileSync } from "node:fs";
import https from "node:https";
import { isIP } from "node:net";
import { replace } from "./class.mjs";

const SUFFIX = ".server.internal";
const folder = process.env.SITEKIT_INTERNAL; // not set during the test of a release or of a site
const read = (name) => readFileSync(`${folder}/${name}`);
const trusted = folder && { servers: read("servers-ca.pem"), services: read("services-ca.pem") };
const own = folder && read("proxy.pem");
const addresses = new Map(); // the name of a server -> the IP address of its node

class NamedAgent extends https.Agent {
  createConnection(options, done) {
    const name = options.host;
    const isServer = name.endsWith(SUFFIX);
    const host = isServer ? addresses.get(name) : name;
    if (!host) {
      process.nextTick(done, Object.assign(new Error(`no route says where ${name} is`), { code: "EHOSTUNREACH" }));
      return undefined;
    }
    const ca = isServer ? trusted.servers : trusted.services;
    return super.createConnection({ ...options, host, servername: isIP(name) ? "" : name, ca }, done);
  }
}

const agent = new NamedAgent({ keepAlive: true, key: own, cert: own, minVersion: "TLSv1.3" });

replace("proxyOptsForTarget", (before) => function (target) {
  const options = before.call(this, target);
  if (target.protocol === "https:" && !folder) throw new Error("SITEKIT_INTERNAL is not set: nobody can be known");
  if (target.protocol === "https:") options.agent = options.target.agent = agent; // options.target.agent is for error pages
  return options;
});

replace("addRoute", (before) => function (path, data) {
  if (data.address) addresses.set(hostOf(data), data.address);
  return before.call(this, path, data);
});

replace("removeRoute", (before) => async function (path) {
  const name = hostOf(await this._routes.get(path));
  await before.call(this, path);
  const left = Object.values(await this._routes.getAll());
  if (!left.some((route) => hostOf(route) === name)) addresses.delete(name);
});

function hostOf(route) {
  return route && new URL(route.target).hostname;
}
