"""The share of this machine that other processes use meanwhile: times measured on a busy machine are not cached."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

_STAT = Path("/proc/stat")


@dataclass(frozen=True, slots=True)
class Load:
    """A reading of the machine's clocks, in seconds."""

    wall_s: float
    busy_s: float
    own_s: float

    @staticmethod
    def read() -> "Load":
        """Reads the clocks now. Where the system does not report other processes' use, it counts as none."""
        own = time.process_time()
        try:
            user, nice, system, _idle, _wait, irq, soft, *_ = map(int, _STAT.read_text().split()[1:9])
        except (OSError, ValueError):
            return Load(time.monotonic(), own, own)
        return Load(time.monotonic(), (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK"), own)

    def others_since(self) -> float:
        """Share of all cores that other processes used since this reading, 0-1."""
        now = Load.read()
        cores = (now.wall_s - self.wall_s) * (os.cpu_count() or 1)
        return max(0.0, ((now.busy_s - self.busy_s) - (now.own_s - self.own_s)) / max(cores, 1e-9))
