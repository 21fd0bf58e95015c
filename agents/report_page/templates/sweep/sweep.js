// The trial that the reader points at is marked wherever it is shown; a click keeps it marked.
"use strict";
const kept = new Set();

function mark(trial, isMarked) {
  for (const shown of document.querySelectorAll(`[data-trial="${trial}"]`)) {
    shown.classList.toggle("marked", isMarked || kept.has(trial));
  }
}

for (const shown of document.querySelectorAll("[data-trial]")) {
  const trial = shown.dataset.trial;
  shown.addEventListener("pointerenter", () => mark(trial, true));
  shown.addEventListener("pointerleave", () => mark(trial, false));
  shown.addEventListener("click", () => {
    if (!kept.delete(trial)) kept.add(trial);
    mark(trial, false);
  });
}

const seconds = Number(document.body.dataset.seconds);
if (seconds) setTimeout(() => location.reload(), 1000 * seconds);
document.body.dataset.ready = "";
