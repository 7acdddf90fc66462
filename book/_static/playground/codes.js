/* What the codes of the test digits say about a place on the plane. */

const NEIGHBOURS = 15;
const GRID = 0.1; // between the places where a hole is looked for
const RINGS = 20; // of a disc, and directions in it, for a sum in place of an integral

/** The nearest points to a place as [squared distance, index], the nearest first. */
export function nearest(points, [x, y], count) {
  const near = [];
  points.forEach((point, i) => {
    const squared = (point[0] - x) ** 2 + (point[1] - y) ** 2;
    if (near.length === count && squared >= near[count - 1][0]) return;
    near.push([squared, i]);
    near.sort((a, b) => a[0] - b[0]);
    near.length = Math.min(near.length, count);
  });
  return near;
}

/** How many of the nearest points each class has. */
export function votes({ points, labels }, place, count = NEIGHBOURS) {
  const found = Array.from({ length: 10 }, () => 0);
  nearest(points, place, count).forEach(([, i]) => { found[labels[i]] += 1; });
  return found;
}

/** The class that has most of the nearest points. */
export function classNear(codes, place) {
  const found = votes(codes, place);
  return found.indexOf(Math.max(...found));
}

/** The chance that a draw from N(0, I) falls within `radius` of a place. */
export function chanceWithin([x, y], radius) {
  const step = radius / RINGS;
  let sum = 0;
  for (let i = 0; i < RINGS; i += 1) {
    const r = (i + 0.5) * step;
    for (let k = 0; k < RINGS; k += 1) {
      const angle = (2 * Math.PI * k) / RINGS;
      const squared = (x + r * Math.cos(angle)) ** 2 + (y + r * Math.sin(angle)) ** 2;
      sum += r * Math.exp(-0.5 * squared);
    }
  }
  return (sum * step) / RINGS;
}

/** The empty disc, with its middle within `reach` of the centre, where the most of as many draws
    from N(0, I) would lie: its middle, its radius, and how many of them. */
export function hole(points, reach) {
  let most = { z: [0, 0], radius: 0, missing: 0 };
  for (let x = -reach; x <= reach; x += GRID) {
    for (let y = -reach; y <= reach; y += GRID) {
      if (Math.hypot(x, y) > reach) continue;
      const radius = Math.sqrt(nearest(points, [x, y], 1)[0][0]);
      const missing = points.length * chanceWithin([x, y], radius);
      if (missing > most.missing) most = { z: [x, y], radius, missing };
    }
  }
  return most;
}
