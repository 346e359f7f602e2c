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
    notebook: "@jupyterlab/notebook",
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
    const files = ["notice.js", "status.js", "ended.js", "outputs.js"];
    const [notice, status, ended, outputs] = await Promise.all(files.map(part));
    const found = await Promise.all(Object.values(PACKAGES).map(shared));
    const packages = Object.fromEntries(Object.keys(PACKAGES).map((key, place) => [key, found[place]]));
    const made = [status.statusPlugin, ended.endedPlugin, outputs.outputsPlugin].map((plugin) => plugin(packages));
    return [notice.noticePlugin, ...made];
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
