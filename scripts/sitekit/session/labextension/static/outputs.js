// Show in an open notebook what its cells print after the page that ran them was closed. JupyterLab shows the outputs of
// a run only in the page that has asked for it; the server keeps them (scripts/sitekit/session/outputs/outputs_for_pages.py).

import { ask } from "./server.js";

const EVERY = 3000; // milliseconds between requests, while such a cell runs
const LEFT = "left"; // as in scripts/sitekit/session/outputs/kernel_outputs.py
const MOST = 100; // the most runs in one request: its URL must not be longer than web servers allow

// Put the outputs of runs into their cells, and return the ids of these runs. Only outputs and numbers change, never a
// text that somebody may be typing. A cell with another text, and a cell that this page is running itself, stay as they are.
export function putOutputs(cells, runs) {
  const put = new Set();
  for (const run of runs) {
    const cell = cells.find((one) => one.model.id === run.cell);
    if (cell?.model.type !== "code" || isRunningHere(cell, run)) continue;
    if (cell.model.sharedModel.getSource() !== run.code) continue;
    cell.model.outputs.fromJSON(run.outputs);
    cell.model.executionCount = run.count;
    cell.model.executionState = run.ended ? "idle" : "running";
    put.add(run.id);
  }
  return put;
}

// JupyterLab keeps the future of a cell's last run, also after the run has ended.
function isRunningHere(cell, run) {
  const future = cell.outputArea?.future;
  return Boolean(future) && future.msg.header.msg_id !== run.id && cell.model.executionState === "running";
}

export function follow(app, panel) {
  const context = panel.sessionContext;
  const have = new Map(); // how much of each run this page has, or LEFT
  const ended = new Set(); // the runs of `have` that have ended
  let timer = null;

  async function look() {
    timer = null;
    const kernel = context.session?.kernel;
    if (panel.isDisposed || kernel?.connectionStatus !== "connected") return; // asked again when it is connected
    const began = Date.now();
    const query = new URLSearchParams({ kernel: kernel.id, page: kernel.clientId, have: JSON.stringify(Object.fromEntries(have)) });
    const sent = [...ended];
    let told = { runs: [], running: true };
    try {
      if (!document.hidden) {
        told = await ask(app, `sitekit/outputs?${query}`);
        // the server now knows that these outputs have arrived
        for (const id of sent) if (ended.delete(id)) have.delete(id);
      }
    } catch (error) {
      console.debug(error);
      if (error.status === 404) return; // a server of an older release
    }
    if (panel.isDisposed) return;
    const put = putOutputs(panel.content.widgets, told.runs);
    for (const run of told.runs) {
      have.set(run.id, put.has(run.id) ? run.changes : LEFT);
      if (run.ended && put.has(run.id)) ended.add(run.id);
    }
    if (have.size > MOST) return; // most of them are left: this page has other cells
    // The next request also tells the server what has arrived. Many outputs are requested less often.
    if (told.running || told.runs.length > 0) lookIn(Math.max(EVERY, 20 * (Date.now() - began)));
  }

  function lookIn(milliseconds) {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(look, milliseconds);
  }

  context.connectionStatusChanged.connect((_, status) => { if (status === "connected") lookIn(0); });
  Promise.all([panel.context.ready, context.ready]).then(() => lookIn(0), console.debug);
}

export const outputsPlugin = ({ notebook }) => ({
  id: "@sitekit/notice:outputs",
  description: "Shows the outputs of cells that another page has run.",
  autoStart: true,
  optional: [notebook?.INotebookTracker].filter(Boolean),
  activate: (app, tracker) => {
    if (!tracker) return;
    tracker.forEach((panel) => follow(app, panel));
    tracker.widgetAdded.connect((_, panel) => follow(app, panel));
  },
});
