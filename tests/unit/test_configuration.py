"""Settings come from where people put them, the nearest place wins, and nothing wrong gets by."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import Any

import pytest

from jobrunner import configuration
from jobrunner.configuration import load
from jobrunner.errors import InvalidConfiguration
from jobrunner.settings import Settings


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Gives each test a directory and an environment of its own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("JOBRUNNER_")]:
        monkeypatch.delenv(name)
    return tmp_path


def refused(**keywords: Any) -> InvalidConfiguration:
    with pytest.raises(InvalidConfiguration) as caught:
        load(**keywords)
    return caught.value


def test_without_anything_the_defaults_hold():
    assert load() == Settings()


def test_every_setting_can_be_given():
    loadable = list(configuration._Loaded.model_fields)
    assert loadable == [field.name for field in fields(Settings)]


def test_the_nearest_place_wins(place, monkeypatch):
    names = ("capacity", "port", "poll_max", "heartbeat", "drain_timeout")
    (place / "pyproject.toml").write_text("[tool.jobrunner]\n" + "\n".join(f"{name} = 1" for name in names))
    (place / "jobrunner.toml").write_text("\n".join(f"{name} = 2" for name in names[:4]))
    (place / ".env").write_text("\n".join(f"JOBRUNNER_{name.upper()}=3" for name in names[:3]))
    for name in names[:2]:
        monkeypatch.setenv(f"JOBRUNNER_{name.upper()}", "4")
    settings = load(capacity=5)
    assert [getattr(settings, name) for name in names] == [5, 4, 3, 2, 1]


def test_lists_stand_in_the_environment_with_commas(monkeypatch):
    monkeypatch.setenv("JOBRUNNER_HANDLERS", "shop.handlers, mail.handlers,,shop.handlers")
    monkeypatch.setenv("JOBRUNNER_QUEUES", "fast,slow lane")
    monkeypatch.setenv("JOBRUNNER_WORKER_ENV", "PATH,HOME")
    monkeypatch.setenv("JOBRUNNER_MASK_KEYS", "*token*, api_key,pin[0-9]")
    settings = load()
    assert settings.handlers == ("shop.handlers", "mail.handlers")
    assert settings.queues == ("fast", "slow lane")
    assert settings.worker_env == ("PATH", "HOME")
    assert settings.mask_keys == ("*token*", "api_key", "pin[0-9]")


def test_labels_are_names_and_values_wherever_they_stand(place, monkeypatch):
    expected = ("zone=eu", "rack=7")
    (place / "jobrunner.toml").write_text('labels = { zone = "eu", rack = 7 }\n')
    assert load().labels == expected
    monkeypatch.setenv("JOBRUNNER_LABELS", "zone=eu, rack=7")
    assert load().labels == load(labels={"zone": "eu", "rack": "7"}).labels == load(labels=expected).labels
    assert load().labels == Settings.from_order(load().to_order()).labels == expected


def test_lists_are_lists_in_toml_and_keywords(place):
    (place / "jobrunner.toml").write_text('handlers = ["a.b", "scripts/c.py"]\nworker_env = "minimal"\n')
    settings = load(queues=["q"])
    assert (settings.handlers, settings.queues, settings.worker_env) == (
        ("a.b", "scripts/c.py"),
        ("q",),
        "minimal",
    )


def test_durations_and_sizes_are_written_as_people_write_them(monkeypatch):
    monkeypatch.setenv("JOBRUNNER_LEASE", "90s")
    monkeypatch.setenv("JOBRUNNER_LOG_MAX_BYTES", "64MiB")
    settings = load(stop_grace="1m", drain_timeout=0, params_max_bytes=100)
    assert (settings.lease, settings.log_max_bytes, settings.stop_grace) == (90.0, 64 * 1024**2, 60.0)
    assert (settings.drain_timeout, settings.params_max_bytes) == (0.0, 100)


@pytest.mark.parametrize("key", ["databse_url", "database-url", "heart_beat", "lanucher", "wholly_different"])
def test_an_unknown_key_is_refused_and_the_nearest_setting_named(place, key):
    near = {"databse_url": "database_url", "database-url": "database_url", "heart_beat": "heartbeat"}
    (place / "jobrunner.toml").write_text(f"{key} = 'x'")
    from_file = refused()
    assert list(from_file.fields) == [key]
    assert near.get(key, "") in from_file.message
    (place / "jobrunner.toml").unlink()
    assert list(refused(**{key: "x"}).fields) == [key]


def test_other_variables_of_the_environment_and_of_dotenv_are_left_alone(place, monkeypatch):
    monkeypatch.setenv("JOBRUNNER_TEST_MYSQL_URL", "x")
    (place / ".env").write_text("DJANGO_SECRET=1\nJOBRUNNER_TOKEN=2\nJOBRUNNER_PORT=81\n")
    assert load().port == 81


def test_an_empty_variable_and_a_keyword_of_none_count_as_not_given(monkeypatch):
    monkeypatch.setenv("JOBRUNNER_PORT", "")
    assert load(capacity=None).port == 8080


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("launcher", "thread"),
        ("handlers", "not a module"),
        ("handlers", [7]),
        ("queues", ["q" * 65]),
        ("labels", "zone"),
        ("labels", ["zone=eu", "zone=us"]),
        ("labels", {"": "eu"}),
        ("labels", {"a=b": "c"}),
        ("labels", {"n" * 65: "eu"}),
        ("labels", {"zone": "x" * 201}),
        ("labels", {"zone": None}),
        ("labels", 7),
        ("worker_env", ["A=B"]),
        ("worker_env", 7),
        ("heartbeat", "soon"),
        ("heartbeat", 0),
        ("poll_cancel", -1),
        ("lease", None.__class__),
        ("capacity", 0),
        ("capacity", 1.5),
        ("capacity", True),
        ("port", 65536),
        ("port", "http"),
        ("log_max_bytes", "much"),
        ("params_max_bytes", 0),
        ("mask_keys", 7),
        ("mask_keys", ["*"]),
        ("mask_keys", "token,?*"),
        ("mask_keys", ["a\nb"]),
        ("mask_keys", ["x" * 129]),
        ("mask_keys", ["pin[0-9"]),
        ("session_hours", 0),
        ("database_url", " "),
        ("host", "a\nb"),
        ("unsafe_timing", "perhaps"),
        ("poll_min", 10),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_the_name_of_its_setting(name, value):
    error = refused(**{name: value})
    assert list(error.fields) == [name]
    assert name in error.message


def test_every_problem_is_told_at_once():
    assert set(refused(launcher="x", port=-1, typo=1).fields) == {"launcher", "port", "typo"}


def test_a_lease_without_room_for_three_heartbeats_is_refused_unless_unsafe():
    assert list(refused(lease=29).fields) == ["lease"]
    assert list(refused(heartbeat=5.1).fields) == ["lease"]
    assert load(lease=29, unsafe_timing=True).lease == 29
    assert load(heartbeat=1, lease=18).lease == 18


def test_a_worker_doubts_itself_before_its_lease_runs_out():
    assert load(heartbeat=1, lease=18).self_fence == 12
    assert load(lease=2, heartbeat=0.2, unsafe_timing=True).self_fence < 2
    assert list(refused(self_fence=30).fields) == ["self_fence"]
    assert list(refused(self_fence=4).fields) == ["self_fence"]


def test_the_password_of_the_database_is_in_no_message(place, monkeypatch):
    url = "mysql://user:hunter2@host/db"
    monkeypatch.setenv("JOBRUNNER_PORT", url)
    monkeypatch.setenv("JOBRUNNER_LEASE", url)
    for keywords in (
        {"launcher": url},
        {"databse_url": url},
        {"database_url": url + "\n"},
        {"handlers": [url]},
    ):
        error = refused(**keywords)
        assert "hunter2" not in str(error.as_dict())
        assert (error.__cause__, error.__suppress_context__) == (None, True)
    (place / "jobrunner.toml").write_text(f"database_url = {url}")
    assert "hunter2" not in str(refused().as_dict())


@pytest.mark.parametrize("file", ["jobrunner.toml", "pyproject.toml", ".env"])
def test_a_file_that_cannot_be_read_is_named(place, file):
    (place / file).write_bytes(b"\xff\xfe = ")
    assert list(refused().fields) == [file]


def test_a_table_that_is_none_is_named(place):
    (place / "pyproject.toml").write_text("[tool]\njobrunner = 3\n")
    assert list(refused().fields) == ["pyproject.toml"]


def test_settings_travel_to_a_worker_unchanged():
    settings = load(handlers="a.b", worker_env="PATH,HOME", lease="90s")
    assert Settings.from_order(settings.to_order()) == settings
