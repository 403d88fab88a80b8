"""Pages without script: the page of a problem's `type`, and the page at `/` where the dashboard was not built.

No style in the page either: it stays usable with the strictest content security policy.
"""

from html import escape
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter
from fastapi import Path as PathParameter
from starlette.responses import FileResponse, HTMLResponse, Response

from api.errors import NotFound
from api.problem_document import title
from api.problems import known_problems, problems

router = APIRouter(include_in_schema=False)

STYLE: Final = Path(__file__).parents[1] / "static" / "plain.css"


@router.get("/static/plain.css")
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
    return _page(title(code), body)


def page_without_dashboard() -> Response:
    """What the service says where its dashboard was not built."""
    body = """<h1>hwnas</h1>
<p>The service runs. Its dashboard is not in this installation: a package from an index has it; in a checkout of the source,
<code>make dashboard</code> builds it (with Node 20 or newer, which it fetches where there is none). Start the service again after
it.</p>
<p>All that the dashboard shows can be had without it: with <code>hwnas --help</code> on the command line, and over
<a href="/openapi.json">the REST interface</a>.</p>"""
    return _page("hwnas", body)


def _page(name: str, body: str) -> HTMLResponse:
    """A page around a body that is HTML already."""
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(name)}</title>
<link rel="stylesheet" href="/static/plain.css">
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
    )
