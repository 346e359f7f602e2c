// Show a page while the hub does not answer, and end the proxy if one of the proxy's two ports is in use.

import { replace } from "./class.mjs";

// configurable-http-proxy itself only logs this error, and continues (bin/configurable-http-proxy). Without the port
// of its API, the proxy would use old routes for ever, or no routes. The proxy therefore ends, and systemd or
// supervisord starts the proxy again until the port is free.
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

// For other errors, the hub renders the error page. If the hub itself does not answer, configurable-http-proxy would
// show only the words "Service Unavailable".
replace("_handleProxyErrorDefault", (before) => function (code, kind, req, res) {
  if (res.writableEnded || res.headersSent || !res.writeHead) return before.apply(this, arguments);
  const page = (req.headers.accept ?? "").includes("text/html");
  const type = page ? "text/html" : "text/plain";
  res.writeHead(code, { "Content-Type": `${type}; charset=utf-8`, "Cache-Control": "no-store", "Retry-After": "10" });
  res.end(page ? PAGE : `${WORDS}\n`);
});
