"""Profanity in speech, found and timed by the best evidence there is.

1. A subtitle says the word: a lexicon finds it in the text, however it is spelled.
2. The word is timed in the sound of that subtitle (`alignment`), to within 0.15 s.
3. Where the sound does not bear the text out, the whole subtitle is taken.
4. Where a subtitle strikes a word out, the sound is recognised; what is not heard is a `Gap`.
5. Where no subtitle tells what is said (`told_spans`) a small speech model recognises what it can
   (`recognition`) and says so: its findings are marked `recognised`, and the report's coverage
   names its low recall.

The speech model knows English. Listed words of other languages are found in subtitles and take
the whole subtitle; speech of other languages without a subtitle becomes a `Gap`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from video_censor_personal.categories import PROFANITY
from video_censor_personal.detectors.base import (
    DetectorSettings,
    ModelNeed,
    SoundDetector,
)
from video_censor_personal.detectors.options import read_options
from video_censor_personal.detectors.packages import missing_package, package_version
from video_censor_personal.detectors.speech.vocabulary import Vocabulary, WordOptions
from video_censor_personal.findings import Detection, Gap, Modality
from video_censor_personal.media.base import AudioBlock, Cue

if TYPE_CHECKING:
    from video_censor_personal.detectors.speech.speech_model import SpeechSource

__all__ = ["ProfanityListener", "ProfanityOptions", "SpeechProfanityPlugin", "plugin"]

_NOTE = (
    "Words that no subtitle shows are recognised by a small English model, which misses about one "
    "in four in clear speech and most under music or noise; where "
    "subtitles tell what is said nothing of that is lost."
)


@dataclass
class ProfanityOptions(WordOptions):
    """What an entry of type `speech-profanity` understands.

    `recognise_everywhere`: also recognise where there are subtitles, for subtitles that leave
    such words out or put others in their place.
    """

    recognise_everywhere: bool = False


class ProfanityListener:
    """The detector; see the module's text for how it works.

    Its scores are strengths (`detectors.base.STRENGTHS`): the severity of the word and, where it
    was recognised, the probability that it was said, whichever is less.
    """

    def __init__(
        self,
        name: str,
        vocabulary: Vocabulary,
        speech: SpeechSource,
        *,
        recognise_everywhere: bool = False,
    ) -> None:
        self.name = name
        self.categories = frozenset({PROFANITY})
        self._vocabulary, self._speech = vocabulary, speech
        self._recognise_everywhere = recognise_everywhere

    def begin(self, cues: Sequence[Cue]) -> None:
        from video_censor_personal.detectors.speech.struck_out_speech import StruckOutSpeech
        from video_censor_personal.detectors.speech.subtitled_speech import SubtitledSpeech
        from video_censor_personal.detectors.speech.subtitled_time import SubtitledTime, told_spans
        from video_censor_personal.detectors.speech.unsubtitled_speech import UnsubtitledSpeech

        selected = self._vocabulary.selected(cues)
        ear = StruckOutSpeech(self._vocabulary, self._speech, self.name)
        self._subtitled = SubtitledSpeech(self._vocabulary, self._speech, self.name, ear)
        self._subtitled.begin(selected)
        languages = self._vocabulary.languages
        told = [] if self._recognise_everywhere else told_spans(selected, languages)
        self._unsubtitled = UnsubtitledSpeech(
            self._vocabulary,
            self._speech,
            self.name,
            SubtitledTime(told),
        )

    def hear(self, block: AudioBlock) -> Iterable[Detection | Gap]:
        yield from self._subtitled.hear(block)
        yield from self._unsubtitled.hear(block)

    def finish(self) -> Iterable[Detection | Gap]:
        yield from self._subtitled.finish()
        yield from self._unsubtitled.finish()
        self._speech.close()

    def abandon(self) -> None:
        """Stop for good, from any thread; see `SoundDetector`."""
        self._speech.abandon()


class SpeechProfanityPlugin:
    """What the entry point names."""

    type = "speech-profanity"
    options = ProfanityOptions
    immaterial = frozenset({"lexicons"})
    modality: Modality = "audio"
    categories = frozenset({PROFANITY})
    notes: Mapping[str, str] = {PROFANITY: _NOTE}

    def check(self, settings: DetectorSettings) -> None:
        """Raises `ConfigError` for an option, a language, a word or a list that cannot be used."""
        self._vocabulary(settings)

    def needs(self, settings: DetectorSettings) -> list[ModelNeed]:
        return []

    def languages(self, settings: DetectorSettings) -> frozenset[str]:
        """The languages it listens to; see `DetectorPlugin`."""
        return frozenset(self._vocabulary(settings)[1].languages)

    def revision(self, settings: DetectorSettings) -> str:
        """The library that carries the model, and the words that are looked for."""
        words = self._vocabulary(settings)[1].digest
        return f"{package_version('pocketsphinx')}, words {words}"

    def available(self) -> str | None:
        return missing_package("pocketsphinx", install="pocketsphinx")

    def build(self, settings: DetectorSettings) -> SoundDetector:
        from video_censor_personal.detectors.speech.speech_model import SpeechProcess

        options, vocabulary = self._vocabulary(settings)
        return ProfanityListener(
            settings.name,
            vocabulary,
            SpeechProcess(),
            recognise_everywhere=options.recognise_everywhere,
        )

    @staticmethod
    def _vocabulary(settings: DetectorSettings) -> tuple[ProfanityOptions, Vocabulary]:
        options = read_options(ProfanityOptions, settings)
        return options, Vocabulary.asked_for(settings, options)


plugin = SpeechProfanityPlugin()
