"""Signing in and out in a browser, without script: a form that trades a key for a cookie. Also the frame of every page.

Programs use `/v1/sessions`, or send their key with each request.
"""

from html import escape
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.dependencies import KeysService
from api.errors import Unauthenticated
from api.keys.routes import end_session, set_cookie

router = APIRouter(include_in_schema=False)

_SEE_OTHER: Final = 303


@router.get("/sign-in", response_class=HTMLResponse)
async def sign_in_form() -> Response:
    """The form."""
    return sign_in_page(None, 200)


@router.post("/sign-in", response_class=HTMLResponse)
async def sign_in(request: Request, keys: KeysService) -> Response:
    """Takes the form."""
    fields = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
    try:
        _, cookie = await run_in_threadpool(keys.sign_in, fields.get("key", [""])[0].strip())
    except Unauthenticated as error:
        return sign_in_page(error.detail, 401)
    response = RedirectResponse("/", _SEE_OTHER)
    set_cookie(response, cookie, request)
    return response


@router.post("/sign-out")
async def sign_out(request: Request, keys: KeysService) -> Response:
    """Ends the browser's session. The cookie comes only from pages of this server (SameSite=Strict)."""
    response = RedirectResponse("/sign-in", _SEE_OTHER)
    await end_session(keys, request, response)
    return response


def sign_in_page(wrong: str | None, status: int) -> HTMLResponse:
    """The page with the form, and what was wrong with the last try."""
    told = f'<p role="alert">{escape(wrong)}</p>' if wrong else ""
    body = f"""<h1>hwnas</h1>
{told}<form method="post" action="/sign-in">
<label for="key">Key</label>
<input id="key" name="key" type="password" autocomplete="current-password" required>
<button>Sign in</button>
</form>
<p>The first key was shown when the server started first; <code>hwnas keys create</code> makes another.</p>"""
    return html_page("Sign in to hwnas", body, status)


def html_page(name: str, body: str, status: int = 200) -> HTMLResponse:
    """A page around a body that is HTML already."""
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(name)}</title>
<link rel="stylesheet" href="/static/status.css">
</head>
<body>
<main>
{body}
</main>
</body>
</html>
""",
        status,
    )
