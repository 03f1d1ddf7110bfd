// What a page does in the browser beside htmx: the viewer's zone, what is new, the keyboard, the theme, charts. Without it, all pages still work.
"use strict";
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const formats = {
    minute: { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" },
    day: { year: "numeric", month: "short", day: "numeric" },
  };

  function localTimes(root) {
    for (const time of root.querySelectorAll("time[data-as]")) {
      const format = new Intl.DateTimeFormat(undefined, formats[time.dataset.as]);
      time.textContent = format.format(new Date(time.dateTime));
      time.title = `${time.title} · shown in ${zone}`;
      delete time.dataset.as;
    }
  }

  // A part with data-live="goal approval" is asked for again when something of these kinds has happened (to data-employee, where it says so).
  // What happens while it waits is shown with it: it is asked for soon, not once nothing happens any more; and not without a pause.
  const waiting = new Set();
  const askedAt = new Map();
  const [SOON, PAUSE] = [400, 1500];
  function refresh(part, after = Math.max(SOON, (askedAt.get(part.id) ?? -PAUSE) + PAUSE - performance.now())) {
    if (waiting.has(part.id)) return;
    waiting.add(part.id);
    setTimeout(() => {
      waiting.delete(part.id);
      const busy =
        part.contains(document.activeElement) && /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
      // Somebody writes there, or has opened a form: later, so that nothing moves under his hands.
      if (!part.isConnected) return;
      if (busy || part.querySelector(".decide details[open], .notices details[open]"))
        return void refresh(part, 3000);
      // Which part it is stands in the header; htmx would name the source of the request there, which is the page.
      askedAt.set(part.id, performance.now());
      const headers = { "HX-Target": `${part.localName}#${part.id}`, "X-Live": "1" };
      // Each part asks for itself: of several requests with one source, htmx drops all but the first two.
      const asked = { source: part, target: "#" + part.id, swap: "outerMorph", headers };
      htmx.ajax("GET", location.pathname + location.search, asked);
    }, after);
  }

  function follow() {
    if (!document.body.dataset.follow) return;
    const stream = new EventSource("/live");
    stream.onmessage = (message) => {
      const event = JSON.parse(message.data);
      const noun = event.kind.split(".")[0];
      for (const part of document.querySelectorAll("[data-live]")) {
        const kinds = part.dataset.live.split(" ");
        const whose = part.dataset.employee;
        if ((kinds.includes("all") || kinds.includes(noun)) && (!whose || whose === event.employee)) refresh(part);
      }
    };
    addEventListener("pagehide", () => stream.close());
  }

  function charts(root) {
    if (typeof uPlot === "undefined") return;
    for (const place of root.querySelectorAll(".chart[data-series]")) {
      const told = JSON.parse(place.dataset.series);
      place.removeAttribute("data-series");
      const probe = document.createElement("i");
      place.append(probe);
      const resolved = (name) => {
        probe.style.color = `var(${name})`;
        return getComputedStyle(probe).color;
      };
      const colours = ["--accent", "--warn", "--good", "--violet"].map(resolved);
      const axis = {
        stroke: resolved("--ink-2"),
        grid: { stroke: resolved("--line"), width: 1 },
        ticks: { stroke: resolved("--line") },
      };
      probe.remove();
      const when = new Intl.DateTimeFormat(undefined, formats.day);
      // Where nobody points, the legend says the latest values.
      const latest = (drawn) => drawn.setLegend({ idx: told.x.length - 1 }, false);
      const size = () => ({ width: place.clientWidth, height: Math.max(180, Math.min(260, place.clientWidth / 2.6)) });
      const plot = new uPlot(
        {
          ...size(),
          series: [
            { label: "When", value: (_, at) => (at == null ? "" : when.format(new Date(at * 1000))) },
            ...told.series.map((one, at) => ({
              label: one.label,
              stroke: colours[at % 4],
              width: 2,
              points: { show: !one.dashed && told.x.length < 40 },
              spanGaps: true,
              dash: one.dashed ? [6, 4] : undefined,
              paths: one.steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
            })),
          ],
          axes: [axis, { ...axis, size: 56, label: told.unit || undefined, labelSize: told.unit ? 18 : 0 }],
          scales: told.range ? { y: { range: told.range } } : {},
          hooks: { setCursor: [(drawn) => drawn.cursor.idx == null && latest(drawn)] },
        },
        [told.x, ...told.series.map((one) => one.y)],
        place,
      );
      latest(plot);
      new ResizeObserver(() => plot.setSize(size())).observe(place);
    }
  }

  // j and k move among what can be decided, and the letter of a button (data-key) presses it.
  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "Escape" && typing) typing.blur();
    if (typing) return;
    if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
      return;
    }
    const items = [...document.querySelectorAll("[data-item]")];
    const at = items.findIndex((item) => item.contains(document.activeElement));
    if (event.key === "j" || event.key === "k") {
      const next = items[Math.min(items.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)))];
      if (next) {
        event.preventDefault();
        next.focus();
        next.scrollIntoView({ block: "nearest" });
      }
      return;
    }
    const within = at >= 0 ? items[at] : null;
    const button = within && within.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (button) {
      event.preventDefault();
      button.click();
    }
  }

  function theme() {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("empla-theme", root.dataset.theme);
  }

  function clicks(event) {
    if (event.target.closest("[data-theme-toggle]")) theme();
    const copier = event.target.closest("[data-copy]");
    if (copier) copied(copier);
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      const opened = document.getElementById(opener.dataset.opens);
      opened.hidden = !opened.hidden;
      opener.setAttribute("aria-expanded", String(!opened.hidden));
      if (!opened.hidden) (opened.querySelector("input, textarea, select") || opened).focus();
    }
  }

  // Where the clipboard is not to be had (a page that did not come over TLS), the text is selected, to be copied by hand.
  function copied(button) {
    const place = document.getElementById(button.dataset.copy);
    place.select();
    const done = () => {
      button.textContent = "Copied";
    };
    if (navigator.clipboard) navigator.clipboard.writeText(place.value).then(done, () => {});
    else if (document.execCommand("copy")) done();
  }

  // Opening a form leads to its first field; of several, one is open.
  function opens(event) {
    const place = event.target;
    if (!place.open || !place.closest(".decide")) return;
    for (const other of place.parentElement.querySelectorAll("details[open]")) if (other !== place) other.open = false;
    const field = place.querySelector("input:not([type=hidden]), textarea, select");
    if (field) field.focus();
  }

  // What was decided is gone: the keyboard goes on with what has come to its place.
  let lastItem = -1;
  function itemFocused(event) {
    const items = [...document.querySelectorAll("[data-item]")];
    lastItem = items.findIndex((item) => item.contains(event.target));
  }
  function goOn() {
    if (lastItem < 0 || document.activeElement !== document.body) return;
    const items = [...document.querySelectorAll("[data-item]")];
    if (items.length) items[Math.min(lastItem, items.length - 1)].focus();
  }

  // A link's token stands behind the #: it is put into the form, and out of the address.
  function welcome() {
    const place = document.querySelector("input[data-from-hash]");
    if (!place || location.hash.length < 2) return;
    place.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, "", location.pathname);
    place.form.requestSubmit();
  }

  function dressed(root) {
    localTimes(root);
    charts(root);
  }
  // A form with data-submit-on-change is sent when something in it was chosen.
  function changes(event) {
    const form = event.target.form;
    if (form && form.dataset.submitOnChange !== undefined) form.requestSubmit();
  }
  document.addEventListener("DOMContentLoaded", () => {
    dressed(document);
    follow();
    welcome();
  });
  document.addEventListener("htmx:after:swap", () => {
    dressed(document);
    goOn();
  });
  document.addEventListener("focusin", itemFocused);
  document.addEventListener("toggle", opens, true);
  document.addEventListener("keydown", keys);
  document.addEventListener("click", clicks);
  document.addEventListener("change", changes);
})();
