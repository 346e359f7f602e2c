// What the proxy does when something that it needs is away: the hub, or one of its own two ports.

import { replace } from "./class.mjs";

// Upstream logs what nobody catches and goes on (bin/configurable-http-proxy): without its API it would serve old routes
// for ever, or none. It ends, and its supervisor tries again until the port is free.
process.on("uncaughtException", (error) => {
  if (error.syscall !== "listen") return;
  console.error(`The proxy ends: ${error.message}`);
  process.exit(1);
});

const WORDS = "JupyterHub does not answer. This page tries again; running servers are not affected.";
const PAGE = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="10">
<title>JupyterHub does not answer</title></head>
<body><p>${WORDS}</p></body></html>
`;

// The hub makes the pages for what goes wrong. Where it is what is away, upstream says two words: Service Unavailable.
replace("_handleProxyErrorDefault", (before) => function (code, kind, req, res) {
  if (res.writableEnded || res.headersSent || !res.writeHead) return before.apply(this, arguments);
  const page = (req.headers.accept ?? "").includes("text/html");
  const type = page ? "text/html" : "text/plain";
  res.writeHead(code, { "Content-Type": `${type}; charset=utf-8`, "Cache-Control": "no-store", "Retry-After": "10" });
  res.end(page ? PAGE : `${WORDS}\n`);
});
