// Requests to the user's server, and notifications in JupyterLab, for the other files of this folder.

import { _, loadTexts } from "./texts.js";

const SHOWN = 140; // characters of a notification; JupyterLab leaves out the others
export const CHANGE = "sitekit:change-tier";

// Addresses of the hub's pages about this server, as the server has last sent them. They are kept for when it has ended.
export const pages = {};

const noteAnswer = new Set(); // functions to call when the server has answered
export const onAnswer = (call) => noteAnswer.add(call);

export const gigabytes = (bytes) => `${(bytes / 1024 ** 3).toFixed(1)} GB`;

export async function ask(app, path, method = "GET") {
  const { baseUrl, token } = app.serviceManager.serverSettings;
  const xsrf = document.cookie.match(/(?:^|;\s*)_xsrf=([^;]*)/);
  const headers = {};
  if (token) headers.Authorization = `token ${token}`;
  if (xsrf) headers["X-XSRFToken"] = decodeURIComponent(xsrf[1]);
  const answer = await fetch(`${baseUrl}${path}`, { method, headers, cache: "no-store" });
  if (!answer.ok) throw Object.assign(new Error(`sitekit: the server answered ${answer.status}`), { status: answer.status });
  const told = await answer.json();
  Object.assign(pages, told.pages);
  await loadTexts(pages.texts);
  for (const call of noteAnswer) call();
  return told;
}

// Divide a text between words, so that JupyterLab shows each part whole. "…" marks where it goes on.
function parts(text) {
  const found = [];
  let rest = text;
  while (rest.length > SHOWN) {
    const space = rest.lastIndexOf(" ", SHOWN - 2);
    const end = space > SHOWN / 2 ? space : SHOWN - 2;
    found.push(`${rest.slice(0, end)} …`);
    rest = `… ${rest.slice(end).trimStart()}`;
  }
  return [...found, rest];
}

// Return the numbers of the notifications; the buttons are below the last one.
export async function notify(app, text, actions, type = "warning") {
  const numbers = [];
  const messages = parts(text);
  for (const [place, message] of messages.entries()) {
    const options = { autoClose: false, actions: place === messages.length - 1 ? actions : [] };
    numbers.push(await app.commands.execute("apputils:notify", { message, type, options }));
  }
  return numbers;
}

export async function dismiss(app, numbers) {
  for (const id of numbers) await app.commands.execute("apputils:dismiss-notification", { id });
}

// A button that leads to the hub's page for another tier; none while its address is not known.
export const changeAction = (app) =>
  pages.change && app.commands.hasCommand(CHANGE)
    ? [{ label: _("Choose another tier"), commandId: CHANGE, caption: _("Stop this server and choose another tier") }]
    : [];
