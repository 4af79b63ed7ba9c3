#!/usr/bin/env bash
# Look for a browser, and install one where that is possible; used by `make test` before the browser tests.
# usage: tests/browser/find_browser.sh PYTHON    (a Python that has Playwright)
# Exits 0 also without a browser, which is then skipped by the tests, unless NBGRAD_REQUIRE_BROWSER=1.
set -euo pipefail
python=$1

find_browser() {
    if [ -n "${CHROMIUM:-}" ]; then
        [ -x "$CHROMIUM" ] && echo "$CHROMIUM"
        return
    fi
    local name
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" && return
    done
    local path
    path=$("$python" -c '
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)' 2>/dev/null) && [ -x "$path" ] && echo "$path"
}

if found=$(find_browser); then
    echo "browser: $found"
    exit 0
fi
if [ -z "${CHROMIUM:-}" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "no browser yet: installing chromium with apt-get"
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium; } >/dev/null || true
    fi
    if ! find_browser >/dev/null; then
        echo "no browser yet: installing Playwright's chromium"
        "$python" -m playwright install chromium || true
    fi
fi
if found=$(find_browser); then
    echo "browser: $found"
elif [ "${NBGRAD_REQUIRE_BROWSER:-}" = 1 ]; then
    echo "no browser was found or could be installed, and NBGRAD_REQUIRE_BROWSER=1 asks for one: set \$CHROMIUM, or put chromium on PATH" >&2
    exit 1
else
    echo "no browser was found or could be installed: the browser tests will be skipped"
fi
