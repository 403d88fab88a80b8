import { describe, expect, it } from "vitest";

import { costFacts, type SearchCost, trustFacts, type TrustScore, trustTone } from "./searchReport";

const COST: SearchCost = {
  evaluations: 1200,
  images: 960_000,
  core_seconds: 1234.4,
  parts: { searching: 230.2, training: 1000, verifying: 4.25 },
  training_core_seconds: 100,
  trainings: 12.344,
};

describe("the cost of a search", () => {
  it("has its stages, the costliest first", () => {
    expect(costFacts(COST)).toEqual([
      ["Evaluations", "1,200"],
      ["Images evaluated", "960,000"],
      ["Core-seconds", "1,234 (training 1,000, searching 230, verifying 4.3)"],
      ["In trainings of this network", "12.3"],
    ]);
  });

  it("calls unknown what was not counted", () => {
    const parts = { training: null, searching: 20 };
    const facts = costFacts({ ...COST, images: null, core_seconds: null, trainings: null, parts });
    expect(facts.slice(1).map(([, value]) => value)).toEqual(["unknown", "unknown (training unknown, searching 20)", "unknown"]);
  });
});

const TRUST: TrustScore = {
  verdict: "no better",
  note: "no better",
  networks: [],
  scores: { tau: 0.4, low: -0.1, high: 0.75 },
  macs: { tau: 0.6, low: 0.2, high: 0.9 },
  p_value: 0.71875,
};

describe("the trust score", () => {
  it("stands beside that of multiply-accumulates, with intervals", () => {
    expect(trustFacts(TRUST)).toEqual([
      ["Scores before fine-tuning", "τ = 0.40 (95 %: -0.10 to 0.75)"],
      ["Multiply-accumulates", "τ = 0.60 (95 %: 0.20 to 0.90)"],
      ["Probability of this by chance", "0.72"],
    ]);
  });

  it("has no figures where there are too few networks", () => {
    expect(trustFacts({ ...TRUST, verdict: "too few", scores: null, macs: null, p_value: null })).toEqual([]);
  });

  it("warns where the search was no better than counting", () => {
    expect((["better", "no better", "too few"] as const).map((verdict) => trustTone({ ...TRUST, verdict }))).toEqual(["good", "warning", "info"]);
  });
});
