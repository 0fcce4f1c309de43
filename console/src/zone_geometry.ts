// Polygons in a picture, and metres on the ground that it shows. Points are shares of the picture's width and height, from
// its top left. Pure, and without imports at run time.

export type Point = readonly [x: number, y: number];
// Row by row, from shares to metres, both homogeneous; the third coordinate is positive below the horizon.
export type Homography = readonly number[];
export type Flaw = "few" | "outside" | "flat" | "crossing";
export type Segment = readonly [Point, Point];

const SMALLEST_AREA = 1e-6;
const SHORTEST_LINE = 0.01;
const STEPS_M = [0.5, 1, 2, 5, 10, 20, 50, 100];
const GRID_LINES = 12;

export function kept(value: number): number {
  return Math.round(Math.min(1, Math.max(0, value)) * 10_000) / 10_000;
}

export function keptPoint([x, y]: Point): Point {
  return [kept(x), kept(y)];
}

export function moved(points: readonly Point[], place: number, to: Point): Point[] {
  return points.map((point, index) => (index === place ? keptPoint(to) : point));
}

export function inserted(points: readonly Point[], place: number, point: Point): Point[] {
  return [...points.slice(0, place), keptPoint(point), ...points.slice(place)];
}

export function removed(points: readonly Point[], place: number): Point[] {
  return points.filter((_, index) => index !== place);
}

// All points by as much, as far as the picture goes: the shape stays as it is.
export function shifted(points: readonly Point[], dx: number, dy: number): Point[] {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const right = Math.min(Math.max(dx, -Math.min(...xs)), 1 - Math.max(...xs));
  const down = Math.min(Math.max(dy, -Math.min(...ys)), 1 - Math.max(...ys));
  return points.map(([x, y]) => keptPoint([x + right, y + down]));
}

export function area(points: readonly Point[]): number {
  return Math.abs(points.reduce((sum, [x, y], index) => {
    const [nextX, nextY] = points[(index + 1) % points.length] ?? [0, 0];
    return sum + x * nextY - nextX * y;
  }, 0)) / 2;
}

export function middle(points: readonly Point[]): Point {
  const sum = points.reduce<[number, number]>(([sumX, sumY], [x, y]) => [sumX + x, sumY + y], [0, 0]);
  return [sum[0] / points.length, sum[1] / points.length];
}

// What makes a polygon unusable; null where nothing does. The server says the same, later.
export function polygonFlaw(points: readonly Point[]): Flaw | null {
  if (points.length < 3) return "few";
  if (points.some(([x, y]) => x < 0 || x > 1 || y < 0 || y > 1)) return "outside";
  if (crosses(points)) return "crossing";
  return area(points) < SMALLEST_AREA ? "flat" : null;
}

export function lineFlaw([from, to]: Segment): Flaw | null {
  if ([from, to].some(([x, y]) => x < 0 || x > 1 || y < 0 || y > 1)) return "outside";
  return Math.hypot(to[0] - from[0], to[1] - from[1]) < SHORTEST_LINE ? "flat" : null;
}

// Whether two edges meet elsewhere than at a corner that they share.
function crosses(points: readonly Point[]): boolean {
  const edges = points.map((point, index): Segment => [point, points[(index + 1) % points.length] ?? point]);
  return edges.some((edge, one) => edges.some((other, two) => {
    if (two <= one) return false;
    const areNeighbours = two === one + 1 || (one === 0 && two === edges.length - 1);
    return areNeighbours ? foldsBack(edge, other, two === one + 1) : meet(edge, other);
  }));
}

function foldsBack(edge: Segment, other: Segment, isNext: boolean): boolean {
  const [corner, before, after] = isNext ? [edge[1], edge[0], other[1]] : [edge[0], edge[1], other[0]];
  const along = (before[0] - corner[0]) * (after[0] - corner[0]) + (before[1] - corner[1]) * (after[1] - corner[1]);
  return Math.abs(turn(corner, before, after)) < 1e-12 && along > 0;
}

function turn(a: Point, b: Point, c: Point): number {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

function meet([a, b]: Segment, [c, d]: Segment): boolean {
  const [one, two, three, four] = [turn(c, d, a), turn(c, d, b), turn(a, b, c), turn(a, b, d)];
  if (one * two < 0 && three * four < 0) return true;
  return (one === 0 && lies(c, d, a)) || (two === 0 && lies(c, d, b)) || (three === 0 && lies(a, b, c)) || (four === 0 && lies(a, b, d));
}

function lies(a: Point, b: Point, point: Point): boolean {
  return point[0] >= Math.min(a[0], b[0]) && point[0] <= Math.max(a[0], b[0])
    && point[1] >= Math.min(a[1], b[1]) && point[1] <= Math.max(a[1], b[1]);
}

// The edge that lies nearest to a point, and where; `aspect`: the picture's width over its height.
export function nearestEdge(points: readonly Point[], to: Point, aspect: number): { place: number; point: Point; distance: number } {
  let best = { place: 0, point: to, distance: Infinity };
  points.forEach((from, index) => {
    const next = points[(index + 1) % points.length] ?? from;
    const [dx, dy] = [(next[0] - from[0]) * aspect, next[1] - from[1]];
    const length = dx * dx + dy * dy;
    const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((to[0] - from[0]) * aspect * dx + (to[1] - from[1]) * dy) / length));
    const point: Point = [from[0] + (next[0] - from[0]) * along, from[1] + (next[1] - from[1]) * along];
    const distance = Math.hypot((point[0] - to[0]) * aspect, point[1] - to[1]);
    if (distance < best.distance) best = { place: index + 1, point, distance };
  });
  return best;
}

// --- the ground ---------------------------------------------------------------------------------------------------------

// A rectangle's corners on the ground, in the order near left, near right, far right, far left.
export function rectangle(across_m: number, away_m: number): Point[] {
  return [[0, 0], [across_m, 0], [across_m, away_m], [0, away_m]];
}

// Metres; null above the horizon.
export function onGround(h: Homography, [x, y]: Point): Point | null {
  const [u, v, w] = times(h, [x, y, 1]);
  return w > 1e-9 ? [u / w, v / w] : null;
}

// Shares of the picture; null where the camera cannot see.
export function inPicture(h: Homography, metres: Point): Point | null {
  const [x, y, w] = times(inverse(h), [metres[0], metres[1], 1]);
  return w > 1e-9 ? [x / w, y / w] : null;
}

// Between two points of the ground; null where one is above the horizon.
export function metresBetween(h: Homography, one: Point, other: Point): number | null {
  const [from, to] = [onGround(h, one), onGround(h, other)];
  return from === null || to === null ? null : Math.hypot(to[0] - from[0], to[1] - from[1]);
}

// Lines on the ground around the points that it was calibrated by, as far as they are in the picture; and how far apart.
export function groundGrid(h: Homography, at: readonly Point[]): { lines: Point[][]; step_m: number } {
  const metres = at.map((point) => onGround(h, point)).filter((point): point is Point => point !== null);
  if (metres.length === 0) return { lines: [], step_m: 0 };
  const [xs, ys] = [metres.map(([x]) => x), metres.map(([, y]) => y)];
  const span = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  const step_m = STEPS_M.find((step) => (span * 1.6) / step <= GRID_LINES) ?? 200;
  const around = Math.max(step_m, span * 0.3);
  const [left, right] = [floorTo(Math.min(...xs) - around, step_m), floorTo(Math.max(...xs) + around, step_m) + step_m];
  const [near, far] = [floorTo(Math.min(...ys) - around, step_m), floorTo(Math.max(...ys) + around, step_m) + step_m];
  const back = inverse(h);
  const lines: Point[][] = [];
  for (let x = left; x <= right + 1e-9; x += step_m) lines.push(...seen(back, [x, near], [x, far]));
  for (let y = near; y <= far + 1e-9; y += step_m) lines.push(...seen(back, [left, y], [right, y]));
  return { lines, step_m };
}

// The parts of a straight line on the ground that are in the picture.
function seen(back: Homography, from: Point, to: Point): Point[][] {
  const parts: Point[][] = [];
  let part: Point[] = [];
  const pieces = 48;
  for (let piece = 0; piece <= pieces; piece += 1) {
    const along = piece / pieces;
    const [x, y, w] = times(back, [from[0] + (to[0] - from[0]) * along, from[1] + (to[1] - from[1]) * along, 1]);
    const point: Point = [x / w, y / w];
    if (w > 1e-9 && Math.abs(point[0] - 0.5) < 0.75 && Math.abs(point[1] - 0.5) < 0.75) part.push(point);
    else if (part.length > 0) {
      parts.push(part);
      part = [];
    }
  }
  parts.push(part);
  return parts.filter((one) => one.length > 1);
}

// Where the head of somebody of that height is who stands at `foot`: as far as a camera sees straight, with its centre in the
// picture's middle. The focal length comes from the plane itself where it tells, else from the angle of view.
export function headOf(h: Homography, foot: Point, height_m: number, aspect: number, view_deg: number): Point | null {
  const stands = onGround(h, foot);
  if (stands === null) return null;
  // From metres to heights of the picture, from its middle.
  const g = product([aspect, 0, -aspect / 2, 0, 1, -0.5, 0, 0, 1], inverse(h));
  const [a, b] = [column(g, 0), column(g, 1)];
  const focal = focalOf(a, b) ?? aspect / 2 / Math.tan((view_deg * Math.PI) / 360);
  const [right, away]: [number[], number[]] = [[a[0] / focal, a[1] / focal, a[2]], [b[0] / focal, b[1] / focal, b[2]]];
  const scale = Math.sqrt(Math.hypot(...right) * Math.hypot(...away));
  if (!(scale > 0)) return null;
  const up = cross(right, away).map((value) => value / scale);
  const base = times(g, [stands[0], stands[1], 1]);
  const heads = [1, -1].map((sign): Point => {
    const [x, y, w] = [0, 1, 2].map((row) => base[row as 0 | 1 | 2] + sign * height_m * (up[row] ?? 0) * (row === 2 ? 1 : focal)) as [number, number, number];
    return w > 1e-9 ? [x / w / aspect + 0.5, y / w + 0.5] : [NaN, NaN];
  });
  // Of a plane whose points go round the other way the other one is up.
  const [one, other] = heads as [Point, Point];
  const head = !(other[1] < one[1]) ? one : other;
  return Number.isFinite(head[0]) && head[1] < foot[1] ? head : null;
}

// In heights of the picture; null where the plane does not tell, as seen from straight above.
function focalOf(a: readonly number[], b: readonly number[]): number | null {
  const [ax, ay, az, bx, by, bz] = [...a, ...b] as [number, number, number, number, number, number];
  // Both directions on the ground are at a right angle, and a metre is as long in one as in the other.
  const rows: [number, number][] = [[ax * bx + ay * by, az * bz], [ax * ax + ay * ay - bx * bx - by * by, az * az - bz * bz]];
  const weight = rows.reduce((sum, [, z]) => sum + z * z, 0);
  const squared = -rows.reduce((sum, [xy, z]) => sum + xy * z, 0) / weight;
  const size = (ax * ax + ay * ay + bx * bx + by * by) / (az * az + bz * bz);
  return weight > 0 && squared > size * 0.02 && squared < 100 ? Math.sqrt(squared) : null;
}

function floorTo(value: number, step: number): number {
  return Math.floor(value / step) * step;
}

function times(m: Homography, [x, y, z]: readonly [number, number, number]): [number, number, number] {
  const row = (n: number) => (m[n] ?? 0) * x + (m[n + 1] ?? 0) * y + (m[n + 2] ?? 0) * z;
  return [row(0), row(3), row(6)];
}

function column(m: Homography, n: number): [number, number, number] {
  return [m[n] ?? 0, m[n + 3] ?? 0, m[n + 6] ?? 0];
}

function product(one: Homography, other: Homography): number[] {
  return [0, 1, 2].flatMap((row) => [0, 1, 2].map((col) => [0, 1, 2].reduce((sum, k) => sum + (one[row * 3 + k] ?? 0) * (other[k * 3 + col] ?? 0), 0)));
}

function cross(a: readonly number[], b: readonly number[]): number[] {
  const [ax, ay, az, bx, by, bz] = [...a, ...b] as [number, number, number, number, number, number];
  return [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx];
}

export function inverse(m: Homography): number[] {
  const [a, b, c, d, e, f, g, h, i] = m as [number, number, number, number, number, number, number, number, number];
  const whole = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f, d * h - e * g, b * g - a * h, a * e - b * d].map((value) => value / whole);
}
