/* Shows parts of a page anew: when something changes, and when a form is sent. */
"use strict";

(() => {
  const here = () => location.pathname + location.search;
  const liveParts = () => [...document.querySelectorAll("[data-live]")].map((e) => e.id);
  const offline = document.getElementById("offline");

  function busy(part) {
    const at = document.activeElement;
    const typing = part.contains(at) && at.matches("input:not([type=hidden]), select, textarea");
    return typing || Boolean(part.querySelector("input[type=checkbox]:checked"));
  }

  // What was unfolded and where the focus was stay, as far as they have ids.
  function replace(old, fresh) {
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    const unfolded = [...old.querySelectorAll("details[open][id]")].map((e) => e.id);
    // Screen readers listen to this very element.
    if (old.id === "told") old.replaceChildren(...fresh.childNodes);
    else old.replaceWith(fresh);
    for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  // `gently`: what somebody is filling in stays as it is.
  function swap(html, gently) {
    const fetched = new DOMParser().parseFromString(html, "text/html").body;
    for (const fresh of [...fetched.children]) {
      const old = fresh.id && document.getElementById(fresh.id);
      if (!old || old.outerHTML === fresh.outerHTML || (gently && busy(old))) continue;
      replace(old, fresh);
    }
  }

  async function ask(url, parts, options, gently) {
    const headers = { "X-Part": parts.join(" "), ...(options.headers || {}) };
    const answer = await fetch(url, { ...options, headers, credentials: "same-origin" });
    if (answer.status === 401) return location.reload(); // logged out meanwhile
    const to = new URL(answer.url);
    if (answer.redirected && to.pathname !== location.pathname) return location.assign(to);
    const text = await answer.text();
    if (answer.ok) return swap(text, gently);
    if (gently) throw new Error(answer.status);
    const fetched = new DOMParser().parseFromString(text, "text/html");
    document.getElementById("main").replaceWith(fetched.getElementById("main"));
  }

  /* What changes by itself. */
  let waiting = false, again = false;
  async function refresh() {
    if (waiting) { again = true; return; }
    const parts = liveParts();
    if (!parts.length) return;
    waiting = true;
    try {
      await ask(here(), parts, { headers: { "X-Live": "1" } }, true);
      offline.hidden = true;
    } catch {
      offline.hidden = false;
    }
    waiting = false;
    if (again) { again = false; refresh(); }
  }

  function listen() {
    if (!liveParts().length || !window.EventSource) return;
    const stream = new EventSource("/stream");
    stream.addEventListener("changed", refresh);
    stream.addEventListener("over", () => { stream.close(); location.reload(); });
    stream.addEventListener("open", () => { offline.hidden = true; });
    stream.addEventListener("error", () => {
      offline.hidden = false;
      // A refusal ends it for good: ask ourselves, now and then.
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => { refresh(); listen(); }, 15000);
    });
    window.addEventListener("pagehide", () => stream.close());
  }

  /* Forms that leave the page where it is. */
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const parts = (form.dataset.part || form.dataset.search || "").split(" ").filter(Boolean);
    if (!parts.length) return;
    event.preventDefault();
    const data = new URLSearchParams(new FormData(form, event.submitter));
    event.submitter?.setAttribute("aria-busy", "true");
    try {
      if (form.method === "get") await search(form, data, parts);
      else await ask(form.action, parts, { method: "POST", body: data }, false);
      offline.hidden = true;
    } catch {
      offline.hidden = false;
    }
    event.submitter?.removeAttribute("aria-busy");
  });

  /* Searching while somebody types. */
  async function search(form, data, parts) {
    const url = new URL(form.action);
    url.search = data.toString();
    await ask(url, parts, {}, false);
    history.replaceState(null, "", url);
  }

  let pause = 0;
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (!form?.dataset.search) return;
    clearTimeout(pause);
    pause = setTimeout(() => form.requestSubmit(), 250);
  });

  listen();
})();
