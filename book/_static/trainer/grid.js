/* Codes that stand for the whole prior: at its quantiles, so that each is equally probable. */

/** The value below which a standard normal number lies with probability p (by bisection). */
function quantile(p) {
  const density = (t) => Math.exp(-0.5 * t * t) / Math.sqrt(2 * Math.PI);
  let [low, high] = [-5, 5];
  while (high - low > 1e-6) {
    const middle = (low + high) / 2;
    let below = 0.5; // Simpson's rule, from 0 to the middle
    for (let k = 0; k <= 100; k += 1) {
      const weight = k % 100 === 0 ? 1 : k % 2 ? 4 : 2;
      below += (weight * density((k * middle) / 100) * middle) / 300;
    }
    if (below < p) low = middle;
    else high = middle;
  }
  return low;
}

/** Codes in reading order, `side` in a row and a column, z_1 to the right and z_2 upwards
    (Kingma & Welling 2013, figure 4). */
export function makeGrid(side) {
  const axis = Array.from({ length: side }, (_, i) => quantile((i + 0.5) / side));
  return Float32Array.from(axis.slice().reverse().flatMap((z2) => axis.flatMap((z1) => [z1, z2])));
}
