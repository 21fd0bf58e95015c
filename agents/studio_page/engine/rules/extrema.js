// Rule `extrema`: at the last step, 3 for a unique highest note and 3 for a unique lowest one. As in the original, note
// offs and holds count for the highest.
"use strict";

function extremaRule({tokens}) {
  const isOnce = (token) => tokens.filter((each) => each === token).length === 1;
  const notes = tokens.filter(isNote);
  const highest = isOnce(Math.max(...tokens)), lowest = notes.length > 0 && isOnce(Math.min(...notes));
  return tokens.map((_, t) => (t === tokens.length - 1 ? 3 * highest + 3 * lowest : 0));
}
