// What was begun to be written about an incident, and is neither sent nor dropped: whoever turns to another one meanwhile
// finds it again.

const MOST = 50; // a page stays open for months

// `said`: of each field of the form, in its order. `words`: what was written, to be told where there is no form any more.
export interface Draft {
  form: string;
  said: string[];
  words: string;
}

const drafts = new Map<string, Draft>(); // by incident, the oldest first

export function keepDraft(incidentId: string, form: HTMLFormElement, words: string): void {
  drafts.set(incidentId, { form: form.id, said: fieldsOf(form).map(saidIn), words });
  const [oldest] = drafts.keys();
  if (drafts.size > MOST && oldest !== undefined) drafts.delete(oldest);
}

export function takeDraft(incidentId: string): Draft | null {
  const draft = drafts.get(incidentId) ?? null;
  drafts.delete(incidentId);
  return draft;
}

// Some fields show by what is chosen in others: so those come first.
export function fillIn(form: HTMLFormElement, { said }: Draft): void {
  const fields = fieldsOf(form);
  for (const isChoice of [true, false]) {
    fields.forEach((field, place) => {
      if (isRadio(field) === isChoice) say(field, said[place] ?? "");
    });
    form.dispatchEvent(new Event("change"));
  }
}

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

function fieldsOf(form: HTMLFormElement): Field[] {
  return [...form.querySelectorAll<Field>("input, textarea, select")];
}

function saidIn(field: Field): string {
  return isRadio(field) ? (field.checked ? field.value : "") : field.value;
}

function say(field: Field, said: string): void {
  if (isRadio(field)) field.checked = said === field.value;
  else field.value = said;
}

function isRadio(field: Field): field is HTMLInputElement {
  return field.type === "radio";
}
