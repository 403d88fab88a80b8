"""The plain page at `/`: what the service does now, and how to use it from a terminal. Also the page of each problem code.

No script, no style in the page: it stays usable with the strictest content security policy.
"""

from collections.abc import Callable, Coroutine
from html import escape
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi.routing import APIRoute
from starlette.responses import FileResponse, HTMLResponse, Response

from api.access import NO_KEY, JobsReader, ModelsReader
from api.dependencies import JobsService, ModelsService
from api.errors import NotFound, Unauthenticated
from api.jobs.repository import Filter
from api.jobs.schemas import JobDocument
from api.models.schemas import ModelDocument
from api.problem_document import title
from api.problems import known_problems, problems
from api.sign_in import html_page, sign_in_page

router = APIRouter(include_in_schema=False)

STYLE: Final = Path(__file__).parent / "static" / "status.css"
SHOWN: Final = 20


def _to_sign_in(error: Unauthenticated) -> Response:
    return sign_in_page(None if error.detail == NO_KEY else error.detail, 401)


class _PageRoute(APIRoute):
    """A page for people: who is not signed in gets the form for it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def page(request: Request) -> Response:
            try:
                return await handle(request)
            except Unauthenticated as error:
                return _to_sign_in(error)

        return page


def status_page(
    request: Request, jobs_reader: JobsReader, models_reader: ModelsReader, jobs: JobsService, models: ModelsService
) -> Response:
    """Jobs, models, and how to queue a search."""
    address = f"http://{request.headers.get('host', 'localhost')}"
    recent = jobs.page(jobs_reader, Filter(), "-created_at", size=SHOWN, token=None).items
    delivered = models.page(models_reader, job_id=None, size=SHOWN, token=None).items
    body = f"""<h1>hwnas</h1>
<p>Finds the most accurate <abbr title="8-bit integer">INT8</abbr> network that keeps a latency budget on your hardware.</p>
<h2 id="jobs">Jobs</h2>
{_table("jobs", ("Job", "State", "Phase", "Progress", "Data", "Created"), [_job(job) for job in recent])}
<h2 id="models">Models</h2>
{_table("models", ("Model", "Target", "INT8 accuracy", "Latency", "Files"), [_model(model) for model in delivered])}
<h2>Queue a search</h2>
<pre><code>{escape(_example(address))}</code></pre>
<p>Follow it, with its id in place of <code>JOB</code>:</p>
<pre><code>curl -N -H "Authorization: Bearer $HWNAS_KEY" -H 'Accept: text/event-stream' {escape(address)}/v1/jobs/JOB/events</code></pre>
<p>Machines read <a href="/openapi.json">the description of the interface</a> (OpenAPI),
<a href="/v1/targets">targets</a>, <a href="/v1/search-spaces">search spaces</a> and <a href="/readyz">readiness</a>.</p>
<form method="post" action="/sign-out"><button>Sign out</button></form>"""
    return html_page("hwnas", body)


router.add_api_route("/", status_page, response_class=HTMLResponse, route_class_override=_PageRoute)


@router.get("/static/status.css")
async def style() -> FileResponse:
    """The style of the pages."""
    return FileResponse(STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})


@router.get("/problems/{code}", response_class=HTMLResponse, responses=problems(NotFound, public=True))
def problem_page(code: Annotated[str, PathParameter(pattern=r"^[a-z_]{1,60}$")]) -> Response:
    """What a problem's `type` leads to."""
    known = known_problems()
    if code not in known:
        raise NotFound(f"There is no problem code {code!r}.", fix="Use the type of a problem document.")
    status, description = known[code]
    body = f"""<h1>{escape(title(code))}</h1>
<p>{escape(description)}</p>
<dl><dt>Code</dt><dd><code>{escape(code)}</code></dd><dt>Status</dt><dd>{status}</dd></dl>
<p><a href="/">Back to the service</a></p>"""
    return html_page(title(code), body)


def _table(name: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table of cells that are HTML already."""
    if not rows:
        return f"<p>There are no {name} yet.</p>"
    columns = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    lines = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in rows
    )
    return f"""<div class="wide"><table>
<caption>The newest {name} (at most {SHOWN})</caption>
<thead><tr>{columns}</tr></thead>
<tbody>{lines}</tbody>
</table></div>"""


def _job(job: JobDocument) -> tuple[str, ...]:
    progress = f"{job.progress.done:g} of {job.progress.total:g} {job.progress.unit}" if job.progress else ""
    state = job.state if job.error is None else f"{job.state}: {job.error.detail}"
    return (
        f'<a href="/v1/jobs/{job.id}">{job.id}</a>',
        escape(state),
        escape(job.phase or ""),
        escape(progress),
        escape(job.spec.data),
        f'<time datetime="{job.created_at.isoformat()}">{job.created_at:%Y-%m-%d %H:%M:%S} UTC</time>',
    )


def _model(model: ModelDocument) -> tuple[str, ...]:
    measured = model.latency_ms.measured
    latency = f"{model.latency_ms.predicted:.4g} ms predicted" if measured is None else f"{measured:.4g} ms measured"
    files = ", ".join(f'<a href="{escape(a.url)}">{escape(a.name)}</a>' for a in model.artifacts)
    return (
        f'<a href="/v1/models/{model.id}">{model.id}</a>',
        escape(model.target),
        f"{model.accuracy.int8:.2%}",
        escape(f"{latency}, budget {model.latency_ms.budget:.4g} ms"),
        files,
    )


def _example(address: str) -> str:
    return f"""curl -X POST {address}/v1/jobs -H "Authorization: Bearer $HWNAS_KEY" -H 'Content-Type: application/json' -d '{{
  "spec": {{"kind": "search", "data": "digits", "space": "mobilenet", "effort": "quick",
           "targets": [{{"target": "cpu", "latency_ms": "40%"}}]}}
}}'"""
