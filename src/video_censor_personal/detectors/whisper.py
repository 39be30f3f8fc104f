"""Profanity in speech, heard by Whisper where less will not do.

1. A subtitle says the word: it is found in the text and aligned with the sound, as the embedded
   rung (`speech_profanity`) does it.
2. Alignment cannot place it, the cue is in another language than English, or the subtitle strikes
   a word out (`****`): the sound of that subtitle is heard again, with word times (`rehearing`).
3. It is not heard there either: the whole subtitle is taken.
4. Outside of subtitles voice activity decides what is heard (`voiced_speech`).

The language of the speech is told, or found in several windows of the track (`spoken_language`).
Speech in a language without a word list becomes a `Gap`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from video_censor_personal.categories import PROFANITY
from video_censor_personal.detectors.base import (
    DetectorSettings,
    ModelNeed,
    SoundDetector,
)
from video_censor_personal.detectors.options import read_options
from video_censor_personal.detectors.packages import missing_package, package_version
from video_censor_personal.detectors.speech.vocabulary import (
    SPOKEN_LANGUAGE,
    Vocabulary,
    language_code,
)
from video_censor_personal.detectors.speech.word_list import LANGUAGES
from video_censor_personal.detectors.speech_profanity import ProfanityOptions
from video_censor_personal.errors import ConfigError, DetectorError
from video_censor_personal.findings import Detection, Gap, Modality
from video_censor_personal.media.base import AudioBlock, Cue

if TYPE_CHECKING:
    from video_censor_personal.detectors.speech.hearing import Hearing
    from video_censor_personal.detectors.speech.spoken_language import Language

__all__ = ["WhisperListener", "WhisperOptions", "WhisperPlugin", "plugin"]

_log = logging.getLogger(__name__)

_ANY = "auto"
_NOTE = (
    "Words that no subtitle shows are recognised by Whisper, where its voice activity detector "
    "finds speech; what is drowned by music or noise may be missed."
)


@dataclass
class WhisperOptions(ProfanityOptions):
    """What an entry of type `whisper` understands, beside what `speech-profanity` does.

    `model`, `second_model`: names of models; the second hears what is doubtful again. `language`:
    of the speech, as a code or name; `auto`: found out for each track.
    """

    model: str = "whisper-small-en"
    second_model: str = ""
    language: str = _ANY


class WhisperListener:
    """The detector; see the module's text. Its scores are strengths, see `Hearing.detection`."""

    def __init__(
        self,
        name: str,
        vocabulary: Vocabulary,
        hearing: Hearing,
        *,
        find_language: bool,
        hear_everywhere: bool = False,
    ) -> None:
        self.name = name
        self.categories = frozenset({PROFANITY})
        self.hearing = hearing
        self._vocabulary = vocabulary
        self._find_language, self._hear_everywhere = find_language, hear_everywhere

    def begin(self, cues: Sequence[Cue]) -> None:
        from video_censor_personal.detectors.speech.rehearing import Rehearing
        from video_censor_personal.detectors.speech.spoken_language import LanguageFinder
        from video_censor_personal.detectors.speech.subtitled_speech import SubtitledSpeech
        from video_censor_personal.detectors.speech.subtitled_time import SubtitledTime, told_spans
        from video_censor_personal.detectors.speech.voiced_speech import VoicedSpeech

        selected = self._vocabulary.selected(cues)
        self._finder = LanguageFinder(self.hearing.model) if self._find_language else None
        self._subtitled = SubtitledSpeech(
            self._vocabulary, self.hearing.aligner, self.name, Rehearing(self.hearing, self.name)
        )
        self._subtitled.begin(selected)
        languages = self._vocabulary.languages
        told = [] if self._hear_everywhere else told_spans(selected, languages)
        self._voiced = VoicedSpeech(self.hearing, SubtitledTime(told), self.name)

    def hear(self, block: AudioBlock) -> Iterable[Detection | Gap]:
        yield from self._go_on([block] if self._finder is None else self._finder.hear(block))

    def finish(self) -> Iterable[Detection | Gap]:
        if self._finder is not None:
            yield from self._go_on(self._finder.finish())
        yield from self._subtitled.finish()
        yield from self._voiced.finish()
        self.hearing.close()
        _log.info(
            "%s: %.0f s of speech were heard, %.0f s of them by a second model",
            self.name,
            self.hearing.heard_s,
            self.hearing.reheard_s,
        )

    def abandon(self) -> None:
        """Stop for good, from any thread; see `SoundDetector`."""
        self.hearing.abandon()

    def _go_on(self, blocks: Iterable[AudioBlock]) -> Iterator[Detection | Gap]:
        if self._finder is not None and self._finder.language is not None:
            self._understand(self._finder.language)
            self._finder = None
        for block in blocks:
            yield from self._subtitled.hear(block)
            yield from self._voiced.hear(block)

    def _understand(self, language: Language) -> None:
        """Hear the rest in the language that was found, or say why not."""
        if not language.code:
            return
        self.hearing.language = language.code
        known = ", ".join(LANGUAGES[code] for code in sorted(self._vocabulary.languages))
        likely = {language.code: language.probability, **language.others}
        heard = ", ".join(f"{LANGUAGES.get(c, c)} {p:.0%}" for c, p in likely.items())
        _log.info("%s: the speech is %s", self.name, heard)
        if language.code not in self._vocabulary.languages:
            self.hearing.refusal = (
                f"the speech is in a language without a word list here ({heard}; there is: "
                f"{known}); name its list under 'languages', or what is spoken with 'language'"
            )
        elif not language.is_certain:
            self.hearing.doubt = (
                f"it is not certain which language is spoken ({heard}); name it with 'language'"
            )


class WhisperPlugin:
    """What the entry point names."""

    type = "whisper"
    options = WhisperOptions
    immaterial = frozenset({"lexicons"})
    modality: Modality = "audio"
    categories = frozenset({PROFANITY})
    notes: Mapping[str, str] = {PROFANITY: _NOTE}
    instead_of = "speech-profanity"

    def check(self, settings: DetectorSettings) -> None:
        """Raises `ConfigError` for an option, a language, a word or a list that cannot be used."""
        options = self._options(settings)
        Vocabulary.asked_for(settings, options)
        language = language_code(options.language)
        if options.language != _ANY and language not in map(language_code, options.languages):
            raise ConfigError(
                f"the language {options.language!r} is not among 'languages' "
                f"({', '.join(options.languages)}), whose words are looked for",
                key="language",
            )

    def needs(self, settings: DetectorSettings) -> list[ModelNeed]:
        options = self._options(settings)
        needs = [ModelNeed(options.model)]
        return [*needs, ModelNeed(options.second_model)] if options.second_model else needs

    def stand_in_options(self, settings: DetectorSettings) -> dict[str, object]:
        """What the embedded rung is told when it takes this one's place."""
        known = ("languages", "lexicons", "words", "allow", "min_severity", "recognise_everywhere")
        return {key: value for key, value in settings.options.items() if key in known}

    def languages(self, settings: DetectorSettings) -> frozenset[str]:
        """The languages it listens to; see `DetectorPlugin`."""
        options = self._options(settings)
        if options.language != _ANY:
            return frozenset({language_code(options.language)})
        return Vocabulary.asked_for(settings, options).languages

    def revision(self, settings: DetectorSettings) -> str:
        """The libraries, and the words that are looked for; the manager knows the models."""
        words = Vocabulary.asked_for(settings, self._options(settings)).digest
        libraries = ("faster-whisper", "ctranslate2", "pocketsphinx")
        return ", ".join([*map(package_version, libraries), f"words {words}"])

    def available(self) -> str | None:
        return missing_package(
            "faster_whisper", install="'video-censor-personal[whisper]'"
        ) or missing_package("pocketsphinx", install="pocketsphinx")

    def device_problem(self, settings: DetectorSettings) -> str:
        """Whether CTranslate2 can compute where it shall; see `DetectorPlugin`."""
        if settings.device != "cuda":
            return ""
        import ctranslate2

        if ctranslate2.get_cuda_device_count() > 0:
            return ""
        return (
            "the device 'cuda' is not there: ctranslate2, which runs Whisper, finds no graphics "
            "card that it can use (it takes an NVIDIA card and its driver); or use the device auto"
        )

    def warnings(self, settings: DetectorSettings) -> list[str]:
        """Where it computes instead."""
        if settings.device not in ("coreml", "directml"):
            return []
        return [f"{settings.name} runs on the CPU: CTranslate2 cannot use {settings.device}"]

    def build(self, settings: DetectorSettings) -> SoundDetector:
        from video_censor_personal.detectors.speech.hearing import Hearing
        from video_censor_personal.detectors.speech.speech_model import SpeechProcess
        from video_censor_personal.detectors.speech.whisper_folder import WhisperFolder
        from video_censor_personal.detectors.speech.whisper_model import WhisperProcess

        options = self._options(settings)
        vocabulary = Vocabulary.asked_for(settings, options)
        spoken = self.languages(settings)
        folders = [
            WhisperFolder(need.name, settings.model_file(need.name))
            for need in self.needs(settings)
        ]
        for folder in folders:
            folder.check()
            if spoken != {SPOKEN_LANGUAGE} and not folder.is_multilingual:
                raise DetectorError(
                    f"the model {folder.name!r} understands English only, and 'languages' names "
                    f"{', '.join(sorted(spoken))}; take a multilingual one, such as "
                    "whisper-large-v3-turbo",
                    detector=settings.name,
                )
        start = partial(WhisperProcess, device=settings.device, threads=settings.threads)
        hearing = Hearing(vocabulary, SpeechProcess(), *map(start, folders))
        if options.language != _ANY:
            hearing.language = language_code(options.language)
        return WhisperListener(
            settings.name,
            vocabulary,
            hearing,
            find_language=options.language == _ANY and folders[0].is_multilingual,
            hear_everywhere=options.recognise_everywhere,
        )

    @staticmethod
    def _options(settings: DetectorSettings) -> WhisperOptions:
        """As written; where only the spoken language is, its words are looked for."""
        options = read_options(WhisperOptions, settings)
        if options.language != _ANY and "languages" not in settings.options:
            return replace(options, languages=[options.language])
        return options


plugin = WhisperPlugin()
