// The page of tunes: what was changed is marked.
"use strict";

class Tune extends Melody {
  drawDetails() {
    const picture = svg("svg", {class: "marks", "aria-hidden": "true"}, this.slider);
    for (const [first, last] of this.card.changed)
      svg("rect", {class: "new", x: percent(first / this.length), width: percent((last - first + 1) / this.length), height: "100%"}, picture);
  }

  details(step) {
    return this.card.changed.some(([first, last]) => first <= step && step <= last) ? [inline("em", "new")] : [];
  }
}

for (const figure of document.querySelectorAll("figure.melody")) new Tune(figure);
