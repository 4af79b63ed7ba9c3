"""Fixtures for the renderers' tests: graphs from JSON, and a machine without Graphviz."""

import importlib.util

import pytest
from graph_builder import fixture


@pytest.fixture(params=["lesson", "lesson_after", "mlp", "detached", "nasty", "nans"])
def graph(request):
    return fixture(request.param)


@pytest.fixture
def no_graphviz(monkeypatch, tmp_path):
    """Neither `dot` on PATH nor pygraphviz."""
    find = importlib.util.find_spec
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "pygraphviz" else find(name, *rest))
