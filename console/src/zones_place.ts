// Where the editor of a camera's zones and calibration is; the editor says it.

import { signal } from "@preact/signals";

export const zonesAt = signal<((cameraId: string) => string) | null>(null);
