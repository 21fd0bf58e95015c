// The Bradley-Terry fit of one listener's votes, with the same numbers as melody_env/reward_design/bradley_terry.py.
// R rules; a row [R + 1] holds the rules of the first melody minus those of the second, and 1 for the bias to the first.
"use strict";

const LARGEST_LOG_ODDS = 30, FIT_ITERATIONS = 50, FIT_TOLERANCE = 1e-7;

const dot = (a, b) => a.reduce((sum, each, i) => sum + each * b[i], 0);

// The inverse of a positive definite matrix, by Gauss-Jordan elimination.
function inverse(matrix) {
  const size = matrix.length;
  const rows = matrix.map((row, i) => Float64Array.from({length: 2 * size}, (_, j) => (j < size ? row[j] : Number(j - size === i))));
  for (let i = 0; i < size; i++) {
    const pivot = rows[i][i];
    for (let j = i; j < 2 * size; j++) rows[i][j] /= pivot;
    for (let k = 0; k < size; k++) {
      const factor = rows[k][i];
      if (k === i || factor === 0) continue;
      for (let j = i; j < 2 * size; j++) rows[k][j] -= factor * rows[i][j];
    }
  }
  return rows.map((row) => row.slice(size));
}

function chance(weights, row) {
  return 1 / (1 + Math.exp(-Math.max(-LARGEST_LOG_ODDS, Math.min(dot(weights, row), LARGEST_LOG_ODDS))));
}

// The posterior of the weights and the bias, normal about its mode: {mean, covariance}. `prior` is {mean, precision};
// outcomes are 1 for the first melody, 0 for the second, 0.5 for neither. By Newton's method.
function fitVotes(prior, rows, outcomes) {
  let mean = [...prior.mean], covariance = inverse(prior.precision);
  for (let iteration = 0; rows.length && iteration < FIT_ITERATIONS; iteration++) {
    const slope = prior.precision.map((own) => dot(own, prior.mean.map((each, i) => each - mean[i])));
    const curvature = prior.precision.map((own) => [...own]);
    rows.forEach((row, vote) => {
      const first = chance(mean, row);
      for (let i = 0; i < row.length; i++) {
        if (row[i] === 0) continue;
        slope[i] += (outcomes[vote] - first) * row[i];
        for (let j = 0; j < row.length; j++) curvature[i][j] += first * (1 - first) * row[i] * row[j];
      }
    });
    covariance = inverse(curvature);
    const step = covariance.map((own) => dot(own, slope));
    mean = mean.map((each, i) => each + step[i]);
    if (Math.max(...step.map(Math.abs)) < FIT_TOLERANCE) break;
  }
  return {mean, covariance};
}

// What a vote on `row` would teach about the weights: p (1 - p) x' C x, C their posterior covariance.
function information(fitted, row) {
  const first = chance(fitted.mean, row), rules = row.length - 1;
  let variance = 0;
  for (let i = 0; i < rules; i++) {
    if (row[i] === 0) continue;
    let along = 0;
    for (let j = 0; j < rules; j++) along += fitted.covariance[i][j] * row[j];
    variance += row[i] * along;
  }
  return first * (1 - first) * variance;
}
