// Let the other files in this folder replace methods of the class that configurable-http-proxy starts.
//
// Node.js loads these files before configurable-http-proxy (node --import=FILE .../bin/configurable-http-proxy ...).
// The command line of configurable-http-proxy therefore stays unchanged.

import { realpathSync } from "node:fs";
import { pathToFileURL } from "node:url";

const program = pathToFileURL(realpathSync(process.argv[1]));

export const { ConfigurableProxy } = await import(new URL("../lib/configproxy.js", program));

// Replace a method by the result of `made`, whose argument is the old method. If configurable-http-proxy has no
// method of this name, the proxy does not start.
export function replace(name, made) {
  const before = ConfigurableProxy.prototype[name];
  if (typeof before !== "function") fail(`this configurable-http-proxy has no method ${name}`);
  ConfigurableProxy.prototype[name] = made(before);
}

// Print the reason, and end the proxy before it starts.
export function fail(why) {
  process.stderr.write(`sitekit: ${why}\n`);
  process.exit(1);
}
