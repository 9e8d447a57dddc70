"""Chromium, and Jupyter applications for it to open."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

QUIET = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking")


@contextmanager
def chromium(*arguments: str) -> Iterator:
    """A headless Chromium, started with these arguments."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install 'crossglg[browser]'")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium on the PATH")
    with playwright.sync_playwright() as api:
        running = api.chromium.launch(executable_path=program, args=[*QUIET, *arguments])
        yield running
        running.close()


@contextmanager
def server(folder: Path, *command: str) -> Iterator[str]:
    """A Jupyter application on a free loopback port, with settings of its own; yields its address with the token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    own = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("CONFIG", "RUNTIME", "DATA")}
    words = [sys.executable, "-m", *command, f"--port={port}", "--no-browser"]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            words, cwd=folder, env={**os.environ, **own, "JUPYTER_TOKEN": token}, stdout=log, stderr=log
        )
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/?token={token}"), "the server starts", process)
            yield f"http://127.0.0.1:{port}/{{}}?token={token}"
        finally:
            process.terminate()
            process.wait(20)


def answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=60)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def wait_until(
    done: Callable[[], bool], what: str, process: subprocess.Popen | None = None, seconds: float = 60
) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert process is None or process.poll() is None, f"{what}: it ended instead"
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.3)


@contextmanager
def all_run(
    browser, notebook: Path, application: str = "jupyterlab", strict: bool = True, width: int = 1500
) -> Iterator:
    """A page of JupyterLab, or of Notebook 7, with a notebook, all its cells told to run. strict: see `quiet_page`."""
    pytest.importorskip(application, reason="needs pip install 'crossglg[browser]'")
    name, path = {"jupyterlab": ("LabApp", "lab/tree"), "notebook": ("JupyterNotebookApp", "notebooks")}[application]
    words = (application, "--allow-root", f"--{name}.expose_app_in_browser=True", "--LabApp.news_url=None")
    known = OF_NOTEBOOK if application == "notebook" else ""
    with server(notebook.parent, *words) as address, quiet_page(browser, strict, known, width) as page:
        page.goto(address.format(f"{path}/{notebook.name}"))
        page.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status == 'idle'"
        )
        page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
        yield page


@contextmanager
def quiet_page(browser, strict: bool, known: str = "", width: int = 1500) -> Iterator:
    """A page whose scripts never fail; strict: nothing is logged as an error, nothing but this machine is asked.

    known: the one error that may come.

    Voilà's own template asks a CDN for its icons and complains about the versions of its parts, hence not strict.
    """
    page, errors = browser.new_page(viewport={"width": width, "height": 900}), []
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    if strict:
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: None if LOCAL.match(request.url) else errors.append(request.url))
    yield page
    page.close()
    assert [error for error in errors if error != known] == []


OF_NOTEBOOK = "Cannot read properties of undefined (reading 'schema')"  # Notebook 7.6 says it of an empty notebook too
LOCAL = re.compile(r"(https?|ws)://127\.0\.0\.1:|data:|blob:")


def keep_picture(page, name: str) -> None:
    """With CROSSGLG_SCREENSHOTS=FOLDER, a picture of what the page shows, to look at."""
    if folder := os.environ.get("CROSSGLG_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")


def state(page, command: str = "") -> list[str]:
    """What the notebook's last cell prints: frame, hovered and selected joint; `command` runs it again first."""
    if command:
        page.evaluate(
            """(command) => {
                const cells = jupyterapp.shell.currentWidget.content;
                cells.activeCellIndex = cells.widgets.length - 1;
                return jupyterapp.commands.execute(command);
            }""",
            command,
        )
    printed = page.evaluate(
        """() => jupyterapp.shell.currentWidget.content.widgets.at(-1).model.outputs.toJSON()
            .map((output) => [output.text].flat().join("")).join("")"""
    )
    return printed.strip().split("|")[1:]
