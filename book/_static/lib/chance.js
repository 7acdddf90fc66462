/* Random numbers: uniform ones from a seed, and normal ones from any that are uniform. */

/** Numbers in (0, 1) from a seed (Mulberry32, by Tommy Ettinger, in the public domain). */
export function makeUniform(seed) {
  let state = seed | 0;
  return function uniform() {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
}

/** A standard normal number (Box & Muller 1958). */
export const normal = (uniform = Math.random) =>
  Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
