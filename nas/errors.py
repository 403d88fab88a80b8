"""The engine's errors. Each names its fix; see `search_spaces.errors.HwnasError` for their common form."""

from search_spaces.errors import HwnasError


class InvalidSpec(HwnasError):
    """A search spec with an impossible or contradictory request."""

    code = "invalid_spec"


class InvalidData(HwnasError):
    """A data set that cannot be read or learned from: missing, empty, one class, too many corrupt images, bad labels."""

    code = "invalid_data"


class UnknownSearcher(HwnasError):
    """A searcher that is not installed, or whose package cannot be loaded."""

    code = "unknown_searcher"


class InfeasibleBudget(HwnasError):
    """No architecture of the space meets the latency budget. `facts` carry the reachable range and a budget that can be met."""

    code = "infeasible_budget"
    status = 422


class InfeasibleLimits(HwnasError):
    """No architecture of the space meets all limits. `facts` carry those that conflict, and the nearest feasible value of each."""

    code = "infeasible_limits"
    status = 422


class FailedEvaluations(HwnasError):
    """Too many evaluations of a search gave no number. Those that did are stored; `facts` count them."""

    code = "failed_evaluations"
    status = 422


class NotANumber(HwnasError):
    """A network computes values that are infinite or no numbers: training diverged, or its weights are damaged."""

    code = "not_a_number"
    status = 422


class OutOfSpace(HwnasError):
    """The disk of the store or of the output folder is full. Everything stored before stays valid."""

    code = "out_of_space"
    status = 507


class UnwritableFolder(HwnasError):
    """The store or the output folder may not be written to: no permission, or a read-only disk."""

    code = "unwritable_folder"
    status = 500


class StoreCorrupt(HwnasError):
    """A blob of the store does not have the content that its name states."""

    code = "store_corrupt"
    status = 500


class UnusableStore(HwnasError):
    """The URL of a store names no file system that can be opened here."""

    code = "unusable_store"


class Cancelled(HwnasError):
    """The caller requested a stop. Completed work is stored; the same spec resumes from there."""

    code = "cancelled"
    status = 409


class UnknownRun(HwnasError):
    """There is no run of that name in the output folder."""

    code = "unknown_run"
    status = 404


class UnusableStudyFile(HwnasError):
    """A file that studies are written to is no storage of the installed Optuna's."""

    code = "unusable_study_file"


class UnknownArchitecture(HwnasError):
    """A search evaluated no architecture of that id, or several whose ids begin so."""

    code = "unknown_architecture"
    status = 404


class OutOfDeviceMemory(HwnasError):
    """The memory of a GPU or of the machine is too small for the largest network, with smaller batches too; `facts` name the last batch."""

    code = "out_of_device_memory"
    status = 507


class DeviceLost(HwnasError):
    """A GPU failed or vanished during the work. Checkpoints and finished stages are kept."""

    code = "device_lost"
    status = 503


class SourceUnavailable(HwnasError):
    """The trained network to start from is not known here, not installed, or not the published one."""

    code = "source_unavailable"


class UnknownExecutor(HwnasError):
    """An executor that hwnas does not have."""

    code = "unknown_executor"


class WorkerLost(HwnasError):
    """A piece of work that no worker could finish: they died, hung or were lost each time. What others computed is stored."""

    code = "worker_lost"
    status = 503


class FailedWork(HwnasError):
    """A piece of work that failed with an unexpected exception; `facts` have its trace."""

    code = "failed_work"
    status = 500


class OutOfWorkerMemory(HwnasError):
    """A worker has too little memory for a piece of work."""

    code = "out_of_worker_memory"
    status = 507


class UnsendableWork(HwnasError):
    """A piece of work, or its code, that cannot be sent to another process: it holds an open file, or is too large."""

    code = "unsendable_work"


class UnreachableStore(HwnasError):
    """A store that a worker does not see: a folder of another machine, or a URL that it cannot open."""

    code = "unreachable_store"
    status = 503


class InvalidBatch(HwnasError):
    """A batch spec with unknown or wrong fields, without cells, or with too many."""

    code = "invalid_batch"


class ClusterUnreachable(HwnasError):
    """There is no Ray cluster at an address, or this machine is no node of it."""

    code = "cluster_unreachable"
    status = 503


class ClusterMismatch(HwnasError):
    """No node of a Ray cluster has the versions of hwnas, Python and Ray of this machine; `facts` name each node."""

    code = "cluster_mismatch"
    status = 503


class ClusterLost(HwnasError):
    """A Ray cluster was lost during the work, with its head or the connection to it. What was computed is stored."""

    code = "cluster_lost"
    status = 503


class UnmetNeeds(HwnasError):
    """A piece of work needs more cores or memory than any node of a Ray cluster has, or a device that none has."""

    code = "unmet_needs"
    status = 422


class ObjectStoreFull(HwnasError):
    """The object store of a Ray cluster's node has no room for what is sent to it."""

    code = "object_store_full"
    status = 507
