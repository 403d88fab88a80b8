"""What can go wrong with a latency model. See `search_spaces.errors.HwnasError` for the common form."""

from search_spaces.errors import HwnasError


class TooFewProfiles(HwnasError):
    """There are not enough profiles to fit or to check a table."""

    code = "too_few_profiles"


class UnreadableTable(HwnasError):
    """A document that is no latency table, or one of another schema version."""

    code = "unreadable_table"
    status = 422


class EmptyBand(HwnasError):
    """No architecture of the space lies inside the requested band. `facts` carry the reachable range."""

    code = "empty_band"
    status = 422


class InvalidBudget(HwnasError):
    """A latency budget that is neither milliseconds nor a point of the reachable range."""

    code = "invalid_budget"
    status = 422


class CostTooFine(HwnasError):
    """A cost whose range has too many steps to be counted exactly in bounded memory."""

    code = "cost_too_fine"
    status = 422
