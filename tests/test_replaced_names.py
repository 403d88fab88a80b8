"""Names of the packages are the words of the field, not the private ones of earlier code."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.repository import PACKAGES, ROOT, modules

MIGRATIONS = ROOT / "api" / "migrations"
"""They read documents that have the former names."""

REPLACED_NAMES: dict[str, str] = {
    # spaces and targets
    "Card": "Board",
    "CardMemory": "BoardMemory",
    "Narrowed": "RestrictedSpace",
    "Refusal": "UnsupportedReason",
    "ReportCard": "AccuracyReport",
    "SCALE_STRAY": "prior standard deviation",
    "TERM_STRAYS": "prior standard deviation",
    "absorbed": "fused_activation",
    "card": "board",
    "cards": "boards",
    "from_onnx": "read_onnx",
    "key_stray": "prior standard deviation",
    "keeps_range": "passthrough_range",
    "narrow": "restrict",
    "own_cards": "own_boards",
    "read_card": "read_board",
    "report_card": "accuracy_report",
    "spanning": "covering_range",
    "strays": "prior standard deviation",
    "term_stray": "prior standard deviation",
    # the engine
    "AccuracyOutcome": "PrecisionMetrics",
    "Bank": "SupernetWeights",
    "Done": "JobOutcome",
    "Folded": "BNFolded",
    "Goal": "TargetPlan",
    "Hold": "DeviceClaim",
    "Integers": "QuantTensors",
    "Made": "StageOutput",
    "Mode": "ExecutionMode",
    "Part": "Split",
    "PartName": "SplitName",
    "Question": "SearchProblem",
    "Recipe": "TrainConfig",
    "Requantised": "FakeQuant",
    "Single": "SingleNetwork",
    "Watch": "TrainCallbacks",
    "ahead": "preflight",
    "bank_sha256": "supernet_sha256",
    "binds": "active",
    "choose_side": "choose_resolution",
    "explore": "search",
    "finish_chosen": "deliver_selected",
    "fit_space": "restrict_space",
    "goal": "target_plan",
    "goals": "target_plans",
    "hand_over": "package, deliver",
    "held_against": "budget_on",
    "meant": "selected",
    "part_named": "split",
    "queries": "evaluations",
    "question": "problem",
    "randoms": "num_random",
    "recipe": "config",
    "recipes": "train_config",
    "shown": "displayed",
    "sketch": "resolve_spec",
    "stop_if_asked": "check_cancelled",
    "survey": "estimate_job",
    "tell_again": "replay",
    "told": "emitted, reported",
    "unclaimed": "no_claim",
    # the service
    "Ahead": "Preflight",
    "Asked": "TenantWorkload",
    "Gate": "TenantLimiter",
    "Held": "ClaimedJob",
    "Keeper": "LeaseHeartbeat",
    "Survey": "JobEstimate",
    "Turns": "TenantLimiter",
    "Wanted": "ExportRequest",
    "Wish": "LeaseSignal",
    "hand_back": "return to the queue",
    "impatient": "cancelled",
    "insight": "candidate, curves, checkpoints",
    "local_spec": "engine_spec",
    "surveyor": "estimator",
    "turns": "tenant_limiter",
    "wish": "signal",
}
"""Private words of earlier code, and what the field calls the thing. CONTRIBUTING has the rule, under Style."""


def test_names_are_those_of_the_field() -> None:
    replaced = [
        f"{path.relative_to(ROOT)}:{line}: {name}: write {REPLACED_NAMES[name]}"
        for path, tree in modules()
        if path.relative_to(ROOT).parts[0] in PACKAGES and not path.is_relative_to(MIGRATIONS)
        for name, line in _identifiers(path, tree)
        if name in REPLACED_NAMES
    ]
    assert replaced == []


def _identifiers(path: Path, tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names that a file gives or uses: its own, and those of classes, functions, arguments, variables, attributes and keys."""
    yield path.stem, 1
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, node.lineno
            case ast.arg(arg=str(name)) | ast.keyword(arg=str(name)) | ast.Name(id=name) | ast.Attribute(attr=name):
                yield name, node.lineno
            case ast.Dict(keys=keys):
                yield from (
                    (key.value, key.lineno)
                    for key in keys
                    if isinstance(key, ast.Constant) and isinstance(key.value, str)
                )
            case ast.alias(name=name, asname=given):
                yield given or name.rpartition(".")[2], node.lineno
