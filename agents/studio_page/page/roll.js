// The piano roll: a ruler of bars and chords, the notes, what is likely at each step, the reward of each step, and the cursor.
"use strict";

const ROWS = PITCHES, RULER = 22, CHORD_LINE = 20, REWARDS = 46, LEAST_STEP = 13, MOST_STEP = 40;
const LEAST_SHOWN = 0.01;

class Roll {
  constructor(root, work) {
    this.work = work;
    this.scroller = root.querySelector(".scroller");
    this.sheet = root.querySelector(".sheet");
    this.canvas = root.querySelector("canvas");
    this.keys = root.querySelector(".gutter");
    this.picture = svg("svg", {"aria-hidden": "true"}, this.sheet);
    this.marks = ["ruler", "selected", "notes", "rewards", "caret", "cursor"].reduce(
      (layers, name) => ({...layers, [name]: svg("g", {class: name}, this.picture)}), {});
    this.line = svg("line", {visibility: "hidden"}, this.marks.cursor);
    this.likely = null;
    this.scroller.addEventListener("scroll", () => this.paint());
    new ResizeObserver(() => this.draw()).observe(this.scroller);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  get rowHeight() {
    return matchMedia("(max-width: 44rem)").matches ? 11 : 13;
  }

  // The height of the ruler.
  get top() {
    return RULER + (this.work.setting.progression.length ? CHORD_LINE : 0);
  }

  get bottom() {
    return this.top + ROWS * this.rowHeight;
  }

  x(step) {
    return step * this.stepWidth;
  }

  y(pitch) {
    return this.top + (MAX_PITCH - pitch) * this.rowHeight;
  }

  // The step and the pitch at a pointer, and what it is on.
  at(event) {
    const box = this.picture.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top, steps = this.work.state.tokens.length;
    const step = Math.min(Math.max(Math.floor(x / this.stepWidth), 0), steps - 1);
    const pitch = Math.min(Math.max(MAX_PITCH - Math.floor((y - this.top) / this.rowHeight), MIN_PITCH), MAX_PITCH);
    return {step, pitch, isRuler: y < this.top, isRewards: y > this.bottom, exact: x / this.stepWidth};
  }

  // Draw everything anew, with the `selection` {start, end} and the `caret` {step, pitch}, each or null.
  draw(selection = this.selection, caret = this.caret) {
    Object.assign(this, {selection, caret});
    const {tokens, locked} = this.work.state, steps = tokens.length, {setting} = this.work;
    this.stepWidth = Math.min(Math.max(this.scroller.clientWidth / steps, LEAST_STEP), MOST_STEP);
    const width = Math.ceil(this.x(steps)), height = this.bottom + REWARDS;
    this.sheet.style.width = `${width}px`;
    this.sheet.style.height = `${height}px`;
    for (const [name, value] of [["width", width], ["height", height]]) this.picture.setAttribute(name, value);
    this.drawRuler(setting, steps);
    this.drawNotes(notesOf(tokens), locked);
    this.marks.selected.replaceChildren();
    if (selection) svg("rect", {x: this.x(selection.start), width: this.x(selection.end - selection.start), y: 0, height}, this.marks.selected);
    this.marks.caret.replaceChildren();
    if (caret) svg("rect", {x: this.x(caret.step), width: this.stepWidth, y: this.y(caret.pitch), height: this.rowHeight, rx: 2.5}, this.marks.caret);
    this.drawKeys(setting);
    this.paint();
  }

  // Rectangles that are there are used again, and none is removed: a finger that drags one would lose it.
  drawNotes(notes, locked) {
    const {children} = this.marks.notes;
    while (children.length < notes.length) svg("rect", {rx: 2.5}, this.marks.notes);
    [...children].forEach((rectangle, i) => {
      if (!notes[i]) return rectangle.setAttribute("class", "spare");
      const {start, end, pitch} = notes[i];
      const attributes = {
        class: locked[start] ? "note locked" : "note", x: this.x(start) + 0.5, width: this.x(end - start) - 1.5,
        y: this.y(pitch) + 0.5, height: this.rowHeight - 1, "data-start": start, "data-end": end, "data-pitch": pitch,
      };
      for (const [name, value] of Object.entries(attributes)) rectangle.setAttribute(name, value);
    });
  }

  drawRuler({stepsPerBar, sections, progression}, steps) {
    this.marks.ruler.replaceChildren();
    svg("rect", {class: "band", width: this.x(steps), height: this.top}, this.marks.ruler);
    const names = new Map(sections.map(({start, name}) => [start, name]));
    for (let bar = 0; bar * stepsPerBar < steps; bar++) {
      const text = svg("text", {x: this.x(bar * stepsPerBar) + 5, y: 15}, this.marks.ruler);
      text.textContent = [bar + 1, names.get(bar * stepsPerBar)].filter((each) => each !== undefined).join("  ");
    }
    for (const each of progression) this.drawChord(each);
  }

  // Write a chord where it begins, narrower if it has not room enough until the next.
  drawChord({start, end, chord}) {
    const text = svg("text", {class: "chord", x: this.x(start) + 5, y: RULER + 13}, this.marks.ruler), room = this.x(end - start) - 8;
    text.textContent = chordLabel(chord);
    if (text.getComputedTextLength() <= room) return;
    text.setAttribute("textLength", room);
    text.setAttribute("lengthAdjust", "spacingAndGlyphs");
  }

  drawKeys(setting) {
    this.keys.style.height = `${this.bottom}px`;
    this.keys.replaceChildren();
    for (let pitch = MIN_PITCH; pitch <= MAX_PITCH; pitch++) {
      const key = document.createElement("div");
      key.className = [PITCH_CLASSES[pitch % 12].length > 1 ? "black" : "white", setting.inScale(pitch) ? "" : "outside"].join(" ");
      key.style.cssText = `top: ${this.y(pitch)}px; height: ${this.rowHeight}px`;
      key.dataset.pitch = pitch;
      if (pitch % 12 === setting.tonic) key.textContent = pitchName(pitch);
      this.keys.append(key);
    }
  }

  // Show the `values` of the steps (weighted rules / c) as bars, up if positive; logarithmic, since they differ a hundredfold.
  drawRewards(values) {
    this.marks.rewards.replaceChildren();
    const middle = this.bottom + REWARDS / 2;
    svg("line", {x1: 0, x2: this.x(values.length), y1: middle, y2: middle}, this.marks.rewards);
    values.forEach((value, step) => {
      const size = Math.min(Math.log1p(Math.abs(value)) / Math.log1p(20), 1) * (REWARDS / 2 - 3);
      if (size < 0.3) return;
      const place = {x: this.x(step + 0.2), width: 0.6 * this.stepWidth, y: value < 0 ? middle : middle - size, height: size};
      svg("rect", {class: value < 0 ? "cost" : "reward", rx: 1, ...place}, this.marks.rewards);
    });
  }

  // Paint the part that is visible: rows, bar lines, and the probabilities of `likely` [steps * 38].
  paint() {
    const {canvas, scroller, rowHeight, stepWidth} = this, ratio = devicePixelRatio || 1;
    const width = scroller.clientWidth, height = this.bottom, left = scroller.scrollLeft;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d"), style = getComputedStyle(canvas), {setting} = this.work;
    const colour = (name) => style.getPropertyValue(`--${name}`);
    context.scale(ratio, ratio);
    context.translate(-left, 0);
    const steps = this.work.state.tokens.length, end = Math.min(this.x(steps), left + width);
    for (let pitch = MIN_PITCH; pitch <= MAX_PITCH; pitch++) {
      context.fillStyle = colour(setting.inScale(pitch) ? "raised" : "faint");
      context.fillRect(left, this.y(pitch), end - left, rowHeight);
      if (pitch % 12 !== setting.tonic) continue;
      context.fillStyle = colour("line");
      context.fillRect(left, this.y(pitch) + rowHeight - 1, end - left, 1);
    }
    const first = Math.floor(left / stepWidth), last = Math.min(Math.ceil((left + width) / stepWidth), steps);
    for (let step = first; step <= last; step++) {
      const isBar = step % setting.stepsPerBar === 0;
      if (!isBar && step % setting.stepsPerBeat) continue;
      context.fillStyle = colour(isBar ? "quiet" : "line");
      context.globalAlpha = isBar ? 0.55 : 0.7;
      context.fillRect(this.x(step), this.top, 1, height - this.top);
    }
    if (!this.likely) return;
    context.fillStyle = colour("likely");
    for (let step = first; step < last; step++) {
      for (let token = FIRST_PITCH_TOKEN; token < VOCABULARY_SIZE; token++) {
        const chance = this.likely[step * VOCABULARY_SIZE + token];
        if (chance < LEAST_SHOWN) continue;
        context.globalAlpha = 0.75 * chance ** 0.5;
        context.fillRect(this.x(step) + 1, this.y(pitchOfToken(token)) + 1, stepWidth - 1, rowHeight - 1);
      }
    }
  }

  showLikely(likely) {
    this.likely = likely;
    this.paint();
  }

  // Move the cursor of playing to `position`, in steps, and keep it in sight; null hides it.
  moveCursor(position) {
    this.line.setAttribute("visibility", position === null ? "hidden" : "visible");
    if (position === null) return;
    const x = this.x(position);
    for (const [name, value] of [["x1", x], ["x2", x], ["y1", 0], ["y2", this.bottom + REWARDS]]) this.line.setAttribute(name, value);
    const {scrollLeft, clientWidth} = this.scroller;
    if (x < scrollLeft || x > scrollLeft + clientWidth - 20) this.scroller.scrollLeft = Math.max(x - 40, 0);
  }
}
