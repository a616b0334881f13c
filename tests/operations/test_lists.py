"""Lists show the jobs that are asked for, each once, and a job is named in several ways."""

from __future__ import annotations

from typing import Any

import pytest

from jobrunner.errors import AmbiguousJob, InvalidField
from tests.operations.places import put
from tests.operations.test_reads import JOB_FIELDS


def test_a_list_is_filtered_by_every_part_together(runner) -> None:
    first = put(
        runner,
        "queued",
        "t.add",
        {"a": 1},
        title="Import ÄPFEL 100%",
        queue="mail",
        tags={"shop": "7", "kind": "x"},
        created_by="ann",
    )
    second = put(runner, "failed", title="import pears", tags={"shop": "8"}, created_by="Ann")
    third = put(runner, "held", tags={"shop": "7"})

    def found(**options: Any) -> list[int]:
        return [job.id for job in runner.jobs(**options).jobs]

    assert found() == [third, second, first]
    assert found(status="failed") == found(type="t.noop", search="import") == [second]
    assert found(status=["queued", "held"]) == found(tag={"shop": "7"}) == [third, first]
    assert (
        found(tag={"shop": "7", "kind": "x"})
        == found(queue="mail")
        == found(search="100%")
        == found(created_by="ann")
        == [first]
    )
    assert found(created_by=" ann ") == found(queue="mail ") == found(tag=["shop=7", " kind = x "]) == [first]
    assert found(tag="shop=8") == found(tag=["shop=8"], created_by=" ") == [second]
    assert found(search="IMPORT") == [second, first]
    assert found(search="t.noop") == [third, second]
    assert (
        found(search="T.NOOP") == found(search="_mport") == found(type="T.ADD") == found(queue="MAIL") == []
    )
    created = runner.status(second).job.created_at
    assert found(since=created, until=runner.status(third).job.created_at) == [second]
    page = runner.jobs(limit=1).model_dump(mode="json")
    assert list(page["jobs"][0]) == [name for name in JOB_FIELDS if name != "params"]
    assert runner.stats() == {"jobs": {"queued": 1, "failed": 1, "held": 1}}


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        *[("tag", one) for one in ("shop", ["shop=7", "shop=8"], 5, [5], [("shop", "7")], {5: "7"}, {"shop": 7})],
        *[("param", one) for one in ("a", 5, [("a", 1)], {5: 1})],
        *[("status", one) for one in (5, [5], "nope")], ("type", 5), ("queue", 5), ("created_by", 5),
    ],
)  # fmt: skip
def test_a_filter_that_is_none_is_refused_by_its_name(sqlite_url, runner, field, wrong) -> None:
    with pytest.raises(InvalidField) as refused:
        runner.jobs(**{field: wrong})
    assert list(refused.value.fields) == [field] and refused.value.hint


def test_jobs_are_found_by_their_parameters_as_they_are_typed(runner) -> None:
    first = put(
        runner,
        "held",
        "t.echo",
        {"value": {"shop": {"id": 7, "tags": ["a", 'é\n"b']}, "dry": True, "note": "7"}},
    )
    second = put(
        runner, "held", "t.echo", {"value": {"shop": {"id": "7"}, "id": 70, "dry": None, "note": '"id":7'}}
    )

    def found(**param: Any) -> list[int]:
        return [
            job.id
            for job in runner.jobs(param={f"value.{k}".replace("__", "."): v for k, v in param.items()}).jobs
        ]

    assert found(shop__id="7") == found(shop__id=7) == [second, first]
    assert [job.id for job in runner.jobs(param="value.id=70").jobs] == [second]
    assert found(id="70") == [second] and found(id="7") == found(shop__id="70") == found(shop="7") == []
    assert found(dry="true") == found(dry=True) == found(note=7) == [first]
    assert found(dry="null", shop__id="7") == [second]
    assert (
        found(shop__tags__1='é\n"b') == found(shop__tags__0="a") == [first] and found(shop__tags__2="a") == []
    )
    assert found(shop__tags=["a", 'é\n"b']) == [first]
    with pytest.raises(InvalidField) as refused:
        runner.jobs(param={"shop": float("nan")})
    assert refused.value.fields.keys() == {"param"}


def test_a_page_by_parameter_goes_on_past_many_that_only_look_alike(runner) -> None:
    runner.start_many(
        [("t.echo", {"value": {"a": {"n": 1}, "n": number % 600 // 599}}) for number in range(1200)]
    )
    first = runner.jobs(param={"value.n": "1"}, limit=1)
    assert len(first.jobs) == 1 and first.next is not None
    second = runner.jobs(param={"value.n": "1"}, limit=1, next=first.next)
    assert [job.id - first.jobs[0].id for job in second.jobs] == [-600] and second.next is None


def test_jobs_are_found_by_the_worker_or_host_that_had_them_last(runner) -> None:
    put(runner, "held")
    ran = put(runner, "running")
    worker = runner.status(ran).job.worker
    for name in (worker.id, worker.host):
        assert [job.id for job in runner.jobs(worker=name).jobs] == [ran]
    for name in (worker.host[:-1], "büro", "🍏"):
        assert runner.jobs(worker=name).jobs == []


def test_pages_of_a_list_hold_every_job_once_while_new_ones_come(runner) -> None:
    ids = [put(runner, "held") for _ in range(7)]
    seen, cursor = [], None
    while True:
        page = runner.jobs(limit=3, next=cursor)
        seen += [job.id for job in page.jobs]
        put(runner, "queued")
        cursor = page.next
        if cursor is None:
            break
    assert seen == ids[::-1]
    assert runner.jobs(limit=0).model_dump() == {"jobs": [], "next": None}


def test_a_job_is_named_by_id_uuid_or_a_beginning_of_one(runner) -> None:
    job = put(runner, "held")
    uuid = runner.status(job).job.uuid
    beginning = next(uuid[:size] for size in range(6, 37) if not uuid[:size].isdigit())
    for name in (job, str(job), f" {job} ", uuid, uuid.upper(), beginning, uuid[:14], uuid[:-1]):
        assert runner.status(name).job.id == job, name
    for name in (
        uuid[:5],
        uuid + "0",
        uuid.replace("-", ""),
        uuid[1:],
        2**63,
        2**100,
        str(2**64),
        "9" * 400,
        -job,
        "\0",
        "",
        "é",
        f"{job}.0",
    ):
        assert runner.status(name).found is False, name
    other = put(runner, "held")
    common = next(
        uuid[:size] for size in range(36, 0, -1) if runner.status(other).job.uuid.startswith(uuid[:size])
    )
    with pytest.raises(AmbiguousJob) as refused:
        runner.cancel(common)
    assert f"{job} ({uuid})" in str(refused.value) and str(other) in str(refused.value)
