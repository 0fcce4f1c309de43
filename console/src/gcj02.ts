// GCJ-02, which maps made for mainland China speak: where such a map shows a place of WGS-84, in which all else is kept.
// The same formula as the server's (patrol/domain/coordinates.py), which says where it is from.

const SEMI_MAJOR_M = 6_378_245.0; // Krasovsky 1940
const ECCENTRICITY_2 = 0.006693421622965943;
const [CENTRE_LATITUDE, CENTRE_LONGITUDE] = [35.0, 105.0];
const [SOUTH, NORTH, WEST, EAST] = [0.8293, 55.8271, 72.004, 137.8347]; // it holds inside this box only
const RADIAN = Math.PI / 180;

// [latitude, longitude], degrees.
export function toGcj02(latitude: number, longitude: number): [number, number] {
  if (latitude < SOUTH || latitude > NORTH || longitude < WEST || longitude > EAST) return [latitude, longitude];
  const [northM, eastM] = shiftM(longitude - CENTRE_LONGITUDE, latitude - CENTRE_LATITUDE);
  const flattened = 1 - ECCENTRICITY_2 * Math.sin(latitude * RADIAN) ** 2;
  const meridianM = (SEMI_MAJOR_M * (1 - ECCENTRICITY_2)) / flattened ** 1.5;
  const parallelM = (SEMI_MAJOR_M / Math.sqrt(flattened)) * Math.cos(latitude * RADIAN);
  return [latitude + northM / meridianM / RADIAN, longitude + eastM / parallelM / RADIAN];
}

// `x`, `y`: degrees east and north of the formula's centre.
function shiftM(x: number, y: number): [north: number, east: number] {
  const common = wave(x, [20, 6], [20, 2]);
  const north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * Math.sqrt(Math.abs(x));
  const east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * Math.sqrt(Math.abs(x));
  return [
    north + common + wave(y, [20, 1], [40, 1 / 3]) + wave(y, [160, 1 / 12], [320, 1 / 30]),
    east + common + wave(x, [20, 1], [40, 1 / 3]) + wave(x, [150, 1 / 12], [300, 1 / 30]),
  ];
}

// Two thirds of the sum of a·sin(f·π·degrees) over the terms [a, f].
function wave(degrees: number, ...terms: [size: number, often: number][]): number {
  return (2 / 3) * terms.reduce((sum, [size, often]) => sum + size * Math.sin(often * Math.PI * degrees), 0);
}
