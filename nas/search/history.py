"""What a search has evaluated so far, and how much more there is to evaluate. Not here: how it is stored (`study_journal.py`)."""

from math import ceil, fsum, isfinite
from typing import Final

from nas.errors import FailedEvaluations
from nas.search.candidate import Candidate, Evaluation
from nas.search.problem import SearchProblem
from search_spaces.space import Architecture

FAILED_SHARE: Final = 0.2
"""Share of evaluations without a number above which a search ends with an error."""
LEAST_FAILED: Final = 5
"""Of them, before the share counts."""


class History:
    """Candidates and failures of one search, in the order of suggestion.

    Args:
        problem: that is solved.
        candidates: of earlier attempts.
        failed: evaluations of earlier attempts that gave no number.
    """

    def __init__(self, problem: SearchProblem, candidates: list[Candidate], failed: int) -> None:
        self._problem, self.candidates, self.failed = problem, candidates, failed
        self.known = {c.architecture: Evaluation(c.value, c.images) for c in candidates}

    @property
    def asked(self) -> int:
        """How many architectures were suggested."""
        return self.failed + len(self.candidates)

    @property
    def done(self) -> float:
        """The work so far, in evaluations on all images; a failed one counts as such."""
        return self.failed + fsum(self._problem.work(c.images) for c in self.candidates)

    @property
    def next_batch(self) -> int:
        """How many architectures to suggest next: no more than are left to do if all images decide each of them; 0 at the end."""
        problem = self._problem
        left = ceil(round(problem.evaluations - self.done, 9))  # sums of shares are exact to less
        return max(min(problem.at_once, left, (problem.most or problem.evaluations) - self.asked), 0)

    def add(self, candidate: Candidate) -> bool:
        """Adds an evaluation; whether it gave a number, so that it is a candidate."""
        if not isfinite(candidate.value):
            self.failed += 1
            return False
        self.candidates.append(candidate)
        self.known[candidate.architecture] = Evaluation(candidate.value, candidate.images)
        return True

    def reject_failures(self, newest: Architecture) -> None:
        """Checks that more evaluations are no waste.

        Raises:
            FailedEvaluations: too many gave no number, that of `newest` last.
        """
        if self.failed >= LEAST_FAILED and self.failed > FAILED_SHARE * self.asked:
            raise FailedEvaluations(
                f"{self.failed} of {self.asked} evaluations gave no number, the last one that of {newest.id}.",
                fix="Check the data and the trained network or supernet; the evaluations that succeeded are stored.",
                facts={"failed": self.failed, "evaluations": self.asked, "architecture": str(newest)},
            )
