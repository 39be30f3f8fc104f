"""Services as a process of their own, and in a thread of this one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI


class Service:
    """`video-censor serve` as a process of its own, which can be killed and started again."""

    def __init__(
        self, folder: Path, *options: str, port: int = 0, descriptors: int | None = None
    ) -> None:
        self.folder, self.options, self.port = folder, options, port
        limit = f"ulimit -n {descriptors}; " if descriptors else ""
        self._shell = ("sh", "-c", f'{limit}exec "$@"', "sh")
        self.process: subprocess.Popen[str] | None = None
        self.address = ""
        self.log = folder / "service.log"

    def start(self) -> Service:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [
                    *self._shell,
                    *(sys.executable, "-m", "video_censor", "serve"),
                    *("--port", str(self.port), "--state-dir", str(self.folder / "state")),
                    *("--reserve", "0", *self.options),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ.copy(),
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("Listening on "), self.log.read_text()
        self.address = line.removeprefix("Listening on ").strip()
        self.port = int(self.address.rpartition(":")[2])
        return self

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        self._close()

    def stop(self) -> tuple[int, float]:
        """SIGTERM; the exit code, and the seconds it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(15)
        took = time.monotonic() - began
        self._close()
        return code, took

    def _close(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None


class LocalService:
    """An application in a thread of this process: starts in a fraction of the time."""

    def __init__(self, app: FastAPI, **options: Any) -> None:
        self.app = app
        self._listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(512)
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        config = uvicorn.Config(
            app, log_config=None, timeout_graceful_shutdown=1, ws="none", **options
        )
        self.server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self.server.run, args=([self._listening],))

    def __enter__(self) -> LocalService:
        self._thread.start()
        with httpx.Client(trust_env=False) as client:
            client.get(f"{self.address}/livez", timeout=20)  # accepted once it has started
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self.app.state, "manager"):
            self.app.state.manager.listeners.close()
        self.server.should_exit = True
        self._thread.join(20)
        self._listening.close()
