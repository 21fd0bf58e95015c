// Rule `repetition`: excessive repetition of a token in a run, which begins after the last other pitch.
"use strict";

function repetitionRule({tokens, previous}, {limit = 4, limit_with_gaps = 6, note_off_limit = 1}) {
  let noteOffs = 0, holds = 0, notes = 0, hasGaps = false;
  const value = (count, isRelaxed) => (count > (isRelaxed ? limit_with_gaps : Math.min(limit, limit_with_gaps)) ? -100 : 0);
  return tokens.map((token, t) => {
    if (token === NOTE_OFF) {
      hasGaps = true;
      return noteOffs++ > note_off_limit ? -100 : 0;
    }
    if (token === NO_EVENT) {
      hasGaps = true;
      return value(holds++, noteOffs > 0);
    }
    if (token === previous[t]) {
      noteOffs = holds = 0;
      return value(notes++, hasGaps);
    }
    hasGaps = noteOffs + holds > 0;
    noteOffs = holds = 0;
    notes = 1;
    return 0;
  });
}
