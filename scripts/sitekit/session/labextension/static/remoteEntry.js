// Load sitekit's plugins into JupyterLab and Notebook. This file has the form in which JupyterLab loads extensions (a
// module federation container), so that no build is needed. JupyterLab's own packages come from the scope that
// JupyterLab shares with its extensions.
(() => {
  "use strict";

  const here = document.currentScript.src;
  const PACKAGES = {
    application: "@jupyterlab/application",
    apputils: "@jupyterlab/apputils",
    mainmenu: "@jupyterlab/mainmenu",
    statusbar: "@jupyterlab/statusbar",
    widgets: "@lumino/widgets",
  };
  let scope = {};

  // Return a package of the page; null if the page, such as Notebook's, has none of this name.
  async function shared(name) {
    const [version] = Object.values(scope[name] ?? {});
    return version ? (await version.get())() : null;
  }

  async function plugins() {
    const part = (file) => import(new URL(file, here).href);
    const [notice, status, ended] = await Promise.all(["notice.js", "status.js", "ended.js"].map(part));
    const found = await Promise.all(Object.values(PACKAGES).map(shared));
    const packages = Object.fromEntries(Object.keys(PACKAGES).map((key, place) => [key, found[place]]));
    return [notice.noticePlugin, status.statusPlugin(packages), ended.endedPlugin(packages)];
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["@sitekit/notice"] = {
    init: (shareScope) => { scope = shareScope; },
    get: async () => {
      const made = await plugins();
      return () => ({ __esModule: true, default: made });
    },
  };
})();
