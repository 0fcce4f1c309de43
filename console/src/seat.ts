// Which seat this is, for receipts and for the others in the room; a name of the tab, not of a person.

const KEPT = "patrol.seat";

export function seat(): string {
  let name = sessionStorage.getItem(KEPT);
  if (name === null) {
    const random = crypto.getRandomValues(new Uint8Array(6));
    name = `seat-${[...random].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
    sessionStorage.setItem(KEPT, name);
  }
  return name;
}
