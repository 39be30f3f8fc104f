"""The command line: one module a sub-command."""


def main(argv: list[str] | None = None) -> int:
    raise NotImplementedError
