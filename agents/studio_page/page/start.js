// The start of the page.
"use strict";

const studioData = JSON.parse(byId("data").textContent);

if (matchMedia("(max-width: 44rem)").matches) for (const details of document.querySelectorAll(".folded")) details.open = false;

agentsOf(studioData).then((agents) => {
  new Studio(studioData, agents).begin();
  document.body.dataset.ready = "";
});
