// The start of the page.
"use strict";

const studioData = JSON.parse(byId("data").textContent);

agentsOf(studioData).then((agents) => {
  new Studio(studioData, agents).begin();
  document.body.dataset.ready = "";
});
