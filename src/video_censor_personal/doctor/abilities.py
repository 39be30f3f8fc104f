"""What each detector needs, whether that is here, and how fast it works here; and whether all that
a configuration asks for can be looked for."""

from __future__ import annotations

from collections.abc import Iterator

from video_censor_personal import categories
from video_censor_personal.catalogue import catalogue
from video_censor_personal.config import Config
from video_censor_personal.detectors.assignment import Assignment
from video_censor_personal.detectors.base import (
    CategorySettings,
    DetectorPlugin,
    DetectorSettings,
    FrameDetector,
    SoundDetector,
)
from video_censor_personal.detectors.registry import discover
from video_censor_personal.doctor.findings import Finding, Status
from video_censor_personal.doctor.machine import memory_bytes
from video_censor_personal.doctor.servers import Servers, asks_a_server
from video_censor_personal.doctor.speed import times_hearing, times_looking
from video_censor_personal.errors import ConfigError, VideoCensorError
from video_censor_personal.model_manager import describe_model_size
from video_censor_personal.requirements import Requirements, with_models
from video_censor_personal.sizes import describe_size

__all__ = ["look_at_detectors", "look_at_wishes"]

_CAN_LOOK_AGAIN = "can run (a second look at few frames; not measured)"


def look_at_detectors(config: Config, servers: Servers, *, measure: bool) -> Iterator[Finding]:
    """Every detector that is installed, with the settings that `config` gives it."""
    try:
        needs = Requirements(config, anywhere=True)
    except VideoCensorError:  # it is told where the configuration is looked at
        needs = Requirements(Config())
    assigned = {a.plugin.type: a for a in needs.assignments}
    installed = discover()
    for kind, plugin in sorted(installed.plugins.items()):
        assignment = assigned.get(kind) or Assignment(plugin, _default_settings(plugin, config))
        try:
            yield _ability(assignment, needs, servers, kind in assigned, measure=measure)
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; that is found
            yield Finding(kind, "failed" if kind in assigned else "note", str(error) or repr(error))
    for failure in installed.failures:
        yield Finding(failure.name, "note", f"this plug-in cannot be used: {failure.reason}")


def _default_settings(plugin: DetectorPlugin, config: Config) -> DetectorSettings:
    keys = sorted(plugin.categories - {"*"})
    return DetectorSettings(
        plugin.type,
        {key: CategorySettings(key, categories.label(key)) for key in keys},
        device=config.processing.device,
    )


def _ability(
    assignment: Assignment,
    needs: Requirements,
    servers: Servers,
    is_asked: bool,
    *,
    measure: bool,
) -> Finding:
    plugin, name = assignment.plugin, assignment.plugin.type
    is_needed = is_asked and not assignment.settings.optional
    if problem := plugin.available():
        return Finding(name, "missing" if is_needed else "note", f"cannot run: {problem}")
    if assignment.looks_again and not is_asked:
        text = "can run, where a configuration names it under `detectors:`"
        return Finding(name, "note", f"{text}{_weights(assignment)}")
    missing = [n.name for n in assignment.needs if not needs.manager.is_at_hand(n.name)]
    if missing:
        text = needs.describe_missing(missing) + _weights(assignment)
        return Finding(name, "missing" if is_needed else "note", text)
    if problem := assignment.device_problem:
        return Finding(name, "missing" if is_asked else "note", f"cannot run: {problem}")
    if asks_a_server(assignment) and (absence := servers.absence(assignment)):
        return Finding(name, "missing" if is_needed else "note", absence)
    if asks_a_server(assignment):
        return Finding(name, "ok", _CAN_LOOK_AGAIN)
    return _measured(assignment, needs) if measure else Finding(name, "ok", "can run")


def _measured(assignment: Assignment, needs: Requirements) -> Finding:
    name = assignment.plugin.type
    paths = {need.name: needs.manager.get_model_path(need.name) for need in assignment.needs}
    detector = assignment.build(paths)
    if isinstance(detector, FrameDetector):
        return _looking(name, detector, needs.config.processing.frame_sampling.sample_rate)
    if isinstance(detector, SoundDetector):
        return _hearing(name, detector)
    if absence := detector.absence:
        return Finding(name, "note" if assignment.settings.optional else "missing", absence)
    return Finding(name, "ok", _CAN_LOOK_AGAIN)


def _looking(name: str, detector: FrameDetector, every_s: float) -> Finding:
    look_ms, times = times_looking(detector, every_s)
    text = (
        f"{look_ms:.0f} ms a look at 1080p: {times:.0f} × real time at a look every {every_s:g} s"
    )
    facts = {"look_ms": round(look_ms, 2), "times_real_time": round(times, 2)}
    return Finding(name, "ok", text, facts=facts)


def _hearing(name: str, detector: SoundDetector) -> Finding:
    what = "sound"
    if categories.PROFANITY in detector.categories:
        what = "speech that no subtitle tells of"
    times = times_hearing(detector)
    if not times:
        return Finding(name, "note", f"{what}: slower than anyone waits for here, so not measured")
    text = f"{what}: {times:.1f} × real time, loading included"
    return Finding(name, "ok", text, facts={"times_real_time": round(times, 2)})


def _weights(assignment: Assignment) -> str:
    """What its models take, and whether there is so much."""
    known = {model.name: model.memory_bytes for model in catalogue()}
    try:
        taken = sum(known.get(need.name) or 0 for need in assignment.needs)
    except ConfigError:  # nobody told it yet what it cannot do without
        return ""
    if not taken:
        return ""
    text = f" (its models take about {describe_size(taken)} of memory"
    memory = memory_bytes()
    return text + (", more than there is)" if memory is not None and taken > memory else ")")


def _part(assignment: Assignment, needs: Requirements) -> Finding:
    """What one detector is for, and whether it can do that."""
    labels = ", ".join(c.label for c in assignment.settings.categories.values())
    name, worker = assignment.settings.name, with_models(assignment, needs.missing)
    if name in needs.absent:
        status: Status = "note" if assignment.settings.optional else "missing"
        return Finding(name, status, f"would look for {labels}, but {needs.absent[name]}")
    if worker is not assignment:
        instead = f"; {worker.settings.name} takes its place" if worker else ""
        lack = needs.lack(assignment)
        return Finding(name, "note", f"would look for {labels}, but {lack}{instead}")
    if problem := assignment.device_problem:
        return Finding(name, "missing", f"would look for {labels}, but {problem}")
    where = "" if assignment.looks_by_itself else ", only where others have evidence"
    return Finding(name, "ok", f"looks for {labels}{where}")


def look_at_wishes(config: Config, servers: Servers) -> Iterator[Finding]:
    """What this configuration asks for, and whether all of it can be looked for here."""
    name = str(config.path) if config.path else "built-in defaults"
    profile = f", over the profile {config.profile}" if config.profile else ""
    yield Finding("settings", "ok", name + profile)
    needs = Requirements(config)
    missing = needs.missing_models()
    needs.missing = names = frozenset(source.name for source in missing)
    asking = [a for a in needs.assignments if asks_a_server(a)]
    needs.absent = {a.settings.name: why for a in asking if (why := servers.absence(a))}
    for assignment in needs.assignments:
        yield _part(assignment, needs)
    for source in needs.models():
        text = f"model {source.name} ({describe_model_size(source)}) is "
        if source.name not in names:
            yield Finding(source.name, "ok", f"{text}here")
        else:
            status: Status = "note" if source.optional else "missing"
            yield Finding(source.name, status, text + needs.state(source.name))
    for spot in needs.blind_spots():
        label = config.labels.get(spot.category, categories.label(spot.category))
        yield Finding(label, "missing", spot.sentence)
    if missing:
        command = needs.manager.command("download", [source.name for source in missing])
        yield Finding("models", "note", "what is missing can be fetched", command)
