// The slider through time: a day of the range is the date that is sent; the last day is now, which is no date. Without it, the date alone is there.
"use strict";
(() => {
  const DAY = 86400000;
  const said = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" });
  let soon;

  function day(range) {
    return new Date(Date.parse(range.dataset.asOf) + Number(range.value) * DAY);
  }

  function tell(range) {
    range.setAttribute("aria-valuetext", range.value === range.max ? "now" : said.format(day(range)));
  }

  function ready() {
    for (const slide of document.querySelectorAll("[data-as-of-slide]")) {
      slide.hidden = false;
      tell(slide.querySelector("input"));
    }
  }

  document.addEventListener("input", (event) => {
    const range = event.target.closest("input[data-as-of]");
    if (!range) return;
    range.form.elements.as_of.value = day(range).toISOString().slice(0, 10);
    tell(range);
    clearTimeout(soon);
    soon = setTimeout(() => range.form.requestSubmit(), 150);
  });
  // Letting go sends the form at once (page.js).
  document.addEventListener("change", (event) => {
    const range = event.target.closest("input[data-as-of]");
    if (range) {
      clearTimeout(soon);
      return;
    }
    const date = event.target.closest("input[name=as_of]");
    const other = date && date.form.querySelector("input[data-as-of]");
    if (!other) return;
    if (!date.value) date.value = date.max;
    other.value = Math.round((Date.parse(date.value) - Date.parse(other.dataset.asOf)) / DAY);
    tell(other);
  });
  // An address says what was asked for, and nothing else: today is now, whenever one comes back.
  document.addEventListener("formdata", (event) => {
    const date = event.target.elements.as_of;
    if (!date) return;
    for (const [name, value] of [...event.formData])
      if (!value || (name === "as_of" && value === date.max)) event.formData.delete(name);
  });
  document.addEventListener("DOMContentLoaded", ready);
})();
