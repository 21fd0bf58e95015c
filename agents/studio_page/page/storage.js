// Local storage: the document and the votes outlive the tab. Nothing leaves this browser.
"use strict";

const MOST_STORED = 200;

class Storage {
  constructor(id) {
    this.key = `melody-rl-studio-${id}`;
  }

  // What was stored, or null; a browser may refuse storage to files.
  read() {
    try {
      return JSON.parse(localStorage.getItem(this.key));
    } catch {
      return null;
    }
  }

  write({past, state, future}, votes) {
    try {
      localStorage.setItem(this.key, JSON.stringify({past: past.slice(-MOST_STORED), state, future: future.slice(-MOST_STORED), votes}));
    } catch {
      // The page works without it.
    }
  }

  clear() {
    try {
      localStorage.removeItem(this.key);
    } catch {
      // There is nothing to clear.
    }
  }
}
