// When the server has ended, show why, in place of JupyterLab's question whether to restart it. The hub answers at an
// address that the server has given to this page (scripts/sitekit/hub/api/why_server_ended.py).

import { onAnswer, pages } from "./server.js";
import { _ } from "./texts.js";

async function askHub() {
  if (!pages.end) return { state: "unknown" };
  try {
    const answer = await fetch(pages.end, { cache: "no-store", credentials: "omit" });
    return answer.ok ? await answer.json() : { state: "unknown" };
  } catch {
    return { state: "away" };
  }
}

function paragraph(text, parent) {
  const made = document.createElement("p");
  made.textContent = text;
  made.style.margin = "0 0 0.6em";
  parent.append(made);
}

// All texts are shown as plain text: the log contains what the user's programs have printed.
export function describe({ state, card }) {
  const body = document.createElement("div");
  body.className = "sitekit-ended";
  body.style.maxWidth = "60em";
  if (card) {
    paragraph(`${card.what} ${card.remedy}`, body);
    const figures = Object.entries(card.figures).map(([label, value]) => `${label}: ${value}`);
    if (figures.length > 0) paragraph(figures.join("; "), body);
    if (card.lines.length > 0) {
      const details = document.createElement("details");
      const summary = document.createElement("summary");
      const log = document.createElement("pre");
      summary.textContent = _("Last lines of the log");
      log.textContent = card.lines.join("\n");
      log.style.cssText = "max-height: 20em; overflow: auto";
      details.append(summary, log);
      body.append(details);
    }
  } else {
    const what = {
      stopped: _("This server was stopped."),
      away: _("JupyterHub and your server do not answer. Check your network. This page tries again by itself."),
    };
    paragraph(what[state] ?? _("Your server does not answer. The hub's page shows its state."), body);
  }
  paragraph(_("This page still shows what you have typed. Text that is not saved can be copied from it."), body);
  return body;
}

export const endedPlugin = ({ application, apputils, widgets }) => ({
  id: "@sitekit/notice:ended",
  description: "Shows why the server has ended.",
  autoStart: true,
  provides: application.IConnectionLost,
  activate: (app) => {
    let quiet = false; // a dialog is open, or was closed and the server has not answered since
    onAnswer(() => { quiet = false; });

    return async () => {
      if (quiet) return;
      quiet = true;
      const told = await askHub();
      if (told.state === "running") {
        quiet = false; // it is busy, or the network was interrupted for a moment
        return;
      }
      const start = told.start ?? pages.home;
      const buttons = [apputils.Dialog.cancelButton({ label: _("Close") })];
      if (start) buttons.push(apputils.Dialog.okButton({ label: _("Start again") }));
      const title = told.state === "away" ? _("No connection") : _("Your server has ended");
      const body = new widgets.Widget({ node: describe(told) });
      const { button } = await apputils.showDialog({ title, body, buttons });
      if (button.accept) window.open(start, "_blank", "noopener");
    };
  },
});
