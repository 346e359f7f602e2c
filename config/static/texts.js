// Translate the texts of the other scripts of this page. The page contains the translations into the site's language, as
// JSON in the element sitekit-texts (scripts/sitekit/hub/messages/script_and_style_urls.py). A text without a
// translation stays English.
(() => {
  "use strict";
  const translations = JSON.parse(document.getElementById("sitekit-texts").textContent);

  /** Return the translation of a text, in which each {name} is replaced by its value. */
  window.sitekitTranslate = (text, values = {}) =>
    (translations[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
})();
