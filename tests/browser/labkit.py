"""Drive a real JupyterLab in a real Chromium: start a server, open a notebook, run cells, ask the kernel what is true.

Everything lives on 127.0.0.1 and in temporary folders; nothing of the user's own Jupyter is read or written.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

CHROMIUM_ARGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage")
_PROJECT = Path(__file__).parents[2]
# Pop-ups and news off; and every cell kept in the page, which the default windowing does not do.
_SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}


def find_chromium() -> str | None:
    """The browser's path: $CHROMIUM, then well-known names on PATH, then the one Playwright installed; None where there is none."""
    if path := os.environ.get("CHROMIUM"):
        return path if Path(path).exists() else None
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def eventually(read, want, seconds=10.0):
    """Poll until `read()` equals `want` (or, for a callable `want`, satisfies it); fail with what was read last."""
    end = time.monotonic() + seconds
    while True:
        got = read()
        if want(got) if callable(want) else got == want:
            return got
        assert time.monotonic() < end, f"after {seconds} s still {got!r}"
        time.sleep(0.05)


class LabServer:
    """A JupyterLab server for one test session; a context manager."""

    def __init__(self, root: Path):
        self.root = Path(root)

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="labkit-"))
        self.token = secrets.token_hex(16)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self._write_settings()
        self.log = self.folder / "server.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command(port), env=self._environment(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            self._wait_until_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _write_settings(self):
        for plugin, settings in _SETTINGS.items():
            path = self.folder / "settings" / f"{plugin}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(settings))

    def _environment(self):
        names = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "IPYTHONDIR": "ipython",
        }
        folders = {}
        for name, folder in names.items():
            (self.folder / folder).mkdir()
            folders[name] = str(self.folder / folder)
        path = os.pathsep.join([str(_PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {**os.environ, **folders, "JUPYTER_PLATFORM_DIRS": "1", "PYTHONPATH": path}

    def _command(self, port):
        return [
            sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--expose-app-in-browser",
            "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.root}",
            "--JupyterNotebookApp.expose_app_in_browser=True", f"--IdentityProvider.token={self.token}", "--LabApp.news_url=", "--LabApp.extension_manager=readonly",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            f"--LabApp.user_settings_dir={self.folder / 'settings'}", f"--LabApp.workspaces_dir={self.folder / 'workspaces'}",
        ]  # fmt: skip

    def _wait_until_up(self, seconds=60):
        end = time.monotonic() + seconds
        while True:
            try:
                return self.ask("/api/status")
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError("JupyterLab did not start:\n" + self.log.read_text()[-4000:]) from None
                time.sleep(0.1)

    def __exit__(self, *_error):
        if self.process.poll() is None:
            self.stop_kernels()
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, path, method="GET"):
        """Call the server's own interface."""
        request = urllib.request.Request(self.base + path, method=method, headers={"Authorization": f"token {self.token}"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            body = reply.read()
        return json.loads(body) if body else None

    def stop_kernels(self):
        """Shut every kernel down, as closing all sessions would."""
        for session in self.ask("/api/sessions"):
            self.ask(f"/api/sessions/{session['id']}", "DELETE")

    def evaluate(self, expression, seconds=10):
        """Evaluate in the kernel, past the browser; gives the text of the result."""
        from jupyter_client import BlockingKernelClient

        kernel = self.ask("/api/kernels")[0]["id"]
        client = BlockingKernelClient(connection_file=str(self.folder / "runtime" / f"kernel-{kernel}.json"))
        client.load_connection_file()
        client.start_channels()
        try:
            client.wait_for_ready(seconds)
            reply = client.execute_interactive(
                "", store_history=False, silent=True, user_expressions={"it": expression}, timeout=seconds
            )
        finally:
            client.stop_channels()
        it = reply["content"]["user_expressions"]["it"]
        assert it["status"] == "ok", it
        return it["data"]["text/plain"]


class NotebookPage:
    """One open notebook in one page, reused by many tests: `reset` restarts the kernel and replaces all cells."""

    def __init__(self, server: LabServer, page, name: str, interface: str = "doc/tree"):
        self.server, self.page, self.name = server, page, name
        self.interface = interface  # "doc/tree" is JupyterLab's, "notebooks" is Notebook 7's
        self.errors = []
        # restarting a kernel rejects Lab's own pending requests: not ours
        page.on("pageerror", lambda error: "Canceled future" in str(error) or self.errors.append(str(error)))

    def open(self, *, kernel=True):
        """Load the page anew. Without `kernel`, do not wait for one."""
        self.page.goto(f"{self.server.base}/{self.interface}/{self.name}?token={self.server.token}&reset", wait_until="domcontentloaded")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        ready = """async (kernel) => {
            const widget = window.jupyterapp?.shell.currentWidget;
            if (!widget?.context?.isReady) return false;
            const live = widget.sessionContext.session?.kernel;
            return !kernel || (live?.connectionStatus === "connected" && live.status === "idle");
        }"""
        eventually(lambda: self.page.evaluate(ready, kernel), True, 60)
        return self

    def reset(self, *cells):
        self.errors.clear()
        self.page.evaluate(
            """async (cells) => {
                const widget = window.jupyterapp.shell.currentWidget;
                await widget.sessionContext.restartKernel();
                const model = widget.content.model.sharedModel;
                model.transact(() => {
                    model.deleteCellRange(0, model.cells.length);
                    model.insertCells(0, cells.map((source) => ({ cell_type: "code", source, metadata: {}, outputs: [] })));
                }, false);
            }""",
            list(cells),
        )
        return self

    def run(self):
        """Run every cell and wait until the kernel is idle."""
        self.start()
        return self.wait_idle()

    def start(self):
        """Run every cell without waiting for the end."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        return self

    def wait_idle(self):
        counts = """() => {
            const { content, sessionContext } = window.jupyterapp.shell.currentWidget;
            const ran = content.widgets.every((cell) => cell.model.type !== "code" || cell.model.executionCount !== null);
            return ran && sessionContext.session.kernel.status === "idle";
        }"""
        eventually(lambda: self.page.evaluate(counts), True, 60)
        return self

    def save(self):
        self.page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.context.save(); }")
        return self

    def output(self, cell=0):
        """The output area of a cell."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(cell).locator(".jp-Cell-outputArea")
