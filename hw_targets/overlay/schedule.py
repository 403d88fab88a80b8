"""When everything runs: a tile-level, event-driven schedule of in-order engines (load, convolution, depthwise, misc, save) and the
weight loader that a kernel's engines share.

Each group is cut into the same number of row stripes; a tile starts when its engine is free, its input stripes are complete (one
stripe more for the rows beyond the edge), its weights are there and its buffer is free again (two deep). Feature maps that
fit the banks stay on chip; others are saved and loaded again, stripe by stripe. An add fused behind a convolution works on
the array's own result and delays it; a pool runs in parallel. Engines work on different groups at once: that is why depthwise and
pointwise convolutions overlap, and no rule here depends on the kind of network.

The cost is the minimum over a few stripe counts, the same for all shapes, so that it never falls as a feature map outgrows a bank.
All durations are cycles of the DPU clock for one image on one engine. Not here: how long a tile takes (`work.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from hw_targets.overlay.fusion import IMAGE, POOLS, Group, Read
from hw_targets.overlay.machine import Machine
from hw_targets.overlay.work import Work, map_bytes

STRIPES: Final = (1, 2, 4, 8)
"""Stripe counts that are tried."""

ENGINES: Final = ("load", "convolution", "depthwise", "misc", "save", "weights")
LOAD, CONVOLUTION, MISC, SAVE, WEIGHTS = 0, 1, 3, 4, 5
MISC_TASK: Final = 2


class Interval(NamedTuple):
    """One tile on one engine, in cycles; `group` is an index."""

    engine: str
    group: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """One image on one engine.

    Attributes:
        cycles: until the last engine is done.
        stripes: into how many each group was cut.
        ends: when each group's result is complete, in their order.
        spilled: for each group, whether its result goes through memory since it does not fit the banks, or in another layout.
        intervals: what each engine did; empty unless requested.
    """

    cycles: float
    stripes: int
    ends: tuple[float, ...]
    spilled: tuple[bool, ...]
    intervals: tuple[Interval, ...] = ()


class _Task(NamedTuple):
    """A group's durations over all of its tiles, and the sources of its feature maps."""

    engine: int  # 0 convolution, 1 depthwise, 2 misc
    compute: float
    misc: float
    holds: bool
    load: float
    add_load: float
    save: float
    from_memory: tuple[int, ...]
    on_chip: tuple[int, ...]
    add_from_memory: tuple[int, ...]
    add_on_chip: tuple[int, ...]
    whole: bool
    beyond: int
    weights: float
    first_weights: float
    double_weights: float
    last: float


def schedule(groups: Sequence[Group], works: Sequence[Work], machine: Machine, *, trace: bool = False) -> Schedule:
    """The quickest schedule over the stripe counts.

    Args:
        groups: from `fusion.groups`.
        works: each group's demand on the engines.
        machine: widths, banks and overheads.
        trace: whether to record what each engine does when.
    """
    spilled = spills(groups, machine)
    tasks = [_task(i, g, w, spilled, machine) for i, (g, w) in enumerate(zip(groups, works, strict=True))]
    calibration = machine.calibration
    overheads = (calibration.layer_cycles, calibration.tile_cycles)
    loader = LOAD if machine.overlay.ports.one_loader else WEIGHTS
    runs = ((_run(tasks, count, overheads, loader, None), count) for count in STRIPES)
    ends, count = min(runs, key=lambda run: (run[0][-1], run[1]))
    intervals: list[Interval] = []
    if trace:
        ends = _run(tasks, count, overheads, loader, intervals)
    return Schedule(max(ends[-1], _memory_bound(works, spilled, groups, machine)), count, tuple(ends[:-1]),
                    spilled, tuple(intervals))  # fmt: skip


def spills(groups: Sequence[Group], machine: Machine) -> tuple[bool, ...]:
    """Which results go through memory: where the input and the result of a group exceed its banks, both do."""
    word, room = machine.overlay.convolution.input_channels, machine.overlay.banks.feature_bytes
    banks = machine.overlay.banks
    found = [group.through_memory or not banks.keeps_maps for group in groups]
    for number, group in enumerate(groups):
        sources = (*group.reads, *group.add_reads)
        if sum(map_bytes(r.shape, word) for r in sources) + map_bytes(group.out_shape, word) > room:
            found[number] = True
            for read in sources:
                if read.group != IMAGE:
                    found[read.group] = True
    return tuple(found)


def traffic_bytes(group: Group, work: Work, spilled: Sequence[bool], number: int) -> tuple[int, int]:
    """Feature maps that a group loads and saves."""
    word_loads = _loads(group.reads, work.in_bytes, spilled) + _loads(group.add_reads, work.add_bytes, spilled)
    return word_loads, work.out_bytes if spilled[number] or group.is_output else 0


def _loads(reads: Sequence[Read], total: int, spilled: Sequence[bool]) -> int:
    numbers = [read.group for read in reads]
    if all(number == IMAGE or spilled[number] for number in numbers):
        return total
    shares = [read.shape[0] * read.shape[1] * read.shape[2] for read in reads]
    part = sum(s for s, n in zip(shares, numbers, strict=True) if n == IMAGE or spilled[n])
    return round(total * part / sum(shares))


def _memory_bound(works: Sequence[Work], spilled: Sequence[bool], groups: Sequence[Group], machine: Machine) -> float:
    """Cycles that the engine's share of the board's memory needs for everything that is moved."""
    maps = sum(sum(traffic_bytes(g, w, spilled, i)) for i, (g, w) in enumerate(zip(groups, works, strict=True)))
    share = machine.board.memory.gb_per_s * 1e3 / machine.clock_mhz
    weights = sum(w.weight_bytes for w in works)
    return maps / machine.engine_bytes_per_cycle + weights * len(machine.kernels) / share


def _task(index: int, group: Group, work: Work, spilled: Sequence[bool], machine: Machine) -> _Task:
    number = 0 if work.convolution else 1 if work.depthwise else 2
    main = group.main
    loads = _loads(group.reads, work.in_bytes, spilled) / machine.load_bytes_per_cycle
    add_loads = _loads(group.add_reads, work.add_bytes, spilled) / machine.load_bytes_per_cycle
    array = machine.overlay.convolution
    bank, width = machine.overlay.banks.weight_bytes / 2, machine.weight_bytes_per_cycle
    weights = work.weight_bytes
    whole = main is not None and (
        main.op in ("linear", "global_avg_pool") or (main.op in POOLS and main.out_shape[1:] == (1, 1))
    )
    kernels = [layer.kernel for layer in (main, group.pool) if layer is not None]
    saved = group.is_output or spilled[index]
    return _Task(
        number, work.convolution or work.depthwise, work.miscellaneous, group.add is not None and number == 0,
        loads, add_loads, 0.0 if not saved else work.out_bytes / machine.save_bytes_per_cycle,
        tuple(r.group for r in group.reads if r.group != IMAGE and spilled[r.group]),
        tuple(r.group for r in group.reads if r.group != IMAGE and not spilled[r.group]),
        tuple(r.group for r in group.add_reads if r.group != IMAGE and spilled[r.group]),
        tuple(r.group for r in group.add_reads if r.group != IMAGE and not spilled[r.group]),
        whole, int(any(max(kernel) > 1 for kernel in kernels)),
        weights / width, min(weights, bank) / width, max(0.0, weights - 2 * bank) / width,
        min(work.convolution, work.block_cycles * bank / (array.input_channels * array.output_channels)),
    )  # fmt: skip


def _run(
    tasks: Sequence[_Task], stripes: int, overheads: tuple[float, float], loader: int, trace: list[Interval] | None
) -> list[float]:  # fmt: skip
    """When each group's result is complete, and last when everything is, with every group cut into so many stripes."""
    free = [0.0] * len(ENGINES)
    halves = (0.0, 0.0)  # when the halves of the weight bank are free again
    chip_times: list[list[float]] = []  # when each stripe of each result is on chip
    memory_times: list[list[float]] = []  # when it is in memory
    ends: list[float] = []
    for number, task in enumerate(tasks):
        begin = ready = 0.0
        if task.weights:
            begin = max(free[loader], halves[0])
            ready = free[loader] = begin + task.first_weights
        start = _tiles(task, stripes, (ready, *overheads), free, chip_times, memory_times, trace)
        engine = task.engine
        if task.weights > task.first_weights:  # what exceeds the bank streams in while the array works
            free[loader] = max(free[loader] + task.weights - task.first_weights, start + task.double_weights)
            late = free[loader] + task.last - free[CONVOLUTION]
            if late > 0:
                free[CONVOLUTION] += late
                chip_times[-1][-1] += late
                memory_times[-1][-1] += late
                free[SAVE] = max(free[SAVE], memory_times[-1][-1])
        if task.weights:
            halves = (halves[1], free[engine + 1])
            if trace is not None:
                trace.append(Interval("weights", number, begin, free[loader]))
        ends.append(max(chip_times[-1][-1], memory_times[-1][-1]))
    ends.append(max(ends))
    return ends


def _tiles(
    task: _Task, stripes: int, overheads: tuple[float, float, float], free: list[float],
    chip_times: list[list[float]], memory_times: list[list[float]], trace: list[Interval] | None,
) -> float:  # fmt: skip
    """Runs one group stripe by stripe; returns when its engine first started."""
    (engine, compute, misc, holds, load, add_load, save, from_memory, on_chip, add_from_memory, add_on_chip,
     whole, beyond, *_) = task  # fmt: skip
    ready, layer_cycles, tile_cycles = overheads
    compute, misc, load, add_load, save = (value / stripes for value in (compute, misc, load, add_load, save))
    last, own = stripes - 1, engine + 1
    setup = layer_cycles if engine == 0 else 0.0  # before a convolution's first tile, while it waits
    alone = layer_cycles if engine == MISC_TASK else 0.0  # before that of a pool or add alone
    done: list[float] = []
    result: list[float] = []
    saved: list[float] = []
    first = 0.0
    for tile in range(stripes):
        needed = last if whole or tile + beyond > last else tile + beyond
        at, ready = ready, 0.0
        if load:
            at = max(
                at,
                _after(load, LOAD, [memory_times[g][needed] for g in from_memory], done, tile, free, chip_times, trace),
            )
        for group in on_chip:
            at = max(at, chip_times[group][needed])
        if engine != MISC_TASK:
            if save and tile > 1:
                at = max(at, saved[tile - 2])
            at = max(at, free[own] + setup)
            setup = 0.0
            first = first or at
            end = at + compute + tile_cycles
            free[own] = end
            if trace is not None:
                trace.append(Interval(ENGINES[own], len(chip_times), at, end))
            at = end
        if add_load:
            behind = [memory_times[g][tile] for g in add_from_memory]
            at = max(at, _after(add_load, LOAD, behind, result, tile, free, chip_times, trace))
        for group in add_on_chip:
            at = max(at, chip_times[group][tile])
        done.append(at)
        if misc:
            at = max(at + alone, free[MISC])
            alone = 0.0
            end = at + misc + tile_cycles
            free[MISC] = end
            if trace is not None:
                trace.append(Interval("misc", len(chip_times), at, end))
            if holds:
                free[CONVOLUTION] = max(free[CONVOLUTION], end)
            at = end
        result.append(at)
        saved.append(_after(save, SAVE, [at], (), tile, free, chip_times, trace) if save else at)
    chip_times.append(result)
    memory_times.append(saved)
    return first


def _after(
    cycles: float, engine: int, sources: Sequence[float], buffers: Sequence[float], tile: int, free: list[float],
    chip_times: Sequence[object], trace: list[Interval] | None,
) -> float:  # fmt: skip
    """When a transfer ends that waits for its sources and for the buffer of the tile before last."""
    at = max(free[engine], *sources) if sources else free[engine]
    if tile > 1 and buffers:
        at = max(at, buffers[tile - 2])
    free[engine] = at + cycles
    if trace is not None:
        trace.append(Interval(ENGINES[engine], len(chip_times), at, at + cycles))
    return at + cycles
