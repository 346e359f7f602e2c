// Translate the texts of the other files of this folder into the site's language. The hub sends the translations
// (scripts/sitekit/hub/messages/lab_texts.py); until they have arrived, and without a translation, a text is English.

const LONGEST = 3000; // milliseconds for which a message waits for its translation
let language = "en";
let translations = {};
let loading = null;

async function load(address) {
  try {
    const options = { credentials: "omit", signal: AbortSignal.timeout(LONGEST) };
    const answer = await fetch(address, options);
    if (!answer.ok) throw new Error(`sitekit: the hub answered ${answer.status}`);
    ({ language, texts: translations } = await answer.json());
  } catch (error) {
    loading = null; // the next answer of the server begins another attempt
    console.debug(error);
  }
}

// Load the translations once. A server of an English site, or of an older hub, knows no address.
export async function loadTexts(address) {
  if (!address) return;
  loading ??= load(address);
  await loading;
}

// Return the translation of a text, in which each {name} is replaced by its value.
export const _ = (text, values = {}) =>
  (translations[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

// Return a number with the name of its unit, such as "5 minutes", in the site's language.
export const withUnit = (count, unit) =>
  new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(count);

export const clock = (seconds) =>
  new Date(Date.now() + seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
