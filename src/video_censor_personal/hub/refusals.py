"""Why a hub would not answer: from a status and its headers to one of our errors."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping

from video_censor_personal.errors import (
    ModelDisabledError,
    ModelGatedError,
    ModelHiddenError,
    ModelNotFoundError,
    RegistryAnswerError,
    RegistryError,
    RegistryLoginError,
    RegistryUnreachableError,
    RevisionNotFoundError,
)
from video_censor_personal.hub.names import shorten

__all__ = ["refusal", "retry_after_s"]

# What the hub writes, word for word; `X-Error-Code` is not sent for these.
_DISABLED = "Access to this resource is disabled."
_BAD_TOKEN = "Invalid credentials in Authorization header"
_SHOWN_MESSAGE = 200


def refusal(
    status: int,
    headers: Mapping[str, str],
    *,
    url: str,
    model: str | None,
    with_token: bool,
    setting: str = "HF_ENDPOINT",
) -> RegistryError:
    """The error that tells what an answer with `status` >= 300 means for `model`.

    The names of `headers` are in lower case.
    """
    code, said = headers.get("x-error-code", ""), headers.get("x-error-message", "")
    name = model or "what was asked for"
    if status in (408, 425, 429) or status >= 500:
        return _busy(status, headers, url=url, model=model)
    if code == "GatedRepo":
        return _gated(name, url, model, with_token)
    if said == _DISABLED:
        return ModelDisabledError(
            f"{name} was disabled by the hub ({url}). Choose another model.", model=model, url=url
        )
    if code in ("RevisionNotFound", "EntryNotFound"):
        what = "revision" if code == "RevisionNotFound" else "file"
        return RevisionNotFoundError(
            f"{name} has no such {what} ({url}). Look at the versions on its page on the hub.",
            model=model,
            url=url,
        )
    if status == 401 and (said == _BAD_TOKEN or (with_token and code != "RepoNotFound")):
        return _bad_login(url, model)
    if status == 404 or code == "RepoNotFound" or status in (401, 403):
        return _unknown(status, name, url, model, with_token)
    detail = f": {shorten(said, _SHOWN_MESSAGE)}" if said else ""
    return RegistryAnswerError(
        f"{url} answered {status}{detail}. Is {setting} right?",
        model=model,
        url=url,
    )


def _bad_login(url: str, model: str | None) -> RegistryLoginError:
    return RegistryLoginError(
        f"{url} refused the token. Make a new one with the right to read, and set HF_TOKEN or run "
        "`hf auth login`.",
        model=model,
        url=url,
    )


def _gated(name: str, url: str, model: str | None, with_token: bool) -> ModelGatedError:
    page = re.sub(r"/api/models/.*|/resolve/.*", "", url) + f"/{model}" if model else url
    then = (
        "with the account of your token" if with_token else "and set HF_TOKEN to a token of yours"
    )
    return ModelGatedError(
        f"{name} is gated: its owner wants its terms accepted first. "
        f"Open {page}, accept them {then}, and try again.",
        model=model,
        url=url,
    )


def _unknown(
    status: int, name: str, url: str, model: str | None, with_token: bool
) -> ModelNotFoundError:
    if status == 404 and with_token:
        return ModelNotFoundError(
            f"the hub has no model {name} that your token may see ({url}).", model=model, url=url
        )
    if status == 404:
        return ModelNotFoundError(f"the hub has no model {name} ({url}).", model=model, url=url)
    if with_token:
        return ModelHiddenError(
            f"{name} does not exist, or your token has no right to read it ({url}).",
            model=model,
            url=url,
        )
    return ModelHiddenError(
        f"{name} does not exist or is private: the hub tells only those who log in ({url}). "
        "If it is private, set HF_TOKEN or run `hf auth login`.",
        model=model,
        url=url,
    )


def _busy(
    status: int, headers: Mapping[str, str], *, url: str, model: str | None
) -> RegistryUnreachableError:
    wait_s = retry_after_s(headers)
    when = f"; it asks to wait {wait_s:.0f} s" if wait_s else ""
    what = "has answered too many requests" if status == 429 else "cannot answer now"
    hint = " A token (HF_TOKEN) raises the limit." if status == 429 else " Try again later."
    return RegistryUnreachableError(
        f"{url} {what} ({status}){when}.{hint}", model=model, url=url, retry_after_s=wait_s
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait, by `Retry-After` or the `RateLimit` of the hub.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after and
    https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (`"api";r=0;t=55`).
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    if value:
        try:
            return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
        except (ValueError, OverflowError):
            return None
    limits = re.search(r";\s*r=0\b.*?;\s*t=([0-9]{1,9})", headers.get("ratelimit", ""))
    return float(limits.group(1)) if limits else None
