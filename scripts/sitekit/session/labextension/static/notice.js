// Warn before an idle server is stopped and before the time of its job is over. Also show a message when a program of
// the server, such as a kernel, was ended because the memory was used up, and the messages of a course: about its
// material, and from its instructors to all participants. Announcements of the site are shown in the same way, and
// closed when their time is over.

import { ask, dismiss, notify, pages, changeAction, gigabytes } from "./server.js";
import { _, clock, withUnit } from "./texts.js";

const EVERY = 15; // seconds
const STAY = "sitekit:stay";
const TOUCHES = ["keydown", "pointerdown", "wheel"];

// The values that a text about a time in the future shows.
const inFuture = (seconds) => ({
  minutes: withUnit(Math.max(1, Math.round(seconds / 60)), "minute"),
  time: clock(seconds),
});

// Which announcements this browser has shown in a lab, or closed on a page of the hub.
const isClosed = (id) => {
  try { return [`sitekit-${id}`, `sitekit-${id}-lab`].some((key) => localStorage.getItem(key) !== null); } catch { return false; }
};
const close = (id) => {
  try { localStorage.setItem(`sitekit-${id}-lab`, "shown"); } catch { /* it is shown again */ }
};

// The messages about a course's material, which the server sends as a text and its values, so that the text can be
// translated here (scripts/sitekit/session/courses/prepare_course.py).
export const ofCourse = () => [
  _("You and the course have both changed {name}. Your file is as you left it; the course's is {beside}."),
  _("The course has a new file {name}. Your own file of that name is now {new}."),
  _("{folder} is not the latest version of {url}: {why}"),
  _("The material of the course was not copied to {name}: {why}"),
  _("The course's kernel {name} is not on this server. Tell your instructor."),
];

function activate(app) {
  let touched = true; // opening the page counts as activity of a person
  let idleNotice = null; // the promise of the notifications
  let timeWarned = Infinity; // the smallest of the time warnings that was given
  const told = new Set(); // the notices of a course that this page has shown
  const shown = new Map(); // the messages that this page has shown: id -> the promise of the notifications
  let killedBefore = null; // how many programs were ended for memory when this page last asked

  for (const kind of TOUCHES) {
    document.addEventListener(kind, () => { touched = true; }, { capture: true, passive: true });
  }

  // The server may be asked again before a notification is there: each function below notes first what it is about to
  // show, so that no notification comes twice.
  async function showIdle({ idle, idle_warning: warning }) {
    const due = idle !== null && idle <= warning;
    if (due && idleNotice === null) {
      const text = _("Nobody seems to use this server: it is stopped in {minutes}, at {time}. Files are kept; what is only in a kernel's memory is lost.", inFuture(idle));
      idleNotice = notify(app, text, [{ label: _("Stay"), commandId: STAY, caption: _("Keep this server") }]);
      await idleNotice;
    } else if (!due && idleNotice !== null) {
      const before = idleNotice;
      idleNotice = null;
      await dismiss(app, await before);
    }
  }

  async function showTime({ time, time_warnings: warnings }) {
    if (time === null) return;
    const passed = Math.min(...warnings.filter((limit) => time <= limit));
    if (passed < timeWarned) {
      timeWarned = passed;
      await notify(app, _("The time of this server is over in {minutes}, at {time}. Save your work; you can start a new server afterwards.", inFuture(time)), []);
    }
  }

  async function showMemory({ killed, memory, ended = [] }) {
    if (killed == null) return;
    const before = killedBefore;
    killedBefore = killed;
    if (before === null || killed <= before) return;
    const used = memory ? _("The memory of this server, {size}, was used up.", { size: gigabytes(memory) })
      : _("The memory of this server was used up.");
    const what = ended.length > 0 ? _("The node ended the kernel of {notebooks}.", { notebooks: ended.join(", ") })
      : _("The node ended a program of it: most likely the kernel that has just restarted.");
    const advice = _("Work on less data at a time, or shut down kernels that you do not need.");
    const text = [used, what, advice, pages.larger].filter(Boolean).join(" ");
    await notify(app, text, changeAction(app));
  }

  async function showRescue({ rescue }) {
    if (!rescue || told.has("rescue")) return;
    told.add("rescue");
    await notify(app, _("Your home directory is full. This server keeps its settings in temporary space of the node, so that you can delete files. Notebooks cannot be saved before there is room again. Then stop this server and start it again."), []);
  }

  async function showCourse({ course_notices: notices = [] }) {
    for (const notice of notices) {
      const text = _(notice.text, notice.values);
      if (!told.has(text)) { told.add(text); await notify(app, text, []); }
    }
  }

  async function showMessages({ messages = [] }) {
    for (const { id, from, text, level, once } of messages) {
      if (shown.has(id) || (once && isClosed(id))) continue;
      shown.set(id, notify(app, `${from}: ${text}`, [], level === "info" ? "info" : "warning")); // as plain text
      if (once) close(id);
      await shown.get(id);
    }
    for (const [id, notifications] of shown) {
      if (messages.some((one) => one.id === id)) continue;
      shown.delete(id);
      await dismiss(app, await notifications);
    }
  }

  async function look() {
    const method = touched ? "POST" : "GET";
    touched = false;
    let notice;
    try {
      notice = await ask(app, "sitekit/notice", method);
    } catch (error) {
      touched ||= method === "POST"; // the activity is reported with the next request
      console.debug(error);
      return;
    }
    for (const show of [showIdle, showTime, showMemory, showRescue, showCourse, showMessages]) {
      // one of them may not know the answer of a server of an older release
      try { await show(notice); } catch (error) { console.debug(error); }
    }
  }

  app.commands.addCommand(STAY, {
    label: () => _("Keep this server"),
    execute: () => {
      touched = true;
      return look();
    },
  });
  app.restored.then(() => {
    if (!app.commands.hasCommand("apputils:notify")) return;
    setInterval(look, EVERY * 1000);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
    look();
  });
}

export const noticePlugin = {
  id: "@sitekit/notice:plugin",
  description: "Warns before a server is stopped, and tells when its memory was used up.",
  autoStart: true,
  activate,
};

