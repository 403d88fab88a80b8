"""A check that schemathesis runs on every answer: what one tenant reaches by an id, the key of another does not. No tests.

`HWNAS_OTHER_KEY` is that key; the operations that were tried with it are noted in the file `HWNAS_TRIED`.
"""

import os
import re
from pathlib import Path
from typing import Any

import requests
import schemathesis

OWNED = re.compile(r"\{(job|dataset|network|model|key)_id\}")
"""Path parameters that name what belongs to a tenant."""


@schemathesis.check
def other_tenant(_ctx: Any, response: Any, case: Any) -> None:
    """Each successful call by an id is repeated with another tenant's key and must find nothing; lists must share nothing."""
    if not 200 <= response.status_code < 300 or case.method == "HEAD":
        return
    owned = OWNED.search(case.path)
    if owned is None and not (case.method == "GET" and _ids(response)):
        return
    request = response.request.copy()
    request.headers["Authorization"] = f"Bearer {os.environ['HWNAS_OTHER_KEY']}"
    request.headers.pop("Cookie", None)
    with requests.Session() as session:
        other = session.send(request, timeout=60, allow_redirects=False)
    with Path(os.environ["HWNAS_TRIED"]).open("a") as file:
        file.write(f"{case.method} {case.path}\n")
    if owned is not None:
        assert other.status_code == 404, f"another tenant gets {other.status_code} from {case.method} {case.path}"
    else:
        shared = _ids(response) & _ids(other)
        assert not shared, f"{case.path} lists to another tenant {sorted(shared)}"


def _ids(response: Any) -> set[str]:
    """Ids of what belongs to a tenant on a page."""
    try:
        items = response.json()["items"]
        return {item["id"] for item in items if re.match("(job|ds|net|mdl|key|lat)_", item["id"])}
    except (ValueError, KeyError, TypeError):
        return set()
