// Show in the status bar how long the server still runs, and how much of its memory and GPUs is used, with a link to the
// hub's home page. Warn before the home directory is full. Offer to stop the server and choose another tier.

import { CHANGE, ask, gigabytes, notify, pages } from "./server.js";
import { _ } from "./texts.js";

const EVERY = 15; // seconds, while the page is visible

export function timeLeft(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

const ofLimit = ({ used, limit }) =>
  limit ? _("{used} of {limit}", { used: (used / 1024 ** 3).toFixed(1), limit: gigabytes(limit) }) : gigabytes(used);

const inGigabytes = ({ free, size }) => ({ free: gigabytes(free), size: gigabytes(size) });

export function shortText({ time, memory, gpus }) {
  const found = [];
  if (time !== null) found.push(_("{time} left", { time: timeLeft(time) }));
  if (memory.used !== null) found.push(_("Memory {memory}", { memory: ofLimit(memory) }));
  for (const { busy, used, memory: all } of gpus ?? []) {
    found.push(busy === null ? `GPU ${ofLimit({ used, limit: all })}` : `GPU ${busy} %`);
  }
  return found.join(" · ");
}

export function longText({ memory, gpus, home }) {
  const found = [];
  if (memory.peak !== null) found.push(_("Most memory so far, with files that Linux keeps in memory: {size}", { size: gigabytes(memory.peak) }));
  for (const { name, used, memory: all } of gpus ?? []) found.push(_("{name}: {memory} of its memory", { name, memory: ofLimit({ used, limit: all }) }));
  if (home) found.push(_("Home directory: {free} of {size} are free", inGigabytes(home)));
  return [...found, _("Open the hub's home page")].join("\n");
}

function homeWarning(home) {
  const full = home.state === "full";
  const beginning = full ? _("Your home directory is full:") : _("Your home directory is nearly full:");
  const room = home.files !== null && home.files < 1000 ? _("it can have {files} more files.", home)
    : _("{free} of {size} are free.", inGigabytes(home));
  const advice = _("Delete files that you do not need. In a full home directory, notebooks cannot be saved.");
  return `${beginning} ${room} ${advice}`;
}

function makeItem(widgets) {
  const node = document.createElement("div");
  node.className = "sitekit-status";
  node.style.cssText = "display: flex; gap: 0.8em; align-items: center; white-space: nowrap";
  const link = document.createElement("a");
  const change = document.createElement("a");
  for (const one of [link, change]) {
    one.target = "_blank";
    one.rel = "noopener";
    one.style.color = "inherit";
  }
  link.className = "sitekit-figures";
  change.className = "sitekit-change";
  node.append(link, change);
  const item = new widgets.Widget({ node });
  item.addClass("jp-StatusBar-TextItem");
  return { item, link, change };
}

function show({ link, change }, figures) {
  link.textContent = shortText(figures);
  link.title = longText(figures);
  change.textContent = _("Change tier");
  change.title = _("Stop this server and choose another tier");
  const { used, limit } = figures.memory;
  link.style.fontWeight = used !== null && limit && used > 0.9 * limit ? "bold" : "";
  for (const [one, address] of [[link, pages.home], [change, pages.change]]) {
    if (address) one.href = address;
    one.hidden = one === change && !address;
  }
}

export const statusPlugin = ({ widgets, statusbar, mainmenu, apputils }) => ({
  id: "@sitekit/notice:status",
  description: "Shows the time, memory and GPUs of this server.",
  autoStart: true,
  optional: [statusbar?.IStatusBar, mainmenu?.IMainMenu, apputils?.ICommandPalette].filter(Boolean),
  activate: (app, ...services) => {
    const [bar, menu, palette] = [statusbar, mainmenu, apputils].map((one) => (one ? services.shift() : null));
    const shown = makeItem(widgets);
    let warned = ""; // the state of the home that this page has warned of

    async function look() {
      if (document.hidden) return;
      try {
        const figures = await ask(app, "sitekit/figures");
        show(shown, figures);
        if (menu?.fileMenu && pages.change) app.commands.notifyCommandChanged(CHANGE);
        const state = figures.home?.state ?? "";
        const before = warned;
        warned = state; // before the warning is there, the server may be asked again
        if (state && state !== before) await notify(app, homeWarning(figures.home), []);
      } catch (error) {
        console.debug(error);
      }
    }

    app.commands.addCommand(CHANGE, {
      label: () => _("Stop and Choose Another Tier"),
      caption: () => _("Open the hub's page that stops this server and shows the sizes again"),
      isVisible: () => Boolean(pages.change),
      execute: () => { window.open(pages.change, "_blank", "noopener"); },
    });
    menu?.fileMenu?.addGroup([{ command: CHANGE }], 190);
    palette?.addItem({ command: CHANGE, category: "Hub" });
    bar?.registerStatusItem("@sitekit/notice:status", { item: shown.item, align: "left", rank: 90 });
    app.restored.then(() => {
      setInterval(look, EVERY * 1000);
      document.addEventListener("visibilitychange", look);
      look();
    });
  },
});
