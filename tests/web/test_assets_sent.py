"""What goes over the wire is small and packed; the files of the tree stay readable."""

from __future__ import annotations

import gzip

import pytest

from jobrunner.web.assets import Assets

MOST_SCRIPT, MOST_STYLE = 40_000, 30_000


def test_all_scripts_and_all_styles_together_stay_small():
    assets = Assets()
    sizes = {name: len(content) for name, content in assets.packed.items()}
    assert sum(size for name, size in sizes.items() if name.endswith(".js")) < MOST_SCRIPT // 2
    sizes = {name: len(content) for name, content in assets.files.items()}
    assert sum(size for name, size in sizes.items() if name.endswith(".js")) <= MOST_SCRIPT
    assert sum(size for name, size in sizes.items() if name.endswith(".css")) <= MOST_STYLE


@pytest.mark.databases("sqlite")
def test_who_takes_gzip_gets_it_and_it_is_the_same(client, app):
    path = app.state.web.assets.path("log.js")
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert packed.content == plain.content == gzip.decompress(app.state.web.assets.packed["log.js"])
