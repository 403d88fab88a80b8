"""The problem document (RFC 9457): how a failure looks on the wire and in a failed job. Not here: how requests get one."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import to_jsonable_python

from search_spaces.errors import HwnasError

MEDIA_TYPE: Final = "application/problem+json"


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    model_config = ConfigDict(frozen=True)

    pointer: str | None = Field(default=None, description="JSON pointer into the body")
    parameter: str | None = Field(default=None, description="name of a query, path or header parameter")
    detail: str


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/unknown_job",
                    "title": "Unknown job",
                    "status": 404,
                    "detail": "There is no job 'job_01jd3z6g4m8x2c5v7b9n1q3r5t'.",
                    "instance": "urn:uuid:8f14e45f-ceea-467f-9a36-dedd4bea2543",
                    "code": "unknown_job",
                    "fix": "List the jobs with GET /v1/jobs.",
                    "facts": {},
                    "errors": [],
                }
            ]
        },
    )

    type: str = Field(description="address of the code's description, relative to the server")
    title: str
    status: int
    detail: str
    instance: str | None = Field(default=None, description="the request it happened in, as in the X-Request-ID header")
    code: str = Field(description="stable identifier of the kind of failure")
    fix: str = Field(description="what to do about it")
    facts: dict[str, JsonValue] = Field(default_factory=dict, description="machine-readable context")
    errors: tuple[FieldProblem, ...] = Field(default=(), description="one for each wrong field of the request")


def title(code: str) -> str:
    """A code in words."""
    return code.replace("_", " ").capitalize()


def problem_of(error: HwnasError, *, instance: str | None = None) -> Problem:
    """An error as a problem document."""
    return Problem(
        type=f"/problems/{error.code}",
        title=title(error.code),
        status=error.status,
        detail=error.detail,
        instance=instance,
        code=error.code,
        fix=error.fix,
        facts=to_jsonable_python(error.facts, inf_nan_mode="null", fallback=str),
        errors=tuple(getattr(error, "fields", ())),
    )
