// The class that configurable-http-proxy is about to start, for the other files in this folder to change.
//
// Node loads them first (node --import=FILE .../bin/configurable-http-proxy ...), so the command line stays upstream's.

import { realpathSync } from "node:fs";
import { pathToFileURL } from "node:url";

const program = pathToFileURL(realpathSync(process.argv[1]));

export const { ConfigurableProxy } = await import(new URL("../lib/configproxy.js", program));

// Replace a method; `made` is given the one that was there. Where upstream has no such method any more, nothing starts.
export function replace(name, made) {
  const before = ConfigurableProxy.prototype[name];
  if (typeof before !== "function") fail(`this configurable-http-proxy has no method ${name}`);
  ConfigurableProxy.prototype[name] = made(before);
}

// The proxy does not start.
export function fail(why) {
  process.stderr.write(`sitekit: ${why}\n`);
  process.exit(1);
}
