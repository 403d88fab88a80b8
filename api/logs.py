"""Logs as lines of JSON on standard error, with the ids of requests and jobs, and without secrets."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final

from api.keys.secrets import KEY_PATTERN

_FIELDS: Final = ("request_id", "job_id", "key_id", "method", "path", "status", "ms")
_PASSWORD: Final = re.compile(r"(\w+://[^/\s:@]+):[^/\s@]+@")
_BEARER: Final = re.compile(r"(?i)(bearer|cookie:?|x-csrf-token:?)\s+\S+")


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        line |= {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["error"] = redacted(self.formatException(record.exc_info))
        return json.dumps(line, default=str)


def redacted(text: str) -> str:
    """A text without keys, bearer tokens, cookies, and passwords in addresses."""
    text = KEY_PATTERN.sub("nas_[redacted]", text)
    text = _PASSWORD.sub(r"\1:[redacted]@", text)
    return _BEARER.sub(r"\1 [redacted]", text)


def log_to_stderr(level: int = logging.INFO) -> None:
    """Sends all logs of this process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
