// Before the first paint, so that nothing flashes: the theme that was chosen in this browser; without one, the system's.
"use strict";
(() => {
  const chosen = localStorage.getItem("empla-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
})();
