// Who sits here: typed once, kept by the browser, the same wherever it can be typed.

const KEPT = "patrol.operator";
const fields: HTMLInputElement[] = [];

export function operatorName(): string {
  return (localStorage.getItem(KEPT) ?? "").trim();
}

export function keepOperator(field: HTMLInputElement): void {
  field.value = operatorName();
  fields.push(field);
  field.addEventListener("input", () => {
    localStorage.setItem(KEPT, field.value.trim());
    for (const other of fields) if (other !== field) other.value = field.value;
  });
}
