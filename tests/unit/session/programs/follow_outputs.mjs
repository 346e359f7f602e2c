// Run the JupyterLab extension's outputs.js with a notebook of 200 cells, whose outputs a server keeps. Cell 3 is running
// in the page itself, and cell 4 has another text there. Prints the longest URL, the number of requests, the cells whose
// outputs the server still keeps for another page, and the number of cells that have outputs.
import { follow } from "./outputs.js";

const CELLS = 200;
globalThis.document = { hidden: false };

const cell = (number) => ({
  model: {
    id: `cell ${number}`, type: "code", executionState: number === 3 ? "running" : "idle",
    sharedModel: { getSource: () => (number === 4 ? "changed" : "x") },
    outputs: { fromJSON(outputs) { this.shown = outputs; } },
  },
  outputArea: { future: number === 3 ? { msg: { header: { msg_id: "another" } } } : null },
});
const cells = Array.from({ length: CELLS }, (_, number) => cell(number));

const run = (number) => ({ cell: `cell ${number}`, code: "x", count: 1, changes: 3, ended: true, outputs: [number] });
const kept = new Map(cells.map((_, number) => [`${number}`.padStart(36, "0"), run(number)]));
let longest = 0, requests = 0;

// as KernelOutputs.for_page of kernel_outputs.py
async function ask(path) {
  requests += 1;
  longest = Math.max(longest, path.length);
  const have = JSON.parse(new URLSearchParams(path.split("?")[1]).get("have"));
  const runs = [];
  let running = false;
  for (const [id, one] of kept) {
    if (have[id] === "left") continue;
    if (have[id] === one.changes) kept.delete(id);
    else if (runs.length < 50) runs.push({ id, ...one });
    running ||= kept.has(id);
  }
  if (!running) later(report, 100);
  return { runs, running };
}

function report() {
  const shown = cells.filter((one) => one.model.outputs.shown).length;
  console.log(JSON.stringify({ longest, requests, kept: [...kept.values()].map((one) => one.cell), shown }));
  process.exit(0);
}

const later = setTimeout;
globalThis.setTimeout = (call) => later(call, 1);
const kernel = { id: "kernel", clientId: "page", connectionStatus: "connected" };
follow({ ask }, {
  isDisposed: false, content: { widgets: cells }, context: { ready: Promise.resolve() },
  sessionContext: { ready: Promise.resolve(), session: { kernel }, connectionStatusChanged: { connect() {} } },
});
