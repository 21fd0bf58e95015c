// Editing on the roll, by pointer and by keyboard: add, move, lengthen, delete and lock notes; select bars.
"use strict";

const EDGE = 7, NEW_STEPS = 2, TWO_TAPS_MS = 400;

// The tokens after `note` {start, end, pitch} is written over `tokens` without `old`, a note that it replaces or null.
function withNote(tokens, note, old = null) {
  const others = notesOf(tokens).filter(({start}) => start !== old?.start);
  const kept = others.flatMap((other) => {
    if (other.end <= note.start || other.start >= note.end) return [other];
    return other.start < note.start ? [{...other, end: note.start}] : [];
  });
  return tokensOf([...kept, note].sort((one, another) => one.start - another.start), tokens.length);
}

const withoutNote = (tokens, note) => tokensOf(notesOf(tokens).filter(({start}) => start !== note.start), tokens.length);
const noteAt = (tokens, step, pitch) => notesOf(tokens).find((note) => note.start <= step && step < note.end && note.pitch === pitch);

class Editing {
  // `studio` has work, roll, transport, and select(selection), point(caret), seek(step).
  constructor(studio) {
    this.studio = studio;
    const {sheet} = studio.roll;
    sheet.addEventListener("pointerdown", (event) => this.press(event));
    sheet.addEventListener("touchmove", (event) => this.isHolding && event.preventDefault(), {passive: false});
    sheet.addEventListener("pointermove", (event) => event.buttons || studio.describe(studio.roll.at(event)));
    sheet.addEventListener("pointerleave", () => studio.describe(studio.caret));
    sheet.addEventListener("keydown", (event) => this.key(event));
    sheet.addEventListener("focus", () => studio.point(studio.caret ?? {step: 0, pitch: studio.work.setting.tonicPitch}));
  }

  get tokens() {
    return this.studio.work.state.tokens;
  }

  noteUnder(event) {
    const {step, pitch, isRuler, isRewards} = this.studio.roll.at(event);
    return isRuler || isRewards ? undefined : noteAt(this.tokens, step, pitch);
  }

  press(event) {
    if (event.button !== 0) return;
    const place = this.studio.roll.at(event), note = this.noteUnder(event);
    this.studio.point({step: place.step, pitch: place.pitch});
    this.isHolding = place.isRuler || note !== undefined;
    if (place.isRewards) return this.studio.seek(place.step);
    if (place.isRuler) return this.drag(event, this.selecting(place));
    if (note) return this.drag(event, this.moving(note, place));
    this.drag(event, {moved: () => {}, ended: (isStill) => isStill && this.add(place)});
  }

  // Follow the pointer until it is released; `ended` is called with whether it stayed in its place.
  drag(event, {moved, ended}) {
    const {sheet} = this.studio.roll, start = [event.clientX, event.clientY];
    let isStill = true;
    const follow = (next) => {
      isStill &&= Math.hypot(next.clientX - start[0], next.clientY - start[1]) < 4;
      if (!isStill) moved(this.studio.roll.at(next));
    };
    const finish = (isReleased) => {
      this.isHolding = false;
      for (const [name, listener] of listeners) sheet.removeEventListener(name, listener);
      ended(isReleased && isStill);
    };
    const listeners = [["pointermove", follow], ["pointerup", () => finish(true)], ["pointercancel", () => finish(false)]];
    for (const [name, listener] of listeners) sheet.addEventListener(name, listener);
    sheet.setPointerCapture(event.pointerId);
  }

  selecting({step}) {
    const {studio} = this, bar = studio.work.setting.stepsPerBar, steps = this.tokens.length;
    const toBars = (other) => ({
      start: Math.floor(Math.min(step, other) / bar) * bar,
      end: Math.min((Math.floor(Math.max(step, other) / bar) + 1) * bar, steps),
    });
    const moved = (place) => studio.select(toBars(place.step));
    const isSelected = studio.selection && step >= studio.selection.start && step < studio.selection.end;
    return {moved, ended: (isStill) => isStill && (isSelected ? studio.select(null) : moved({step}))};
  }

  moving(note, place) {
    const {studio} = this, before = studio.work.state;
    const isEdge = (note.end - place.exact) * studio.roll.stepWidth < EDGE && note.end - note.start >= 1 && place.exact - note.start > 0.4;
    let latest = note;
    const moved = (next) => {
      const shift = Math.max(-note.start, Math.min(next.step - place.step, this.tokens.length - note.end));
      const other = isEdge
        ? {...note, end: Math.max(next.step + 1, note.start + 1)}
        : {start: note.start + shift, end: note.end + shift, pitch: next.pitch};
      if (other.pitch !== latest.pitch) studio.transport.strike(other.pitch);
      latest = other;
      studio.work.show({...before, tokens: withNote(before.tokens, other, note), isComposed: false});
    };
    const ended = (isStill) => {
      if (isStill) return this.tap(note);
      const {tokens} = studio.work.state;
      studio.work.show(before);
      studio.work.change({tokens, isComposed: false, locked: this.movedLocks(before.locked, note, latest)});
    };
    return {moved, ended};
  }

  // A tap sounds the note; two soon after each other delete it.
  tap(note) {
    const now = performance.now(), {tapped} = this;
    const isSecond = tapped?.start === note.start && now - tapped.at < TWO_TAPS_MS;
    this.tapped = isSecond ? null : {start: note.start, at: now};
    if (isSecond) this.remove(note);
    else this.studio.transport.strike(note.pitch);
  }

  movedLocks(locked, note, latest) {
    return locked.map((isLocked, t) => (t >= latest.start && t < latest.end ? locked[note.start] : isLocked && !(t >= note.start && t < note.end)));
  }

  change(tokens) {
    this.studio.work.change({tokens, isComposed: false});
  }

  add({step, pitch}) {
    const after = notesOf(this.tokens).find(({start}) => start > step)?.start ?? this.tokens.length;
    this.change(withNote(this.tokens, {start: step, end: Math.min(step + NEW_STEPS, after), pitch}));
    this.studio.transport.strike(pitch);
  }

  remove(note) {
    if (note) this.change(withoutNote(this.tokens, note));
  }

  // Lock the note, so that composing keeps it, or unlock it.
  toggleLock(note) {
    if (!note) return;
    const {locked} = this.studio.work.state;
    this.studio.work.change({locked: locked.map((isLocked, t) => (t >= note.start && t < note.end ? !locked[note.start] : isLocked))});
  }

  shift(note, steps, semitones) {
    const start = note.start + steps, pitch = note.pitch + semitones;
    if (start < 0 || note.end + steps > this.tokens.length || pitch < MIN_PITCH || pitch > MAX_PITCH) return;
    this.change(withNote(this.tokens, {start, end: note.end + steps, pitch}, note));
    this.studio.transport.strike(pitch);
    this.studio.point({step: this.studio.caret.step + steps, pitch});
  }

  lengthen(note, steps) {
    const end = Math.min(Math.max(note.end + steps, note.start + 1), this.tokens.length);
    this.change(withNote(this.tokens, {...note, end}, note));
  }

  key(event) {
    const {studio} = this, {caret} = studio, bar = studio.work.setting.stepsPerBar, last = this.tokens.length - 1;
    if (!caret || event.ctrlKey || event.metaKey) return;
    const note = noteAt(this.tokens, caret.step, caret.pitch);
    const clipped = (number, least, most) => Math.min(Math.max(number, least), most);
    const go = (steps, semitones) => {
      const step = clipped(caret.step + steps, 0, last);
      const {start, end} = studio.selection ?? {start: caret.step, end: caret.step + 1};
      if (event.shiftKey) studio.select({start: Math.min(step, start), end: Math.max(step + 1, end)});
      studio.point({step, pitch: clipped(caret.pitch + semitones, MIN_PITCH, MAX_PITCH)});
    };
    const move = (steps, semitones) => (event.altKey ? note && this.shift(note, steps, semitones) : go(steps, semitones));
    const keys = {
      ArrowRight: () => move(1, 0), ArrowLeft: () => move(-1, 0), ArrowUp: () => move(0, 1), ArrowDown: () => move(0, -1),
      PageDown: () => go(bar, 0), PageUp: () => go(-bar, 0), Home: () => go(-last, 0), End: () => go(last, 0),
      Enter: () => (note ? studio.transport.strike(note.pitch) : this.add(caret)),
      Delete: () => this.remove(note), Backspace: () => this.remove(note),
      l: () => this.toggleLock(note), "+": () => note && this.lengthen(note, 1), "-": () => note && this.lengthen(note, -1),
      Escape: () => studio.select(null),
    };
    if (!keys[event.key]) return;
    keys[event.key]();
    event.preventDefault();
    event.stopPropagation();
  }
}
