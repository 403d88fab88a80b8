"""Which executor a stage's work items go to. Not here: what they do."""

from nas.execution.executor import LOCAL, Executor
from nas.execution.local import LocalExecutor
from nas.job import Job
from nas.stages.context import Context


def workers(context: Context, job: Job) -> Executor:
    """The executor of the context, but this process for what is computed on a GPU of this machine."""
    return LocalExecutor() if job.compute.on_gpu else context.executor


def data_bytes(job: Job) -> int:
    """What a worker takes for a job's images: all of them as stored, and once more as read."""
    return 2 * sum(job.data.images.values()) * job.data.channels * job.data.resolution**2


def say_where(context: Context, job: Job) -> None:
    """Reports where a job with an executor of its own has no use for it."""
    if job.compute.on_gpu and context.executor.name != LOCAL:
        context.info(
            f"Networks are evaluated and fine-tuned on {job.compute.device} of this machine, and not by {context.executor.name}."
        )
