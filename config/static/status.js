// The administrators' page with the state of the site (config/templates/status.html): shows the record that the page
// contains, and then the record that the hub returns every two seconds.
(() => {
  const EVERY = 2000; // milliseconds
  const { base_url, xsrf_token } = window.jhdata;
  const _ = window.sitekitTranslate;
  const COUNTS = {
    waiting: _("{count} waiting"), starting: _("{count} starting"), running: _("{count} running"),
    suspended: _("{count} suspended"), stopping: _("{count} stopping"),
  };
  const WORDS = {
    waiting: _("waiting"), starting: _("starting"), running: _("running"), suspended: _("suspended"),
    stopping: _("stopping"),
  };
  const STATES = Object.keys(WORDS); // those of OPEN_STATES in hub/servers/server_states.py
  const unit = (count, name, unitDisplay) =>
    new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: name, unitDisplay }).format(count);
  const find = (id) => document.getElementById(id);
  const span = (seconds) => {
    const minutes = Math.floor(Math.max(0, seconds) / 60);
    if (minutes < 60) return `${minutes} min`;
    return minutes < 2880 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : unit(Math.floor(minutes / 1440), "day", "long");
  };
  const size = (mib) => mib < 1024 ? `${mib} MB` : `${(mib / 1024).toFixed(1)} GB`;
  const element = (name, text = "", classes = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    made.className = classes;
    return made;
  };
  const bar = (used, request, cap) => {
    const whole = element("div", "", "bar"), [full, mark] = [element("span", "", "used"), element("span", "", "request")];
    full.style.width = `${Math.min(100, 100 * used / cap)}%`;
    mark.style.left = `${100 * request / cap}%`;
    whole.append(full, mark);
    return whole;
  };
  const memory = (cell, used, request, cap, note = "") => {
    if (!cap) return;
    cell.append(element("span", `${used === null ? "?" : size(used)} / ${size(request)} / ${size(cap)}${note}`, "small"));
    if (used !== null) cell.append(bar(used, request, cap));
  };
  const sums = (title, rows) => {
    if (!rows.length) return [];
    const head = element("tr"), cell = element("th", title);
    cell.colSpan = 7;
    cell.scope = "rowgroup";
    head.append(cell);
    return [head, ...rows.map((row) => {
      const line = element("tr"), last = element("td");
      line.append(element("td", row.name), ...STATES.map((state) => element("td", row[state] || "")));
      const running = row.running + row.suspended;
      const some = _("({some} of {all} report)", { some: row.reported, all: running });
      const note = row.reported < running ? ` ${some}` : "";
      memory(last, row.reported ? row.used : null, row.memory, row.cap, note);
      line.append(last);
      return line;
    })];
  };
  const stop = async (server, button) => {
    const whose = `${server.user}${server.name ? ` (${server.name})` : ""}`;
    if (!confirm(_("Stop the server of {whose}?", { whose }))) return button.blur();
    button.disabled = true;
    const path = ["users", server.user, ...(server.name ? ["servers", server.name] : ["server"])];
    const url = `${base_url}api/${path.map(encodeURIComponent).join("/")}`;
    const answer = await fetch(url, { method: "DELETE", headers: { "X-XSRFToken": xsrf_token } });
    find("failed").hidden = answer.ok;
    if (!answer.ok) {
      const reason = (await answer.json()).message;
      find("failed").textContent = _("The server of {whose} was not stopped: {reason}", { whose, reason });
    }
    button.disabled = false;
    button.blur();
  };
  const serverRow = (server, now) => {
    const row = find("row").content.cloneNode(true).firstElementChild;
    const place = (name, text) => { row.querySelector(`.${name}`).textContent = text; };
    row.dataset.state = server.state;
    row.dataset.user = server.user;
    place("who", server.name ? `${server.user} / ${server.name}` : server.user);
    place("tier", server.tier);
    place("state", WORDS[server.state]);
    if (server.why) row.querySelector(".state").append(element("div", server.why, "small text-body-secondary"));
    place("for", span(now - server.since));
    place("job", server.job);
    place("partition", server.partition);
    place("node", server.node);
    if (["running", "suspended"].includes(server.state)) {
      memory(row.querySelector(".memory"), server.used, server.memory, server.cap);
    }
    const button = row.querySelector(".stop");
    button.hidden = server.state === "stopping";
    button.setAttribute("aria-label", _("Stop the server of {whose}", { whose: server.user }));
    button.addEventListener("click", () => stop(server, button));
    return row;
  };
  const facts = (record) => {
    const found = [[_("Release"), record.release || _("none")]];
    for (const [name, told] of Object.entries(record.backends)) {
      const never = _("not asked yet");
      const ages = { seconds: told.answer_seconds, age: Math.round(told.age) };
      const state = told.answers ? _("answered in {seconds} s; the list of jobs is {age} s old", ages)
        : _("does not answer: {trouble}", { trouble: told.trouble || never });
      found.push([_("Backend {name}", { name }), state]);
      if ((told.strays || []).length) found.push([_("Stray jobs"), told.strays.join(", ")]);
    }
    for (const [name, days] of Object.entries(record.certificates)) {
      found.push([_("Certificate {name}", { name }), _("{days} days left", { days: Math.floor(days) })]);
    }
    for (const [name, disk] of Object.entries(record.disks)) {
      const gigabytes = (bytes) => (bytes / 1e9).toFixed(1);
      const sizes = { free: gigabytes(disk.free), all: gigabytes(disk.bytes), path: disk.path };
      found.push([_("Disk of {name}", { name }), _("{free} of {all} GB free, {path}", sizes)]);
    }
    for (const drain of record.drains) {
      const values = { ...drain, since: new Date(drain.at * 1000).toLocaleString() };
      found.push([_("Drained: {kind}", values), _("{name} since {since}, by {sender}: {text}", values)]);
    }
    const kernels = record.kernels;
    if (kernels) {
      const failing = Object.entries(kernels.failing);
      found.push([_("Kernels"), _("{proven} work, {failing} fail", { proven: kernels.proven, failing: failing.length })]);
      for (const [name, why] of failing) found.push([_("Kernel {name}", { name }), why]);
    }
    return found.flatMap(([name, text]) => [element("dt", name, "col-sm-3"), element("dd", text, "col-sm-9 mb-0")]);
  };
  const show = (record) => {
    const counts = {};
    for (const server of record.servers) counts[server.state] = (counts[server.state] || 0) + 1;
    find("counts").textContent = STATES.filter((state) => counts[state])
      .map((state) => COUNTS[state].replace("{count}", counts[state])).join(", ") || _("No server runs.");
    find("facts").replaceChildren(...facts(record));
    find("sums").replaceChildren(...sums(_("Tiers"), record.tiers), ...sums(_("Partitions"), record.partitions),
      ...sums(_("Nodes"), record.nodes));
    find("servers").replaceChildren(...record.servers.map((server) => serverRow(server, record.at)));
    find("kinds").textContent = Object.entries(record.cards.kinds).map(([kind, count]) => `${count} ${kind}`).join(", ") || _("None.");
    find("cards").replaceChildren(...record.cards.last.map((card) => {
      const row = element("tr");
      row.append(element("td", new Date(card.at * 1000).toLocaleTimeString(), "text-nowrap"), element("td", card.user),
        element("td", card.tier), element("td", card.kind, "text-nowrap"), element("td", card.what));
      return row;
    }));
  };
  const look = async () => {
    try {
      const answer = await fetch(`${location.pathname.replace(/\/$/, "")}/state`, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      const record = await answer.json();
      // a row with the keyboard's focus stays as it is until the focus has left it
      if (!find("servers").contains(document.activeElement)) show(record);
      find("offline").hidden = true;
    } catch (error) {
      find("offline").hidden = false;
    }
    setTimeout(look, EVERY);
  };
  show(JSON.parse(find("sitekit-record").textContent));
  setTimeout(look, EVERY);
})();
