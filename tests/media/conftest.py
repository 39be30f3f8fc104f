"""Movies of many kinds, each made once a session."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from movie_kinds import KINDS
from movies import Movie, make_movie


@pytest.fixture(scope="session")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Movie]:
    """`movie("vfr.mkv")`: one of `KINDS`, 2 s long; not to be changed."""
    folder = tmp_path_factory.mktemp("movies")
    made: dict[str, Movie] = {}

    def get(name: str) -> Movie:
        if name not in made:
            made[name] = make_movie(folder / name, **{"seconds": 2, **KINDS[name]})
        return made[name]

    return get
