// One request to the server, in the types of its OpenAPI document, and how it fails.

import type { paths, Problem } from "./api";

const WITHIN_MS = 10_000;
const AGAIN_MS = 400;

type Json<Content> = Content extends { content: { "application/json": infer Body } } ? Body : never;
type Answer<Operation> = Operation extends { responses: infer R } ? Json<R[keyof R & (200 | 202)]> : never;
type Ids<Operation> = Operation extends { parameters: { path: infer Named } } ? Named : Record<never, string>;

export type GetPath = { [P in keyof paths]: paths[P] extends { get: object } ? P : never }[keyof paths];
export type PostPath = { [P in keyof paths]: paths[P] extends { post: object } ? P : never }[keyof paths];
export type BodyOf<P extends PostPath> = paths[P] extends { post: { requestBody: infer R } } ? Json<R> : never;
export type DeletePath = { [P in keyof paths]: paths[P] extends { delete: object } ? P : never }[keyof paths];
export type GetAnswer<P extends GetPath> = paths[P] extends { get: infer Operation } ? Answer<Operation> : never;
export type PostAnswer<P extends PostPath> = paths[P] extends { post: infer Operation } ? Answer<Operation> : never;
export type IdsOf<P extends PostPath> = paths[P] extends { post: infer Operation } ? Ids<Operation> : never;
export type IdsOfGet<P extends GetPath> = paths[P] extends { get: infer Operation } ? Ids<Operation> : never;

const PROBLEM = "urn:patrol:problem:";

// `code`: the server's own, or "network"; `by`: who was quicker; `retryAfter_s`: when trying again may be of use, 0 where
// nobody says; `failure`: what a camera failed by, where it is the camera.
export class ActionFailed extends Error {
  readonly code: string;
  readonly by: string | null;
  readonly retryAfter_s: number;
  readonly failure: string | null;

  constructor(code: string, { detail = "", by, retry_after_s, failure }: Partial<Problem> = {}) {
    super(detail);
    this.code = code;
    this.by = by ?? null;
    this.retryAfter_s = retry_after_s ?? 0;
    this.failure = failure ?? null;
  }
}

// `query`: what stands behind the path's question mark.
export async function get<P extends GetPath>(path: P, query: Record<string, string> = {}): Promise<GetAnswer<P>> {
  const asked = new URLSearchParams(query).toString();
  return (await answered(asked === "" ? path : `${path}?${asked}`, {})) as GetAnswer<P>;
}

// Of a list that grows: its newest, or what is older by the page before.
export async function getPage<P extends GetPath>(path: P, next: string | null): Promise<GetAnswer<P>> {
  return (await answered(next === null ? path : `${path}?cursor=${encodeURIComponent(next)}`, {})) as GetAnswer<P>;
}

// `ids`: what stands in the path's braces; `query`: what stands behind it.
export async function getOf<P extends GetPath>(path: P, ids: IdsOfGet<P>, query: Record<string, string> = {}): Promise<GetAnswer<P>> {
  const behind = new URLSearchParams(query).toString();
  return (await answered(addressOf(path, ids) + (behind && `?${behind}`), {})) as GetAnswer<P>;
}

// Also from a page that is being closed; what becomes of it is nobody's concern then.
export function remove(path: DeletePath, ids: Record<string, string>): void {
  void fetch(addressOf(path, ids), { method: "DELETE", keepalive: true }).catch(() => undefined);
}

// A picture, and how old it is in seconds.
export async function picture(path: GetPath, ids: Record<string, string>): Promise<{ blob: Blob; age_s: number }> {
  const response = await fetched(addressOf(path, ids), {});
  if (!response.ok) throw failureOf(response.status, await response.json().catch(() => null));
  return { blob: await response.blob(), age_s: Number(response.headers.get("X-Patrol-Age-S") ?? 0) };
}

export async function post<P extends PostPath>(path: P, ids: IdsOf<P>, body: BodyOf<P>, operator?: string): Promise<PostAnswer<P>> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  // A header takes no Chinese as it is.
  if (operator) headers["X-Patrol-Operator"] = encodeURIComponent(operator);
  // It may have arrived where no answer has: asked again by the same key, it is done once.
  headers["Idempotency-Key"] = newKey();
  // What somebody has said counts, also where the page is closed the next moment.
  const request = { method: "POST", headers, body: JSON.stringify(body), keepalive: true };
  const address = addressOf(path, ids);
  try {
    return (await answered(address, request)) as PostAnswer<P>;
  } catch (error) {
    if (!(error instanceof ActionFailed) || error.code !== "network") throw error;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    return (await answered(address, request)) as PostAnswer<P>;
  }
}

// crypto.randomUUID is there on secure pages only.
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function addressOf(path: string, ids: unknown): string {
  const named = ids as Record<string, string>;
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(named[name] ?? ""));
}

async function fetched(address: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(address, { ...request, signal: AbortSignal.timeout(WITHIN_MS) });
  } catch {
    throw new ActionFailed("network");
  }
}

async function answered(address: string, request: RequestInit): Promise<unknown> {
  const response = await fetched(address, request);
  // An answer that breaks off is one that did not come.
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  if (response.ok) throw new ActionFailed("network");
  throw failureOf(response.status, answer);
}

// What stands between here and the server may answer in its stead, and in another shape.
function failureOf(status: number, answer: unknown): ActionFailed {
  const { type = "", ...said } = (answer ?? {}) as Partial<Problem>;
  if (!type.startsWith(PROBLEM)) return new ActionFailed("error", { detail: String(status) });
  return new ActionFailed(type.slice(PROBLEM.length), said);
}
