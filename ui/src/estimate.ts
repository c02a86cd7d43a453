/**
 * How far along a generation probably is, and when to ask again: the server's own estimate, from the two numbers that
 * its answers hold. `pacing.py` and `steps.py` of the server explain it; `tests/test_player.py` holds both to each other.
 */

interface Part {
  weight: number;
  median: number;
  sigma: number;
}

const SUBMITTED = 0.05;
const NEARLY_DONE = 0.98;
const USUAL = 0.36; // spread of the logarithm
const POLLS_A_SECOND = 0.51;
const POLLS_ON_TOP = 3;
const POLLS_AT_PACE_ONE = 0.88692763; // where clips take a second; it grows with the root of the seconds
const SHORTEST_PAUSE = 2; // seconds: each look is one of the server's at the API
const LONGEST_PAUSE = 10;

/** The share of the work, 0 to 1, that is probably done; never 1, which only the clip itself is. */
export function shareDone(elapsed: number, expected: number): number {
  return SUBMITTED + (NEARLY_DONE - SUBMITTED) * doneBy(elapsed, expected);
}

/** How many seconds to wait before asking again. */
export function pause(elapsed: number, expected: number): number {
  const now = bestPause(elapsed, expected);
  return Math.max(SHORTEST_PAUSE, (now + bestPause(elapsed + now / 2, expected)) / 2);
}

function bestPause(elapsed: number, expected: number): number {
  const hazard = elapsed > 0 && expected > 0 ? hazardAt(elapsed, expected) : Number.POSITIVE_INFINITY;
  return hazard > 0 ? Math.min(pace(expected) / Math.sqrt(hazard), LONGEST_PAUSE) : LONGEST_PAUSE;
}

function pace(expected: number): number {
  const mean = expected * Math.exp(USUAL ** 2 / 2);
  return (POLLS_AT_PACE_ONE * Math.sqrt(expected)) / (POLLS_A_SECOND * mean + POLLS_ON_TOP);
}

function parts(median: number): Part[] {
  return [
    { weight: 0.9, median, sigma: USUAL },
    { weight: 0.1, median: 1.4 * median, sigma: 0.9 },
  ];
}

function doneBy(seconds: number, expected: number): number {
  if (!(seconds > 0 && expected > 0)) return 0;
  return parts(expected).reduce((sum, part) => sum + part.weight * below(score(seconds, part)), 0);
}

function hazardAt(seconds: number, expected: number): number {
  let ending = 0;
  let running = 0;
  for (const part of parts(expected)) {
    const z = score(seconds, part);
    ending += (part.weight * density(z)) / (part.sigma * seconds);
    running += part.weight * below(-z);
  }
  return running > 0 ? ending / running : 0;
}

function score(seconds: number, { median, sigma }: Part): number {
  return Math.log(seconds / median) / sigma;
}

function density(z: number): number {
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
}

/** The standard normal distribution, exact to 1e-7 (Abramowitz and Stegun, formula 26.2.17). */
function below(z: number): number {
  if (z < 0) return 1 - below(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const tail =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 1 - density(z) * tail;
}
