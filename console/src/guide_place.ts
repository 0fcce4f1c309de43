// Where the guide's card stands: beside the part it is about, never upon it where there is room, and always on the screen.

export interface Size {
  width: number;
  height: number;
}

export interface Rect extends Size {
  x: number;
  y: number;
}

const AROUND = 6; // pixels between a part and the line around it
const APART = 14;
const EDGE = 10;

// The line around a part, as far as it is on the screen; null where none of it is.
export function spotOf(part: Rect, screen: Size): Rect | null {
  const x = Math.max(2, part.x - AROUND);
  const y = Math.max(2, part.y - AROUND);
  const right = Math.min(screen.width - 2, part.x + part.width + AROUND);
  const bottom = Math.min(screen.height - 2, part.y + part.height + AROUND);
  return right - x < AROUND || bottom - y < AROUND ? null : { x, y, width: right - x, height: bottom - y };
}

export function cardPlace(spot: Rect | null, card: Size, screen: Size): { x: number; y: number } {
  const within = (value: number, most: number) => Math.round(Math.max(EDGE, Math.min(value, most - EDGE)));
  const [mostX, mostY] = [screen.width - card.width, screen.height - card.height];
  const middle = { x: within(mostX / 2, mostX), y: within(mostY - EDGE, mostY) };
  if (spot === null) return middle;
  const beside = within(spot.y, mostY);
  const along = within(spot.x, mostX);
  const right = spot.x + spot.width + APART;
  const below = spot.y + spot.height + APART;
  if (right + card.width + EDGE <= screen.width) return { x: Math.round(right), y: beside };
  if (spot.x - APART - card.width >= EDGE) return { x: Math.round(spot.x - APART - card.width), y: beside };
  if (below + card.height + EDGE <= screen.height) return { x: along, y: Math.round(below) };
  if (spot.y - APART - card.height >= EDGE) return { x: along, y: Math.round(spot.y - APART - card.height) };
  return middle;
}
