// One request to the server, in the types of its OpenAPI document, and how it fails.

import type { paths } from "./api";

const WITHIN_MS = 10_000;

type Json<Content> = Content extends { content: { "application/json": infer Body } } ? Body : never;
type Answer<Operation> = Operation extends { responses: infer R } ? Json<R[keyof R & (200 | 202)]> : never;
type Ids<Operation> = Operation extends { parameters: { path: infer Named } } ? Named : Record<never, string>;

export type GetPath = { [P in keyof paths]: paths[P] extends { get: object } ? P : never }[keyof paths];
export type PostPath = { [P in keyof paths]: paths[P] extends { post: object } ? P : never }[keyof paths];
export type BodyOf<P extends PostPath> = paths[P] extends { post: { requestBody: infer R } } ? Json<R> : never;
export type GetAnswer<P extends GetPath> = paths[P] extends { get: infer Operation } ? Answer<Operation> : never;
export type PostAnswer<P extends PostPath> = paths[P] extends { post: infer Operation } ? Answer<Operation> : never;
export type IdsOf<P extends PostPath> = paths[P] extends { post: infer Operation } ? Ids<Operation> : never;

// `code`: the server's own, or "network"; `retryAfter_s`: when trying again may be of use, 0 where nobody says.
export class ActionFailed extends Error {
  readonly code: string;
  readonly retryAfter_s: number;

  constructor(code: string, message: string, retryAfter_s = 0) {
    super(message);
    this.code = code;
    this.retryAfter_s = retryAfter_s;
  }
}

export async function get<P extends GetPath>(path: P): Promise<GetAnswer<P>> {
  return (await answered(path, {})) as GetAnswer<P>;
}

// `ids`: what stands in the path's braces.
export async function post<P extends PostPath>(path: P, ids: IdsOf<P>, body: BodyOf<P>, operator?: string): Promise<PostAnswer<P>> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  // A header takes no Chinese as it is.
  if (operator) headers["X-Patrol-Operator"] = encodeURIComponent(operator);
  const named = ids as Record<string, string>;
  const address = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(named[name] ?? ""));
  // What somebody has said counts, also where the page is closed the next moment.
  const request = { method: "POST", headers, body: JSON.stringify(body), keepalive: true };
  return (await answered(address, request)) as PostAnswer<P>;
}

async function answered(address: string, request: RequestInit): Promise<unknown> {
  let response;
  try {
    response = await fetch(address, { ...request, signal: AbortSignal.timeout(WITHIN_MS) });
  } catch {
    throw new ActionFailed("network", "");
  }
  // An answer that breaks off is one that did not come.
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  if (response.ok) throw new ActionFailed("network", "");
  const { code = "error", message = String(response.status), retry_after_s } = answer?.error ?? {};
  throw new ActionFailed(code, message, retry_after_s);
}
