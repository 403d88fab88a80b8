"""The errors of the service itself. See `search_spaces.errors.HwnasError` for the common form."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from search_spaces.errors import HwnasError

if TYPE_CHECKING:
    from api.problem_document import FieldProblem


class RequestError(HwnasError):
    """A request of a wrong form, with one entry to each wrong field."""

    def __init__(
        self,
        detail: str,
        *,
        fix: str,
        facts: Mapping[str, object] | None = None,
        fields: tuple["FieldProblem", ...] = (),
    ) -> None:
        super().__init__(detail, fix=fix, facts=facts)
        self.fields = fields


class InvalidRequest(RequestError):
    """A request whose body, path or query does not have the documented form; `errors` point at the fields."""

    code = "invalid_request"
    status = 422


class MalformedBody(RequestError):
    """A body that is not the JSON it should be: no JSON at all, NaN or Infinity, or nested too deeply."""

    code = "malformed_body"


class BodyTooLarge(HwnasError):
    """A body larger than the server takes."""

    code = "body_too_large"
    status = 413


class BodyTimeout(HwnasError):
    """A client that stopped sending in the middle of a body."""

    code = "body_timeout"
    status = 408


class UnsupportedMediaType(HwnasError):
    """A body in a format that the route does not take."""

    code = "unsupported_media_type"
    status = 415


class NotFound(HwnasError):
    """There is nothing under this address."""

    code = "not_found"
    status = 404


class MethodNotAllowed(HwnasError):
    """The address exists but does not know this method; `Allow` lists those it knows."""

    code = "method_not_allowed"
    status = 405


class HostNotAllowed(HwnasError):
    """The `Host` header names another machine than this server, as in a DNS rebinding attack."""

    code = "host_not_allowed"
    status = 421


class CrossOrigin(HwnasError):
    """A web page of another origin tried to use this server through a browser."""

    code = "cross_origin"
    status = 403


class Unauthenticated(HwnasError):
    """No valid key came with the request, and no session."""

    code = "unauthenticated"
    status = 401


class ScopeMissing(HwnasError):
    """The key is valid and does not have the scope that this needs."""

    code = "scope_missing"
    status = 403


class CsrfTokenMissing(HwnasError):
    """A write that a cookie authorises came without the session's CSRF token."""

    code = "csrf_token_missing"
    status = 403


class TooManyRequests(HwnasError):
    """The key has used up its requests for the moment; `Retry-After` says when to continue."""

    code = "too_many_requests"
    status = 429


class QuotaExceeded(HwnasError):
    """The tenant has as many jobs or stored bytes as it may have."""

    code = "quota_exceeded"
    status = 403


class PreconditionFailed(HwnasError):
    """`If-Match` names another version than the current one."""

    code = "precondition_failed"
    status = 412


class IdempotencyMismatch(HwnasError):
    """The `Idempotency-Key` was used before, with another body."""

    code = "idempotency_mismatch"
    status = 422


class SecretShown(HwnasError):
    """The request made a key before, whose secret was shown then and is not stored."""

    code = "secret_shown"
    status = 409


class UnknownKey(HwnasError):
    """There is no key of that id."""

    code = "unknown_key"
    status = 404


class UnknownTenant(HwnasError):
    """There is no tenant of that id."""

    code = "unknown_tenant"
    status = 404


class TenantExists(HwnasError):
    """Another tenant has that name."""

    code = "tenant_exists"
    status = 409


class InvalidPageToken(HwnasError):
    """A page token of another list or filter."""

    code = "invalid_page_token"


class UnknownJob(HwnasError):
    """There is no job of that id."""

    code = "unknown_job"
    status = 404


class UnknownCandidate(HwnasError):
    """The job's search did not evaluate an architecture of that id."""

    code = "unknown_candidate"
    status = 404


class UnknownDataset(HwnasError):
    """There is no data set of that id."""

    code = "unknown_dataset"
    status = 404


class UnknownNetwork(HwnasError):
    """There is no trained network of that id."""

    code = "unknown_network"
    status = 404


class UnknownModel(HwnasError):
    """There is no model of that id."""

    code = "unknown_model"
    status = 404


class UnknownArtifact(HwnasError):
    """The model or the job has no artifact of that name."""

    code = "unknown_artifact"
    status = 404


class JobEnded(HwnasError):
    """The job has ended, so that the request comes too late."""

    code = "job_ended"
    status = 409


class JobCancelling(HwnasError):
    """The job is being cancelled, so that the request comes too late."""

    code = "job_cancelling"
    status = 409


class JobNotEnded(HwnasError):
    """The job has not ended, and only ended jobs can be deleted."""

    code = "job_not_ended"
    status = 409


class JobTooLong(HwnasError):
    """The job ran for its longest duration and was ended."""

    code = "job_too_long"
    status = 422


class DatasetInUse(HwnasError):
    """A job that has not ended reads the data set."""

    code = "dataset_in_use"
    status = 409


class NetworkInUse(HwnasError):
    """A job that has not ended starts from the network."""

    code = "network_in_use"
    status = 409


class UnsafeArchive(HwnasError):
    """An archive that is rejected unread: too many or too large entries, links, or names that leave its folder."""

    code = "unsafe_archive"
    status = 422


class CheckFailed(HwnasError):
    """The check of a data set, or the estimate of a job, ran out of its time or memory."""

    code = "check_failed"
    status = 422


class RangeNotSatisfiable(HwnasError):
    """The `Range` header asks for bytes that the file does not have."""

    code = "range_not_satisfiable"
    status = 416


class WorkerLost(HwnasError):
    """The worker died (or was killed, for example for memory) in every attempt at the job."""

    code = "worker_lost"
    status = 500


class LeaseLost(HwnasError):
    """Another worker has the job; this one stops without writing."""

    code = "lease_lost"
    status = 409


class InternalError(HwnasError):
    """A defect of the program; the log has it under the request's or the job's id."""

    code = "internal_error"
    status = 500


class ServiceUnavailable(HwnasError):
    """The service cannot answer now, for example since its database cannot be reached."""

    code = "service_unavailable"
    status = 503


class DatabaseVersion(HwnasError):
    """A database of another schema version than this program's."""

    code = "database_version"
    status = 500


class UnusablePepper(HwnasError):
    """The secret that stored keys are mixed with is missing or damaged."""

    code = "unusable_pepper"
    status = 500


class UnusableDatabase(HwnasError):
    """A database that cannot be opened: a damaged file, no permission, or a server that does not answer."""

    code = "unusable_database"
    status = 500


class UnknownHost(HwnasError):
    """The service cannot listen on the address: this machine does not have it, or it is no address."""

    code = "unknown_host"


class PortInUse(HwnasError):
    """Another program listens on that port."""

    code = "port_in_use"


class PortForbidden(HwnasError):
    """The user who starts the service may not listen on that port."""

    code = "port_forbidden"


class UnknownHome(HwnasError):
    """The folder that was given as the service's home has no service."""

    code = "unknown_home"
    status = 404


class HomeInUse(HwnasError):
    """Another server uses the same home folder."""

    code = "home_in_use"


class Unhealthy(HwnasError):
    """`hwnas doctor` found something wrong; `facts` have all findings."""

    code = "unhealthy"
    status = 500


class ApiError(HwnasError):
    """A service rejected a client's request; `code` and `status` become those of its problem document."""

    code = "api_error"

    @staticmethod
    def from_problem(problem: Mapping[str, object]) -> "ApiError":
        """The error of a problem document."""
        facts = problem.get("facts")
        made = ApiError(
            str(problem.get("detail", "The service rejected the request.")),
            fix=str(problem.get("fix", "See the server's log.")),
            facts=facts if isinstance(facts, Mapping) else None,
        )
        vars(made).update(code=str(problem.get("code", ApiError.code)), status=int(str(problem.get("status", 500))))
        return made


class UnusableKey(HwnasError):
    """A client was given no key, or something that cannot be sent as one."""

    code = "unusable_key"


class NoAnswer(HwnasError):
    """A client cannot reach the service."""

    code = "no_answer"
    status = 503


class WrongContent(HwnasError):
    """What a client downloaded is not what the service said it has."""

    code = "wrong_content"
    status = 502


class RemoteJobEnded(HwnasError):
    """A job that a client waited for ended without a result."""

    code = "remote_job_ended"
    status = 422
