// What the zone editor knows: the scene as it was read, what was drawn since, and what the server says to it.

import { batch, computed, signal } from "@preact/signals";
import { operatorName } from "./operator";
import { ActionFailed, getOf, picture, post, put } from "./sending";
import { failureText } from "./stream";
import { t } from "./words";
import type { Homography, Point } from "./zone_geometry";
import { begun, changed, type Flawed, flaws, type History, type Picked, redone, same, type Scene, undone, withPoints } from "./zone_scene";
import type { SceneChecked, SceneShown } from "./api";

export type Tool = "pick" | "zone" | "line" | "mask" | "ground" | "measure" | "person";

const CHECKED_AFTER_MS = 350;
const ASKED_EVERY_MS = 1000;
const NOTHING: Scene = { zones: [], masks: [], ground: null };
const PATH = "/api/v1/cameras/{camera_id}/scene";

export const cameraId = signal<string | null>(null);
export const shown = signal<SceneShown | null>(null);
export const history = signal<History>(begun(NOTHING));
export const picked = signal<Picked | null>(null);
export const tool = signal<Tool>("pick");
export const draft = signal<Point[]>([]); // corners of what is being drawn
export const measured = signal<Point[]>([]); // two points, or none yet
export const stands = signal<Point | null>(null); // where a person is drawn
export const height_m = signal(1.7);
export const zoom = signal(1);
export const verdict = signal<SceneChecked | null>(null);
export const message = signal(""); // why something did not work
export const isOvertaken = signal(false); // somebody else has changed the camera since it was read
export const isSaving = signal(false);
export const still = signal<{ bitmap: ImageBitmap | null; isLoading: boolean }>({ bitmap: null, isLoading: false });

export const scene = computed(() => history.value.now);
export const isChanged = computed(() => shown.value !== null && !same(read(shown.value), scene.value));
export const missing = computed<{ path: string; flaw: Flawed }[]>(() => flaws(scene.value, shown.value?.written.rules ?? []));
export const plane = computed<Homography | null>(() => (scene.value.ground === null ? null : verdict.value?.ground?.homography ?? null));
export const aspect = computed(() => (still.value.bitmap === null ? 16 / 9 : still.value.bitmap.width / still.value.bitmap.height));

let checking: ReturnType<typeof setTimeout> | undefined;
let asking: ReturnType<typeof setTimeout> | undefined;
let checks = 0;

export function read({ written }: SceneShown): Scene {
  const { zones, masks, ground } = written.scene;
  return { zones, masks, ground: ground === null ? null : { points: ground.points, error: ground.error } };
}

export async function open(id: string): Promise<void> {
  forget();
  cameraId.value = id;
  void takeStill();
  await load();
}

export function forget(): void {
  clearTimeout(checking);
  clearTimeout(asking);
  still.value.bitmap?.close();
  checks += 1;
  batch(() => {
    cameraId.value = shown.value = picked.value = verdict.value = stands.value = null;
    isOvertaken.value = false;
    history.value = begun(NOTHING);
    still.value = { bitmap: null, isLoading: false };
    tool.value = "pick";
    draft.value = measured.value = [];
    zoom.value = 1;
    message.value = "";
  });
}

// As the file has it by now; what was drawn is given up.
export async function load(): Promise<void> {
  const id = cameraId.value;
  if (id === null) return;
  try {
    const answer = await getOf(PATH, { camera_id: id });
    if (cameraId.value !== id) return;
    batch(() => {
      shown.value = answer;
      history.value = begun(read(answer));
      picked.value = null;
      isOvertaken.value = false;
      draft.value = [];
      message.value = "";
    });
    void check();
    follow();
  } catch (error) {
    if (cameraId.value === id) message.value = failureText(error, "zones_no_camera");
  }
}

export async function takeStill(): Promise<void> {
  const id = cameraId.value;
  if (id === null) return;
  still.value = { ...still.value, isLoading: true };
  let bitmap: ImageBitmap | null = null;
  try {
    bitmap = await createImageBitmap((await picture("/api/v1/cameras/{camera_id}/still", { camera_id: id })).blob);
  } catch {
    // Drawing goes on without a picture; the editor says so.
  }
  if (cameraId.value !== id) return bitmap?.close();
  if (bitmap !== null) still.value.bitmap?.close();
  still.value = { bitmap: bitmap ?? still.value.bitmap, isLoading: false };
}

export function change(next: Scene, joins = false): void {
  history.value = changed(history.value, next, joins);
  soonChecked();
}

export function changePoints(of: Picked, points: Point[], joins = false): void {
  change(withPoints(scene.value, of, points), joins);
}

export function undo(): void {
  step(undone(history.value));
}

export function redo(): void {
  step(redone(history.value));
}

function step(to: History): void {
  history.value = to;
  const { value: at } = picked;
  const isGone = at !== null && (at.kind === "ground" ? to.now.ground === null : to.now[at.kind === "zone" ? "zones" : "masks"][at.place] === undefined);
  if (isGone) picked.value = null;
  soonChecked();
}

// The server is asked once a drag is over, not at each of its steps.
export function soonChecked(): void {
  clearTimeout(checking);
  checking = setTimeout(() => void check(), CHECKED_AFTER_MS);
}

// What the server says to it as it is drawn now. While something is known to be missing it is asked for the ground alone.
async function check(): Promise<void> {
  const [id, asked] = [cameraId.value, (checks += 1)];
  if (id === null) return;
  try {
    const answer = await post("/api/v1/cameras/{camera_id}/scene/check", { camera_id: id }, bodyOf(scene.value));
    if (asked === checks) verdict.value = answer;
  } catch (error) {
    if (!(error instanceof ActionFailed)) throw error;
    if (asked === checks) verdict.value = null; // saving says what is wrong
  }
}

function bodyOf({ zones, masks, ground }: Scene) {
  return {
    zones: zones.map((zone) => ({ ...zone, polygon: zone.polygon as [number, number][] | null, line: zone.line as [[number, number], [number, number]] | null })),
    masks: masks.map((mask) => ({ ...mask, polygon: mask.polygon as [number, number][] })),
    ground: ground === null ? null : { error: ground.error, points: ground.points.map(({ at, metres }) => ({ at: [at[0], at[1]] as [number, number], metres: [metres[0], metres[1]] as [number, number] })) },
  };
}

export async function save(): Promise<void> {
  const [id, now] = [cameraId.value, shown.value];
  if (id === null || now === null || isSaving.value) return;
  isSaving.value = true;
  message.value = "";
  try {
    const answer = await put(PATH, { camera_id: id }, { ...bodyOf(scene.value), version: now.written.version }, operatorName());
    if (cameraId.value !== id) return;
    shown.value = answer;
    isOvertaken.value = false;
    follow();
  } catch (error) {
    message.value = refusalText(error);
    isOvertaken.value = error instanceof ActionFailed && error.code === "scene_changed";
  } finally {
    isSaving.value = false;
  }
}

function refusalText(error: unknown): string {
  if (!(error instanceof ActionFailed)) throw error;
  if (error.code === "scene_changed") return error.by === null ? t("error_scene_changed") : t("zones_changed_by", { who: error.by });
  const [first] = error.errors;
  return first === undefined ? failureText(error) : `${failureText(error)} ${first.path}: ${first.detail}`;
}

// Until the tour has taken it up.
function follow(): void {
  clearTimeout(asking);
  if (shown.value?.state === "applied") return;
  asking = setTimeout(() => void askAgain(), ASKED_EVERY_MS);
}

async function askAgain(): Promise<void> {
  const id = cameraId.value;
  if (id === null) return;
  try {
    const answer = await getOf(PATH, { camera_id: id });
    // What others have drawn meanwhile is told when this is saved; here it is only whether ours holds.
    if (cameraId.value === id && answer.written.version === shown.value?.written.version) shown.value = answer;
  } catch (error) {
    if (!(error instanceof ActionFailed)) throw error; // it is asked again
  }
  if (cameraId.value === id) follow();
}
