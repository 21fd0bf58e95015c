// Melodies of files that are opened: notes onto the grid, into the range of the vocabulary, and in bars.
"use strict";

const MOST_STEPS = 1024;

// Tokens of what `readMidi` or `readAbc` returns: notes are moved by octaves into the vocabulary, the length is whole bars.
function tokensOfTune({notes, steps, meter}) {
  const [count, unit] = meter.split("/").map(Number), bar = count * 16 / unit;
  const onGrid = monophonic(notes.map(({start, end, pitch}) => ({
    start: Math.round(start),
    end: Math.max(Math.round(end), Math.round(start) + 1),
    pitch: pitch - 12 * Math.ceil(Math.max(pitch - MAX_PITCH, 0) / 12) + 12 * Math.ceil(Math.max(MIN_PITCH - pitch, 0) / 12),
  })));
  return tokensOf(onGrid, Math.min(Math.max(Math.ceil(steps / bar), 1) * bar, MOST_STEPS));
}
