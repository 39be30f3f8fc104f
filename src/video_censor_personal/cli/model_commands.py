"""The commands of `video-censor models` that look and fetch: one library call each, and how it is
told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from video_censor_personal.cli.console import Console
from video_censor_personal.cli.model_removal import unnamed
from video_censor_personal.cli.model_table import ModelRow, draw, rows
from video_censor_personal.cli.named_models import NamedModels
from video_censor_personal.errors import ModelMissingError
from video_censor_personal.model_manager import ModelManager, about_bytes
from video_censor_personal.sizes import describe_known_size, describe_size
from video_censor_personal.transfer import Plan, PlannedFile

__all__ = ["ModelCommands"]

_NOT_HERE = 4
"""The exit code where a model that is needed is not there."""


class ModelCommands:
    """The commands, for one configuration. Each returns the exit code."""

    def __init__(self, models: NamedModels, console: Console, manager: ModelManager) -> None:
        self._models, self._console, self._manager = models, console, manager
        config = models.config
        self._store = manager.store
        self._name = str(config.path) if config.path else "the built-in configuration"

    # -- looking

    def list_all(self) -> int:
        """Every configured model, and what else lies in the cache."""
        plan = self._plan(None)
        table = self._rows(plan.files)
        others = unnamed(self._models.names, self._store)
        text = draw(table, plan.store.root, plan.free_bytes) if table else self._none_configured()
        if others:
            listed = ", ".join(f"{name} ({describe_size(size)})" for name, size in others.items())
            text += f"\nalso there, but not named in {self._name}: {listed}"
        self._console.result(
            {
                "cache_dir": str(plan.store.root),
                "free_bytes": plan.free_bytes,
                "models": [row.facts() for row in table],
                "others": [{"name": n, "size_bytes": size} for n, size in others.items()],
            },
            text,
        )
        return 0

    def status(self, names: Sequence[str] | None) -> int:
        """Whether the models are there, and what to do if they are not."""
        return self._tell_states(self._plan(names))

    def verify(self, names: Sequence[str] | None, *, deep: bool) -> int:
        """Compare the models with their checksums, and remember which were right."""
        wanted = self._models.names if names is None else names
        plan = self._manager.check(wanted, deep, listener=self._console.progress)
        self._console.close()
        return self._tell_states(plan)

    def path(self, name: str) -> int:
        """Print where a model lies.

        Raises:
            ModelMissingError: it is not there, or damaged. ModelCacheError: it cannot be read.
        """
        (row,) = self._rows(self._plan([name]).files)
        where = row.found.path
        if (refusal := row.found.refusal) is not None:
            raise refusal
        if not row.ready:
            why = f": {row.found.reason}" if row.found.reason else ""
            raise ModelMissingError(
                f"{name} is {row.state}, not ready to be used ({where}){why}\n"
                f"To fetch it: {self._manager.command('download', [name])}",
                model=name,
                url=row.found.source.urls[0],
                path=where,
            )
        if self._console.as_json:
            self._console.result({"name": name, "path": str(where)}, "")
        else:
            print(where)  # also with --quiet: it is all there is to say
        return 0

    # -- fetching

    def download(self, names: Sequence[str] | None, *, dry_run: bool) -> int:
        """Have the models; those that are named count as required.

        Raises:
            ModelDownloadError: a required one could not be had.
        """
        if dry_run:
            return self._tell_plan(self._plan(names, ask=True))
        sources = self._models.find(names)
        if names:
            sources = [replace(source, optional=False) for source in sources]
        self._manager.verify_models(sources, listener=self._console.progress)
        self._console.close()
        found = self._plan([source.name for source in sources]).files
        self._tell_downloads(self._rows(found))
        return 0

    def _tell_downloads(self, table: Sequence[ModelRow]) -> None:
        results = []
        lines = []
        for row in table:
            name, error = row.source.name, self._manager.failures.get(row.source.name)
            result = (
                "failed" if error else "downloaded" if name in self._manager.fetched else "present"
            )
            said = {"downloaded": "downloaded", "present": "was there", "failed": "not there"}
            lines.append(
                f"{name}: {said[result]}, {describe_known_size(row.size_bytes)}, {row.found.path}"
                if error is None
                else f"{name}: {'unreadable' if row.found.refusal else 'not there'} (optional)"
            )
            results.append({**row.facts(), "result": result, "error": str(error or "")})
        self._console.result(
            {"cache_dir": str(self._store.root), "models": results},
            "\n".join(lines) or self._none_configured(),
        )

    # -- telling

    def _tell_states(self, plan: Plan) -> int:
        """The table, what is missing and the command that gets it."""
        table = self._rows(plan.files)
        lacking = [row for row in table if not row.ready]
        required = [row for row in lacking if not row.source.optional]
        if not table:
            text = self._none_configured()
        elif not lacking:
            text = draw(table, plan.store.root, plan.free_bytes) + "\nall of them are ready"
        else:
            names = [row.source.name for row in lacking if row.found.refusal is None]
            text = (
                draw(table, plan.store.root, plan.free_bytes)
                + f"\n{len(table) - len(lacking)} of {len(table)} are ready"
            )
            if names:
                text += f"; {self._still_missing(plan)} to download"
                text += f"\nTo fetch the rest: {self._manager.command('download', names)}"
        self._console.result(
            {**_figures(plan), "ok": not required, "models": [row.facts() for row in table]}, text
        )
        return _NOT_HERE if required else 0

    def _tell_plan(self, plan: Plan) -> int:
        """What a download would do, and whether there is room for it."""
        table = self._rows(plan.files)
        if not table:
            text = self._none_configured()
        elif not plan.to_fetch:
            text = "nothing to download: every model is there"
        else:
            would = "there is nothing that could be downloaded"
            if any(file.refusal is None for file in plan.to_fetch):
                would = f"would download {self._still_missing(plan)}{_room(plan)}"
            text = f"{draw(table, plan.store.root, plan.free_bytes)}\n{would}"
        facts = {"dry_run": True, **_figures(plan), "models": [row.facts() for row in table]}
        self._console.result(facts, text)
        return 0

    def _plan(self, names: Sequence[str] | None, *, ask: bool = False) -> Plan:
        wanted = self._models.names if names is None else names
        plan = self._manager.plan(wanted, ask=ask, listener=self._console.progress)
        self._console.close()
        return plan

    def _rows(self, found: Sequence[PlannedFile]) -> list[ModelRow]:
        sources = self._models.find([file.source.name for file in found])
        return rows(sources, found, self._models.users)

    def _still_missing(self, plan: Plan) -> str:
        """How much there is to fetch, without making up what nobody knows."""
        unsized = [file.source.name for file in plan.to_fetch if file.missing_bytes is None]
        rough = [about_bytes(source) for source in self._models.find(unsized)]
        size_bytes = plan.missing_bytes + sum(about or 0 for about in rough)
        unknown = sum(not about for about in rough)
        if not size_bytes:
            return f"{unknown} of them (size unknown)" if unknown else describe_size(0)
        size = f"{'about ' if any(rough) else ''}{describe_size(size_bytes)}"
        return f"{size} and {unknown} more (size unknown)" if unknown else size

    def _none_configured(self) -> str:
        return (
            f"{self._name} names no models, and no detector that it names takes one by its name, "
            "so there is nothing to download; the built-in detectors carry their own (more: "
            "video-censor models catalog)"
        )


def _room(plan: Plan) -> str:
    """What the known part of it needs."""
    if not plan.room_bytes:
        return ""
    fits = plan.free_bytes >= plan.room_bytes
    return f"; that needs {describe_size(plan.room_bytes)} of free room, which is " + (
        "there" if fits else f"not there: {describe_size(plan.free_bytes)} are free"
    )


def _figures(plan: Plan) -> dict[str, str | int]:
    return {
        "cache_dir": str(plan.store.root),
        "missing_bytes": plan.missing_bytes,
        "room_bytes": plan.room_bytes,
        "free_bytes": plan.free_bytes,
    }
