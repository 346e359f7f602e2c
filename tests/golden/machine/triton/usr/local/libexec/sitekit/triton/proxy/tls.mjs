// TLS to the hub and to users' servers: each target is known by the name that the hub gave for it, and by nothing else.
//
// Upstream takes the name to check from the Host header of the request at hand, which its sender writes (node:https,
// calculateServerName), and one authority is trusted for all targets. Here a server's certificate must hold the name of
// its own start, TAG.server.internal, and come from the authority for servers; whatever else speaks TLS is the hub.
// No resolver knows such a name: the hub tells the node's address with the route.

import { readFileSync } from "node:fs";
import https from "node:https";
import { isIP } from "node:net";
import { replace } from "./class.mjs";

const SUFFIX = ".server.internal";
const folder = process.env.SITEKIT_INTERNAL; // unset where a release or a site is only tried
const read = (name) => readFileSync(`${folder}/${name}`);
const trusted = folder && { servers: read("servers-ca.pem"), services: read("services-ca.pem") };
const own = folder && read("proxy.pem");
const addresses = new Map(); // of the nodes, by the names of the servers

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
  if (target.protocol === "https:") options.agent = options.target.agent = agent; // the second is for error pages
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
