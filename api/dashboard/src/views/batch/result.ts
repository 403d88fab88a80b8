/** The result of a batch, as the service answers it. */
import type { Schemas } from "../../api/client";

export type BatchAnswer = Schemas["BatchAnswer"];
