// Who sits here: whoever is signed in; else typed once, kept by the browser, the same wherever it can be typed.

import { signedInName } from "./signed.js";

const KEPT = "patrol.operator";
const fields = [];

export function operatorName() {
  return signedInName() || (localStorage.getItem(KEPT) ?? "").trim();
}

export function keepOperator(field) {
  field.value = (localStorage.getItem(KEPT) ?? "").trim();
  fields.push(field);
  field.addEventListener("input", () => {
    localStorage.setItem(KEPT, field.value.trim());
    for (const other of fields) if (other !== field) other.value = field.value;
  });
}
