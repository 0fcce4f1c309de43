// What opens the editor of a camera's zones and calibration, once there is one; until then nothing offers it.

import { signal } from "@preact/signals";

export const zonesOpener = signal<((cameraId: string) => void) | null>(null);
