// Rule `autocorrelation`: -3 times the absolute autocorrelations above a threshold at lags 1..max_lag, of the melody so
// far as numbers, transposed as if the tonic were C.
"use strict";

const TIE = 1e-9;

function autocorrelationRule({tokens, setting}, {max_lag = 3, threshold = 0.15}) {
  const fromC = setting.tonicPitch - MIDDLE_C;
  const numbers = tokens.map((token) => (isNote(token) ? token - fromC : token));
  const products = new Array(max_lag + 1).fill(0), totals = new Array(max_lag + 1).fill(0);
  return numbers.map((number, t) => {
    for (let lag = 0; lag <= Math.min(max_lag, t); lag++) {
      totals[lag] += numbers[t - lag] + number;
      products[lag] += numbers[t - lag] * number;
    }
    const n = t + 1, square = (totals[0] / 2) ** 2, sum = totals[0] / 2;
    const covariance = (lag) => n * (n * products[lag] - sum * totals[lag]) + Math.max(n - lag, 0) * square;
    const variance = covariance(0) || 1;
    let excess = 0;
    for (let lag = 1; lag <= max_lag; lag++) {
      let strength = Math.abs(covariance(lag) / variance);
      if (Math.abs(strength - threshold) < TIE) strength = Math.abs(roundedCoefficient(numbers.slice(0, n), lag));
      if (strength > threshold) excess += strength;
    }
    return excess && -3 * excess;
  });
}

// The coefficient with NumPy's roundings, which decide where it equals the threshold.
function roundedCoefficient(numbers, lag) {
  const n = numbers.length, mean = pairwiseSum(numbers) / n;
  const deviations = numbers.map((number) => number - mean);
  const variance = pairwiseSum(deviations.map((each) => each * each)) / n;
  return pairwiseSum(deviations.slice(lag).map((each, i) => each * deviations[i])) / n / variance;
}

// The sum of `numbers` in the order in which NumPy adds.
function pairwiseSum(numbers) {
  const n = numbers.length;
  if (n > 128) {
    const half = Math.floor(n / 2) - Math.floor(n / 2) % 8;
    return pairwiseSum(numbers.slice(0, half)) + pairwiseSum(numbers.slice(half));
  }
  if (n < 8) return numbers.reduce((sum, number) => sum + number, 0);
  const sums = numbers.slice(0, 8), whole = n - n % 8;
  for (let i = 8; i < whole; i++) sums[i % 8] += numbers[i];
  const total = sums[0] + sums[1] + (sums[2] + sums[3]) + (sums[4] + sums[5] + (sums[6] + sums[7]));
  return numbers.slice(whole).reduce((sum, number) => sum + number, total);
}
