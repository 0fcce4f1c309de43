// One request that changes something, and how it fails.

export class ActionFailed extends Error {
  constructor(code, message, answer = {}) {
    super(message);
    this.code = code;
    this.answer = answer;
  }
}

export async function post(address, body, operator) {
  const headers = { "Content-Type": "application/json" };
  // A header takes no Chinese as it is.
  if (operator) headers["X-Patrol-Operator"] = encodeURIComponent(operator);
  let response;
  try {
    const request = { method: "POST", headers, body: JSON.stringify(body), signal: AbortSignal.timeout(10000) };
    response = await fetch(address, request);
  } catch {
    throw new ActionFailed("network", "");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw new ActionFailed(answer.error?.code ?? "error", answer.error?.message ?? String(response.status), answer.error);
}
