// Rules `key` and `tonic`: notes of the scale, and the tonic at the beginning and at the end.
"use strict";

function keyRule({tokens, setting}) {
  return tokens.map((token) => (isNote(token) && !setting.inScale(pitchOfToken(token)) ? -1 : 0));
}

// 3 for the tonic at the first step and at the start of the last beat, and for holding it there.
function tonicRule({tokens, setting}) {
  const tonic = tokenOfPitch(setting.tonicPitch);
  return tokens.map((token, t) => {
    const ofLastBeat = t - tokens.length + setting.stepsPerBeat;
    let value = (t === 0 || ofLastBeat === 0) && token === tonic ? 3 : 0;
    if (ofLastBeat === 1) value = token === NO_EVENT ? 3 : 0;
    if (ofLastBeat > 1) value = isNote(token) ? 0 : 3;
    return value;
  });
}
