"""A page in Chromium, from its file and without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def opened(path: Path, width: int = 1280, height: int = 800) -> Iterator[Any]:
    """The page, offline; fails unless it kept silent on the console and asked for nothing but its own file."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on the PATH")
    args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
    errors, requests = [], []
    with playwright.sync_playwright() as api:
        browser = api.chromium.launch(executable_path=chromium, headless=True, args=args)
        context = browser.new_context(offline=True, viewport={"width": width, "height": height})
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        yield page
        browser.close()
    assert not errors
    assert set(requests) == {path.as_uri()}
