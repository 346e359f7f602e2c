// The start form (config/templates/tiers.html): says when a server would end and what own values mean, checks them as
// the hub does (scripts/sitekit/hub/choices/parse_sizes_and_times.py), and saves and shares choices. A server also starts
// without this script.
(() => {
  "use strict";
  const form = document.getElementById("spawn_form");
  const _ = window.sitekitTranslate;
  const find = (id) => document.getElementById(id);
  const WORDS = [["minutes", "m"], ["minute", "m"], ["min", "m"], ["hours", "h"], ["hour", "h"], ["days", "d"], ["day", "d"]];
  const KIB = { K: 1, M: 1024, G: 1024 ** 2, T: 1024 ** 3 };
  const SECONDS = { s: 1, m: 60, h: 3600, d: 86400 };
  const LABELS = { memory: ["M", "G"], time: ["m", "h"] };

  // --- what is typed ---------------------------------------------------------------------------

  /** Convert an amount of memory to MiB; null if it is none. */
  const parseMemory = (text) => {
    const match = /^(\d{1,12}(?:\.\d{1,6})?)([KMGT])(?:i?B)?$/i.exec(text);
    if (!match) return null;
    const mib = (Number(match[1]) * KIB[match[2].toUpperCase()]) / 1024;
    return mib >= 1 && Math.abs(mib - Math.round(mib)) < 1e-9 ? Math.round(mib) : null;
  };

  /** Convert a length of time to seconds; null if it is none. */
  const parseTime = (text) => {
    let match = /^(\d{1,9})([smhd])$/.exec(text);
    if (match) return Number(match[1]) * SECONDS[match[2]] || null;
    match = /^(\d{1,5})-([01]?\d|2[0-3])(?::([0-5]?\d))?(?::([0-5]?\d))?$/.exec(text);
    if (match) {
      const [days, hours, minutes, seconds] = match.slice(1).map((digits) => Number(digits || 0));
      return days * 86400 + hours * 3600 + minutes * 60 + seconds || null;
    }
    match = /^(?:(\d{1,6}):([0-5]?\d)|(\d{1,6})):([0-5]\d)$/.exec(text);
    if (!match) return null;
    const [hours, minutes, only, seconds] = match.slice(1).map((digits) => Number(digits || 0));
    return hours * 3600 + (minutes + only) * 60 + seconds || null;
  };

  /** Return the number in a field, or the reason why the hub would refuse the text. */
  const read = (field) => {
    const { kind, low, high, bounds } = field.dataset;
    const within = (number) => number !== null && number >= Number(low) && number <= Number(high);
    let text = field.value.trim().replace(/(\d)\s+(?=[A-Za-z])/g, "$1");
    let number = null;
    if (kind === "count") {
      number = /^\d{1,9}$/.test(field.value) ? Number(field.value) : null;
    } else {
      const parse = kind === "memory" ? parseMemory : parseTime;
      for (const [word, unit] of WORDS) text = text.replace(new RegExp(`(\\d)${word}$`), `$1${unit}`);
      if (/^\d{1,9}(\.\d{1,3})?$/.test(text)) {
        const found = new Set(LABELS[kind].map((unit) => parse(text + unit)).filter(within));
        if (found.size > 1) return { error: _("Write the unit too: {bounds}.", { bounds }) };
        number = found.size ? [...found][0] : null;
      } else {
        number = parse(text);
      }
    }
    return within(number) ? { number } : { error: _("Write a value within {bounds}.", { bounds }) };
  };

  // --- what it means -----------------------------------------------------------------------------

  const size = (mib) => (mib < 1024 ? `${mib} MB` : `${(mib / 1024).toFixed(1).replace(/\.0$/, "")} GB`);
  const clock = (seconds) => new Date(Date.now() + 1000 * seconds).toLocaleString([], {
    weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
  });
  const place = (element, text) => {
    if (element && element.textContent !== text) element.textContent = text;
  };
  const cards = [...document.querySelectorAll(".sitekit-tier")];
  const typedFields = (card) => [...card.querySelectorAll("input[data-kind]")];

  /** Return the memory limit of a server that reserves this much memory. */
  const capOf = (card, memory) => {
    const { cap } = card.dataset;
    return cap.endsWith("x") ? Math.floor(memory * Number(cap.slice(0, -1))) : Math.max(memory, parseMemory(cap));
  };

  /** Return the values of a card: the typed ones, and the tier's own where nothing valid is typed. */
  const valuesOf = (card) => {
    const values = {};
    for (const key of ["memory", "cpus", "tasks", "nodes", "gpus", "time"]) values[key] = Number(card.dataset[key]);
    for (const field of typedFields(card)) {
      const { number } = field.value ? read(field) : {};
      if (number !== undefined) values[field.dataset.key] = number;
    }
    return values;
  };

  const EFFECTS = {
    memory: (card, values) => _("reserves {memory}, may use {cap}", {
      memory: size(values.memory), cap: size(capOf(card, values.memory)),
    }),
    time: (card, values) => _("if it starts now, it ends on {time}", { time: clock(values.time) }),
  };

  /** Show the effect of what is typed into the fields of a card, and check it. */
  const update = (card) => {
    const chosen = card.querySelector("input[type=radio]").checked;
    const values = valuesOf(card);
    for (const field of typedFields(card)) {
      const { error } = field.value ? read(field) : {};
      // a field of another tier must not keep the form from being sent
      field.setCustomValidity(chosen && error ? error : "");
      const effect = EFFECTS[field.dataset.key];
      place(find(`${field.id}.effect`), effect && !error ? effect(card, values) : "");
    }
    const { cpus, tasks, nodes, gpus, memory, time } = values;
    const parts = [
      _("{count} CPUs", { count: cpus * tasks * nodes }), _("{memory} of memory", { memory: size(memory * nodes) }),
    ];
    if (gpus) parts.push(_("{count} GPUs", { count: gpus * nodes }));
    const whole = { parts: parts.join(", "), nodes };
    const together = nodes > 1 ? _("Together: {parts} on {nodes} nodes.", whole) : _("Together: {parts}.", whole);
    const several = nodes * tasks > 1 ? together : "";
    const free = card.dataset.free ? JSON.parse(card.dataset.free) : null;
    const fits = free && free.some(([c, m, g]) => cpus * tasks <= c && memory <= m && gpus <= g);
    const room = !free || !typedFields(card).length ? ""
      : fits ? _("A node has this free now.") : _("No node has this free now, so it would wait.");
    place(card.querySelector(".sitekit-whole"), [several, room].filter(Boolean).join(" "));
    const wait = Number(card.dataset.wait);
    const end = { time: clock(time + wait) };
    place(card.querySelector(".sitekit-end"), wait ? _("It ends at the latest on {time}.", end)
      : _("It ends at the latest on {time}, if it starts now.", end));
  };

  /** Show at the field why its value is refused, or that it is not refused any more. */
  const showError = (field) => {
    const error = field.validationMessage;
    field.classList.toggle("is-invalid", Boolean(error));
    if (error) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    place(find(`${field.id}.error`), error);
  };

  // --- saved and shared choices ------------------------------------------------------------------

  /** Return the choice as the options of a start. */
  const chosenOptions = () => {
    const options = {};
    for (const [name, value] of new FormData(form)) {
      if (name === "tier") options.tier = value;
    }
    for (const [name, value] of new FormData(form)) {
      const own = `${options.tier}.`;
      if (name.startsWith(own) && value) options[name.slice(own.length)] = value;
    }
    return options;
  };

  const showLink = () => {
    const link = find("sitekit-link");
    if (link) link.value = `${location.origin}${window.jhdata.base_url}spawn?${new URLSearchParams(chosenOptions())}`;
  };

  const saved = find("sitekit-saved");

  const showSaved = (choices) => {
    saved.hidden = !choices.length;
    saved.querySelector("ul").replaceChildren(...choices.map(({ name, query }) => {
      const item = document.createElement("li"), link = document.createElement("a"), button = document.createElement("button");
      item.className = "btn-group btn-group-sm";
      link.className = "btn btn-outline-secondary";
      const next = saved.dataset.next && `&${new URLSearchParams({ next: saved.dataset.next })}`;
      link.href = `?${query}${next}`;
      link.textContent = name;
      button.type = "button";
      button.className = "btn btn-outline-secondary sitekit-delete";
      button.dataset.name = name;
      button.setAttribute("aria-label", _("Delete the saved choice {name}", { name }));
      button.textContent = "\u00d7";
      item.append(link, button);
      return item;
    }));
  };

  /** Change the saved choices, and show the result; return whether it worked. */
  const change = async (method, query, body) => {
    const told = find("sitekit-name.told");
    try {
      const answer = await fetch(`${saved.dataset.url}${query}`, {
        method, body: body && JSON.stringify(body),
        headers: { "X-XSRFToken": window.jhdata.xsrf_token, "Content-Type": "application/json" },
      });
      const said = await answer.json();
      if (answer.ok) showSaved(said);
      const done = body ? _("Saved as {name}.", body) : _("Deleted.");
      place(told, answer.ok ? done : _("Not done: {reason}.", { reason: said.message }));
      return answer.ok;
    } catch (error) {
      place(told, _("The hub does not answer. Try again later."));
      return false;
    }
  };

  const save = async () => {
    const name = find("sitekit-name");
    if (!name.value.trim()) {
      place(find("sitekit-name.told"), _("Write a name first."));
      name.focus();
    } else if (form.reportValidity() && (await change("POST", "", { name: name.value.trim(), options: chosenOptions() }))) {
      name.value = "";
    }
  };

  // --- events ---------------------------------------------------------------------------------------

  form.classList.add("sitekit-scripted");
  for (const hidden of [find("sitekit-keep"), ...document.querySelectorAll(".sitekit-delete")]) if (hidden) hidden.hidden = false;
  const updateAll = () => { cards.forEach(update); showLink(); };
  form.addEventListener("input", updateAll);
  form.addEventListener("change", (event) => {
    updateAll();
    if (event.target.dataset.kind) showError(event.target);
  });
  form.addEventListener("invalid", (event) => { if (event.target.dataset.kind) showError(event.target); }, true);
  find("sitekit-copy")?.addEventListener("click", async ({ target }) => {
    find("sitekit-link").select();
    try {
      await navigator.clipboard.writeText(find("sitekit-link").value);
      target.textContent = _("Copied");
    } catch (error) { /* the link is selected, to be copied by hand */ }
  });
  find("sitekit-save")?.addEventListener("click", save);
  find("sitekit-name")?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // it would start the server
    save();
  });
  saved?.addEventListener("click", async ({ target }) => {
    if (target.matches(".sitekit-delete")) await change("DELETE", `?${new URLSearchParams({ name: target.dataset.name })}`);
  });
  updateAll();
  setInterval(() => cards.forEach(update), 30000); // the clock goes on
  find("sitekit-errors")?.focus();
})();
