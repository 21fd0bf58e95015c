// The nine rules of the paper over a melody, step by step.
"use strict";

const RULES = {
  key: keyRule,
  tonic: tonicRule,
  repetition: repetitionRule,
  autocorrelation: autocorrelationRule,
  motif: motifRule,
  repeated_motif: repeatedMotifRule,
  interval: intervalRule,
  leap: leapRule,
  extrema: extremaRule,
};

// For each rule its values for `tokens`, one for each step, unweighted. `parameters` are those of rules by name.
function ruleValues(tokens, setting, parameters) {
  let last = 0;
  const previous = tokens.map((token) => {
    const before = last;
    if (isNote(token)) last = token;
    return before;
  });
  const melody = {tokens, previous, setting};
  return Object.fromEntries(Object.entries(RULES).map(([name, rule]) => [name, rule(melody, parameters[name] ?? {})]));
}

// The weighted sum of rule `values` at each step.
function weighted(values, weights) {
  const [first] = Object.values(values);
  return first.map((_, t) => Object.entries(values).reduce((sum, [name, ofSteps]) => sum + (weights[name] ?? 0) * ofSteps[t], 0));
}
