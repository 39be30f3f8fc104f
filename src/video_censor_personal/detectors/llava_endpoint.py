"""Second looks by a model that a chat server runs: vLLM, Ollama, llama.cpp, or any other that
speaks OpenAI's protocol. Nothing is sent anywhere unless the configuration names the address.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from video_censor_personal.categories import NUDITY, SEXUAL_THEMES, VIOLENCE
from video_censor_personal.detectors.base import DetectorSettings, ModelNeed
from video_censor_personal.detectors.options import read_options
from video_censor_personal.detectors.questions.wording import described, digest_of, read_prompt
from video_censor_personal.detectors.second_look import (
    Answer,
    Asker,
    Question,
    SecondLookOptions,
)
from video_censor_personal.errors import ConfigError, DetectorError
from video_censor_personal.findings import Modality
from video_censor_personal.media.base import Frame

if TYPE_CHECKING:
    from video_censor_personal.detectors.questions.chat_endpoint import ChatEndpoint
    from video_censor_personal.detectors.questions.server_address import Server

__all__ = ["LlavaEndpoint", "LlavaEndpointOptions", "LlavaEndpointPlugin", "plugin"]

_PLACEHOLDER = "{concepts}"
_JPEG_QUALITY = 4
_LOOKS_AHEAD = 2
"""Questions per connection that are asked for at once, so that no connection waits for a frame."""

_SIGNAL_INTERVAL_S = 0.1
"""How often it is looked whether a request takes too long; Windows delivers Ctrl-C only between."""


@dataclass(frozen=True, slots=True)
class LlavaEndpointOptions(SecondLookOptions):
    """What a `llava-endpoint` entry under `detectors:` may say, besides `SecondLookOptions`.

    Attributes:
        url: of the server's API, such as `http://127.0.0.1:8000/v1`.
        model: as the server calls it; may be left out where it has only one.
        api_key_env: the environment variable that holds the key.
        timeout_s: for one answer.
        concurrency: how many requests at the same time.
        retries: how often to ask again where the server is busy, or does not answer.
        max_side: the longer side of the pictures that are sent, in pixels.
    """

    url: Annotated[str, Field(min_length=1)] = ""
    model: str = ""
    api_key_env: Annotated[str, Field(min_length=1)] | None = None
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    max_side: Annotated[int, Field(ge=64, le=4096)] = 672


class LlavaEndpoint(Asker):
    """Asks a chat server about frames; see `SecondLook`."""

    def __init__(
        self,
        settings: DetectorSettings,
        options: LlavaEndpointOptions,
        endpoint: ChatEndpoint,
        prompt: str,
        absence: str = "",
    ) -> None:
        """Makes sure that the server answers and has the model, unless an `absence` is known.

        Raises:
            DetectorError: it does not, and is not optional.
        """
        super().__init__(settings)
        self.options, self._is_optional = options, settings.optional
        self.batch = options.concurrency * _LOOKS_AHEAD
        self._endpoint, self._prompt, self._model = endpoint, prompt, options.model
        self._concepts = {key: described(settings.categories[key]) for key in settings.categories}
        self.absence = absence
        try:
            if not absence:
                self._model = self._served()
                self.model = _revision(self._model, settings)
        except DetectorError as error:
            if not settings.optional:
                raise
            self.absence = str(error)

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        with _workers(self.options.concurrency, self._endpoint) as workers:
            answers = [workers.submit(self._answer, question) for question in questions]
            waiting = set(answers)
            while waiting:
                _, waiting = wait(waiting, _SIGNAL_INTERVAL_S)
                self._endpoint.cut_overdue()
            return [answer.result() for answer in answers]

    def release(self) -> None:
        self._endpoint.release()

    def _answer(self, question: Question) -> Answer:
        from video_censor_personal.detectors.questions.chat_answers import (
            UnusableReply,
            read_reply,
            request_for,
        )
        from video_censor_personal.detectors.questions.chat_endpoint import EndpointError

        concepts = {key: self._concepts[key] for key in sorted(question.categories)}
        picture = _jpeg(question.frame, self.options.max_side)
        body = request_for(self._model, self._prompt, concepts, picture)
        try:
            return Answer(read_reply(self._endpoint.post("/chat/completions", body), concepts))
        except UnusableReply as error:
            return Answer(failure=f"no usable answer: {error}", passing=True)
        except EndpointError as error:  # whoever repairs the server runs this again
            return Answer(failure=f"no answer: {error}", passing=True)

    def _served(self) -> str:
        """The name of the model that will be asked."""
        from video_censor_personal.detectors.questions.chat_answers import (
            UnusableReply,
            read_models,
        )
        from video_censor_personal.detectors.questions.chat_endpoint import EndpointError

        server, wanted = self._endpoint.server, self.options.model
        try:
            with _workers(1, self._endpoint) as workers:
                listing = workers.submit(self._endpoint.get, "/models")
                while not wait([listing], _SIGNAL_INTERVAL_S).done:
                    self._endpoint.cut_overdue()
                names = read_models(listing.result())
        except (EndpointError, UnusableReply) as error:
            advice = " (to go on without it: `optional: true` in its entry)"
            raise DetectorError(
                f"detector {self.name!r} cannot use the server {server}: {error}"
                + ("" if self._is_optional else advice),
                detector=self.name,
            ) from error
        finally:
            self._endpoint.release()
        # Ollama takes `llava` for `llava:latest`.
        if wanted and any(wanted == n or n.startswith(f"{wanted}:") for n in names):
            return wanted
        if not wanted and len(names) == 1:
            return names[0]
        problem = (
            f"has no model {wanted!r}" if wanted else "does not have one model: name it in `model`"
        )
        has = ", ".join(repr(name[:80]) for name in names[:10]) or "none"
        raise DetectorError(
            f"detector {self.name!r}: the server {server} {problem} (its models: {has})",
            detector=self.name,
        )


@contextmanager
def _workers(count: int, endpoint: ChatEndpoint) -> Iterator[ThreadPoolExecutor]:
    """Threads that are gone in the end; where it comes early, their requests are broken off."""
    pool = ThreadPoolExecutor(count, thread_name_prefix="endpoint")
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        endpoint.break_off()
        raise
    finally:
        pool.shutdown()


def _jpeg(frame: Frame, longest_side: int) -> bytes:
    import av

    from video_censor_personal.media.jpeg import encode_jpeg

    picture = frame.rgb(min(longest_side, max(frame.width, frame.height)))
    return encode_jpeg(av.VideoFrame.from_ndarray(picture, format="rgb24"), _JPEG_QUALITY)


class LlavaEndpointPlugin:
    """See `DetectorPlugin`."""

    type = "llava-endpoint"
    options = LlavaEndpointOptions
    immaterial = frozenset({"api_key_env", "timeout_s", "concurrency", "retries", "prompt"})
    modality: Modality = "video"
    categories = frozenset({NUDITY, SEXUAL_THEMES, VIOLENCE, "*"})
    notes: Mapping[str, str] = {
        "*": "single frames were shown to a general model on a server, whose answers were not "
        "measured on films"
    }
    looks_again = True

    def check(self, settings: DetectorSettings) -> None:
        _server(settings)
        _prompt(settings)

    def needs(self, settings: DetectorSettings) -> list[ModelNeed]:
        return []

    def available(self) -> str | None:
        return None

    def revision(self, settings: DetectorSettings) -> str:
        """Which model and prompt; nothing where the server chooses the model."""
        model = read_options(LlavaEndpointOptions, settings).model
        return _revision(model, settings) if model else ""

    def warnings(self, settings: DetectorSettings) -> list[str]:
        """What leaves this machine."""
        server = _server(settings)
        if server.is_here:
            return []
        plain = " unencrypted" if server.scheme == "http" else ""
        return [f"{settings.name}: frames of the video leave this machine,{plain} for {server}"]

    def build(self, settings: DetectorSettings) -> LlavaEndpoint:
        from video_censor_personal.detectors.questions.chat_endpoint import ChatEndpoint

        options = read_options(LlavaEndpointOptions, settings)
        key, absence = "", ""
        try:
            key = _key(settings, options)
        except DetectorError as error:
            if not settings.optional:
                raise
            absence = str(error)
        endpoint = ChatEndpoint(
            _server(settings),
            key=key,
            timeout_s=options.timeout_s,
            retries=options.retries,
        )
        return LlavaEndpoint(settings, options, endpoint, _prompt(settings), absence)


def _revision(model: str, settings: DetectorSettings) -> str:
    return f"{model} at {_server(settings)}, prompt {digest_of(_prompt(settings))}"


def _server(settings: DetectorSettings) -> Server:
    from video_censor_personal.detectors.questions.server_address import parse_server

    url = read_options(LlavaEndpointOptions, settings).url
    if not url:
        raise ConfigError(
            f"detector {settings.name!r} needs the `url` of a server: frames are sent nowhere else",
            key="url",
        )
    try:
        return parse_server(url)
    except ValueError as error:
        raise ConfigError(
            f"detector {settings.name!r}, option 'url': {error}", key="url"
        ) from error


def _prompt(settings: DetectorSettings) -> str:
    own = read_options(LlavaEndpointOptions, settings).prompt
    return read_prompt(settings, own, "second-look.txt", _PLACEHOLDER)


def _key(settings: DetectorSettings, options: LlavaEndpointOptions) -> str:
    if options.api_key_env is None:
        return ""
    key = os.environ.get(options.api_key_env, "").strip()
    if not key:
        raise DetectorError(
            f"detector {settings.name!r} takes its key from the environment variable "
            f"{options.api_key_env}, which is not set; set it: `export {options.api_key_env}=...`",
            detector=settings.name,
        )
    if not key.isascii() or not key.isprintable():
        raise DetectorError(
            f"detector {settings.name!r}: what the environment variable {options.api_key_env} "
            "holds is no key: it has characters that cannot be sent",
            detector=settings.name,
        )
    return key


plugin = LlavaEndpointPlugin()
