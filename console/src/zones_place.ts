// Where the editor of a camera's zones and calibration is, once there is one; until then nothing leads there.

import { signal } from "@preact/signals";

export const zonesAt = signal<((cameraId: string) => string) | null>(null);
