// The console's own script. Every page works without it; with it, pages update by themselves and keys work.
"use strict";
(() => {
  // A part of the page that the server sends anew when it has changed.
  const live = document.querySelector("[data-live]");
  if (live && window.EventSource) {
    const state = document.querySelector("[data-live-state]");
    let [source, line, held] = [null, "", null];
    // Who types or selects in it is not disturbed, and is told so.
    const isHeld = () => live.contains(document.activeElement);
    const say = () => {
      const said = line === "on" && isHeld() ? "held" : line;
      if (!state || !said || state.textContent === state.dataset[said]) { return; }
      state.textContent = state.dataset[said];
      // Beside the page: nothing moves away under a mouse that is just being pressed.
      state.classList.toggle("held", said === "held");
    };
    const show = (text) => {
      const page = new DOMParser().parseFromString(text, "text/html");
      const typed = [...live.querySelectorAll("input[id], textarea[id]")].filter((field) => field.value !== field.defaultValue);
      live.replaceChildren(...page.body.childNodes);
      // What was typed and not sent yet is still there.
      for (const { id, value } of typed) {
        const field = document.getElementById(id);
        if (field) { field.value = value; field.closest("details")?.setAttribute("open", ""); }
      }
    };
    const catchUp = () => {
      say();
      if (held === null || isHeld()) { return; }
      show(held);
      held = null;
    };
    live.addEventListener("focusin", say);
    // A press of the mouse takes the focus away before it is a click.
    live.addEventListener("focusout", () => setTimeout(catchUp, 200));
    const follow = () => {
      // A browser has six connections to one server for all its tabs: one that nobody sees needs none.
      if (document.hidden) { source?.close(); source = null; return; }
      if (source) { return; }
      source = new EventSource(live.dataset.live);
      source.addEventListener("open", () => { line = "on"; say(); });
      source.addEventListener("error", () => { line = "off"; say(); });
      source.addEventListener("over", () => { source?.close(); location.reload(); });
      source.addEventListener("change", (event) => { held = event.data; catchUp(); });
    };
    follow();
    document.addEventListener("visibilitychange", follow);
    window.addEventListener("pagehide", () => { source?.close(); source = null; });
    window.addEventListener("pageshow", follow);
  }

  // Words that somebody has typed stay with this tab until they were posted, so that a session which has ended meanwhile takes none along:
  // reasons and comments, never a password or a code. They go at a sign-out, and when somebody else signs in.
  const [WORDS, WHOSE, POSTED] = ["kx-words ", "kx-whose", "kx-posted"];
  const forget = (begin) => {
    for (const key of Object.keys(sessionStorage)) { if (key.startsWith(begin)) { sessionStorage.removeItem(key); } }
  };
  const path = (form) => new URL(form.action).pathname;
  const isKept = (field) => field.matches?.("textarea:is([name=reason], [name=text], [name=comment]), input[name=reason]:not([type])") && field.form?.method === "post";
  const place = (field) => `${WORDS}${path(field.form)} ${field.name}`;
  const whose = document.querySelector("[data-person]")?.dataset.person;
  if (whose && sessionStorage.getItem(WHOSE) !== whose) {
    forget(WORDS);
    sessionStorage.setItem(WHOSE, whose);
  }
  // The page after a form says whether it was done; one that somebody goes back to says it of another one.
  const posted = sessionStorage.getItem(POSTED);
  sessionStorage.removeItem(POSTED);
  const isBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
  if (posted && !isBack && document.querySelector("[data-done]")) { forget(`${WORDS}${posted} `); }
  for (const field of document.querySelectorAll("textarea, input[name=reason]")) {
    const words = isKept(field) && sessionStorage.getItem(place(field));
    if (!words || field.value) { continue; }
    field.value = words;
    field.closest("details")?.setAttribute("open", "");
    const said = document.createElement("small");
    said.setAttribute("role", "status");
    said.textContent = document.querySelector("main").dataset.broughtBack;
    field.after(said);
  }
  document.addEventListener("input", ({ target }) => {
    if (!isKept(target)) { return; }
    if (target.value) { sessionStorage.setItem(place(target), target.value); } else { sessionStorage.removeItem(place(target)); }
  });
  document.addEventListener("submit", ({ target }) => {
    if (path(target) === "/sign-out") { forget(WORDS); } else { sessionStorage.setItem(POSTED, path(target)); }
  });

  // Keys: j and k move in a list, Enter opens (it is a link), x ticks; a page says with data-key what its other keys press.
  const rows = [...document.querySelectorAll("[data-row]")];
  const at = () => rows.findIndex((row) => row.contains(document.activeElement));
  const go = (step) => {
    const next = rows[Math.min(Math.max(at() + step, 0), rows.length - 1)];
    if (next) { next.querySelector("a").focus(); next.scrollIntoView({ block: "nearest" }); }
  };
  // A page that has just come decides nothing: the key was meant for the one before it.
  setTimeout(() => { document.documentElement.dataset.ready = ""; }, 400);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) { return; }
    if (event.target.closest("input:not([type=checkbox]), select, textarea")) {
      if (event.key === "Escape") { event.target.blur(); }
      return;
    }
    if (event.key === "Escape" && live?.contains(event.target)) {
      event.target.blur();
    } else if (rows.length > 0 && (event.key === "j" || event.key === "k")) {
      go(event.key === "j" ? 1 : -1);
    } else if (event.key === "x" && at() >= 0) {
      rows[at()].querySelector("input[type=checkbox]")?.click();
    } else {
      // A key that is held down moves on in a list, and decides nothing.
      const found = !event.repeat && /^[a-z]$/.test(event.key) && document.querySelector(`[data-key="${event.key}"]`);
      if (!found) { return; }
      event.preventDefault();
      if (!("ready" in document.documentElement.dataset)) { return; }
      found.click();
      const details = found.closest("details");
      if (details) { details.querySelector("textarea")?.focus(); }
    }
    event.preventDefault();
  });
  if (rows.length > 0 && document.activeElement === document.body) { rows[0].querySelector("a").focus({ preventScroll: true }); }

  for (const all of document.querySelectorAll("[data-all]")) {
    all.addEventListener("change", () => {
      for (const one of all.form.querySelectorAll("input[name=id]")) { one.checked = all.checked; }
    });
  }

  // What was pressed once is not sent twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    // An answer that is saved as a file leaves the page as it is.
    if (event.submitter?.hasAttribute("data-stays")) { return; }
    if (form.method !== "post" || "upload" in form.dataset) { return; }
    if (form.dataset.sent) { event.preventDefault(); }
    form.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) { delete form.dataset.sent; }
  });

  for (const button of document.querySelectorAll("[data-print]")) {
    button.addEventListener("click", () => window.print());
  }

  // A file is the body of what is sent; what comes of it is shown below. First it is checked, then the other button works.
  for (const form of document.querySelectorAll("form[data-upload]")) {
    const result = document.querySelector("[data-result]");
    const file = form.querySelector("input[type=file]");
    const second = form.querySelector("[data-after-check]");
    form.addEventListener("change", () => { second.disabled = true; result.replaceChildren(); });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const chosen = new FormData(form, event.submitter);
      const query = new URLSearchParams({ kind: chosen.get("kind"), do: chosen.get("do") });
      for (const button of form.querySelectorAll("button")) { button.disabled = true; }
      try {
        const answer = await fetch(`${form.action}?${query}`, {
          method: "POST", body: file.files[0],
          headers: { "x-kx-csrf": chosen.get("csrf"), "content-type": "application/octet-stream" },
        });
        if (answer.redirected) { location.reload(); return; }
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        result.replaceChildren(...(page.querySelector("main") ?? page.body).childNodes);
      } catch {
        result.textContent = form.dataset.failed;
      }
      for (const button of form.querySelectorAll("button")) { button.disabled = false; }
      second.disabled = !result.querySelector("[data-checked]");
    });
  }

  // Files are sent one after another, each with how far it has come. One that was taken is not sent twice: the page has a key.
  for (const form of document.querySelectorAll("form[data-send]")) {
    const input = form.querySelector("input[type=file]");
    const list = form.querySelector("[data-files]");
    let rows = [];
    const show = () => {
      rows = [...input.files].map((file) => {
        const [row, name, bar, said] = ["li", "bdi", "progress", "span"].map((tag) => document.createElement(tag));
        name.textContent = file.name;
        said.className = "help";
        bar.max = 1;
        bar.value = 0;
        bar.setAttribute("aria-label", file.name);
        row.append(name, bar, said);
        return { file, row, bar, said };
      });
      list.replaceChildren(...rows.map((one) => one.row));
    };
    const send = (one, n) => new Promise((resolve) => {
      const own = new FormData(form);
      const data = new FormData();
      for (const field of ["csrf", "key", "comment"]) { data.append(field, own.get(field)); }
      data.append("n", n);
      data.append("file", one.file, one.file.name);
      const request = new XMLHttpRequest();
      request.open("POST", form.action);
      request.responseType = "document";
      request.upload.addEventListener("progress", (event) => { one.bar.max = event.total; one.bar.value = event.loaded; });
      request.addEventListener("load", () => resolve(request));
      request.addEventListener("error", () => resolve(null));
      request.send(data);
    });
    const go = async () => {
      let [last, failed] = ["", false];
      for (const [index, one] of rows.entries()) {
        if (one.file.size > Number(form.dataset.most)) {
          one.said.textContent = form.dataset.large;
          failed = true;
          continue;
        }
        const answer = await send(one, rows.slice(0, index).filter((other) => other.file.name === one.file.name).length);
        if (answer?.status === 200) {
          last = answer.responseURL;
          // Led elsewhere, to sign in.
          if (!new URL(last).pathname.startsWith("/sent/")) { location.reload(); return; }
          one.said.textContent = form.dataset.done;
        } else {
          const alert = answer?.response?.querySelector("[role=alert]");
          one.said.textContent = alert ? alert.textContent : form.dataset.failed;
          one.said.className = "problem";
          failed = true;
        }
      }
      if (!failed && last) { location.href = rows.length === 1 ? last : `/sent${new URL(last).search}`; }
    };
    input.addEventListener("change", show);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (form.dataset.busy) { return; }
      form.dataset.busy = "1";
      const button = form.querySelector("button");
      button.disabled = true;
      show();
      await go();
      button.disabled = false;
      delete form.dataset.busy;
    });
    for (const kind of ["dragover", "dragleave", "drop"]) {
      form.addEventListener(kind, (event) => {
        if (!event.dataTransfer.types.includes("Files")) { return; }
        event.preventDefault();
        form.classList.toggle("over", kind === "dragover");
        if (kind === "drop" && !form.dataset.busy) { input.files = event.dataTransfer.files; show(); }
      });
    }
  }
})();
