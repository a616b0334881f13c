"""What a handler takes is read from its signature, checked before a job exists, and bound again in the child."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, Json, SecretStr

from jobrunner import jsontext
from jobrunner.errors import InvalidParams, PayloadNotEncodable, UnsupportedParameter
from jobrunner.handlers.signatures import of_factory, of_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobrunner.child.context import JobContext
    from jobrunner.states import Status as Unseen


class Context:
    __jobrunner_context__ = True


class Colour(StrEnum):
    RED = "red"


class Line(BaseModel):
    kind: Literal["line"] = "line"
    price: Decimal
    amount: int = 1


class Card(BaseModel):
    number: SecretStr


class Purse(BaseModel):
    cards: list[Card]


Secretive = NewType("Secretive", SecretStr)


def parameters(function: Callable[..., Any]):
    return of_function(function, "test.type")


def reasons(function: Callable[..., Any], params: Any) -> dict[str, str]:
    with pytest.raises(InvalidParams) as caught:
        parameters(function).validate(params)
    return caught.value.fields


def plain(ctx: Context, shop_id: int, dry_run: bool = False) -> None: ...


def test_unknown_missing_and_wrong_parameters_are_all_named_at_once():
    def handler(shop_id: int, size: int, colour: str = "red") -> None: ...

    found = reasons(handler, {"size": "big", "color": "blue"})
    assert set(found) == {"shop_id", "size", "color"}
    assert found["shop_id"] == "is missing"
    assert "colour" in found["color"]


def test_a_field_deep_inside_is_named_by_its_path():
    def handler(lines: list[Line], either: int | list[int] = 0) -> None: ...

    assert list(reasons(handler, {"lines": [{"price": "1"}, {"price": "x"}]})) == ["lines.1.price"]
    assert list(reasons(handler, {"lines": [{}]})) == ["lines.0.price"]
    assert "either" in reasons(handler, {"lines": [], "either": "many"})


@pytest.mark.parametrize("params", [[1], "text", {1: 2}, 7])
def test_parameters_that_are_no_object_are_refused(params):
    assert list(reasons(plain, params)) == ["params"]


def test_what_was_not_given_is_not_stored_and_comes_back_as_the_default():
    found = parameters(plain)
    assert found.validate({"shop_id": "7"}) == {"shop_id": 7}
    assert found.bind({"shop_id": 7}) == {"shop_id": 7, "dry_run": False}


def test_no_parameters_at_all_are_an_empty_object():
    def handler() -> None: ...

    assert parameters(handler).validate(None) == {} == parameters(handler).bind({})


def test_a_handler_receives_the_types_that_it_asks_for():
    def handler(
        day: date, at: datetime, key: UUID, price: Decimal, colour: Colour, lines: list[Line]
    ) -> None: ...

    given_params = {
        "day": date(2026, 1, 2),
        "at": datetime(2026, 1, 2, 3, tzinfo=UTC),
        "key": UUID(int=7),
        "price": Decimal("1.50"),
        "colour": Colour.RED,
        "lines": [Line(price=Decimal(3))],
    }
    found = parameters(handler)
    stored = json.loads(jsontext.dumps(found.validate(given_params)))
    assert found.bind(stored) == given_params
    assert found.validate(stored) == stored


def test_strict_fields_take_their_text_form_as_json_has_no_dates():
    def handler(day: Annotated[date, Field(strict=True)]) -> None: ...

    assert parameters(handler).validate({"day": "2026-01-02"}) == {"day": "2026-01-02"}
    assert parameters(handler).bind({"day": "2026-01-02"}) == {"day": date(2026, 1, 2)}


def test_a_json_field_is_stored_so_that_it_can_be_read_again():
    def handler(numbers: Json[list[int]]) -> None: ...

    found = parameters(handler)
    assert found.bind(found.validate({"numbers": "[1, 2]"})) == {"numbers": [1, 2]}


def test_limits_in_annotations_hold_and_their_defaults_count():
    def handler(size: Annotated[int, Field(ge=1, le=9)], tail: Annotated[int, Field(default=3)]) -> None: ...

    assert list(reasons(handler, {"size": 10})) == ["size"]
    assert parameters(handler).bind({"size": 1}) == {"size": 1, "tail": 3}


def test_a_parameter_may_bear_any_name_that_python_allows():
    def handler(
        schema: int, json: int, model_config: int, _hidden: int, copy: int = 5, parameter_0: int = 6
    ) -> None: ...

    params = {"schema": 1, "json": 2, "model_config": 3, "_hidden": 4}
    found = parameters(handler)
    assert found.bind(found.validate(params)) == params | {"copy": 5, "parameter_0": 6}
    assert list(found.schema()["properties"]) == list(found.names)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), "\ud800", {"k": ["\udfff"]}, object(), b"\xff"]
)
def test_what_json_does_not_have_is_not_encodable(value):
    def handler(anything) -> None: ...

    with pytest.raises(PayloadNotEncodable):
        parameters(handler).validate({"anything": value})


def test_each_parameter_that_json_does_not_have_is_named_with_where_it_is_wrong():
    def handler(first, second: float = 0.0, **more) -> None: ...

    cycle: list[Any] = []
    cycle.append(cycle)
    given = {"first": {"a": [1, float("inf")]}, "second": float("nan"), "third": cycle, "fourth": "fine"}
    with pytest.raises(PayloadNotEncodable) as refused:
        parameters(handler).validate(given)
    assert list(refused.value.fields) == ["first", "second", "third"]
    assert refused.value.fields["first"] == "is inf, which JSON does not have (at a[1])"
    assert "second is nan" in refused.value.message and "third cannot be written" in refused.value.message
    with pytest.raises(PayloadNotEncodable) as refused:
        parameters(handler).validate({"first": 1, "\ud800": 2})
    assert list(refused.value.fields) == ["params"]


def test_the_context_is_found_by_its_annotation_wherever_it_stands():
    def last(shop_id: int, context: Context) -> None: ...
    def optional(c: Context | None = None) -> None: ...
    def annotated(c: Annotated[Context, "note"]) -> None: ...
    def unresolved(c: JobContext) -> None: ...
    def unresolved_optional(c: JobContext | None = None) -> None: ...
    def named(ctx, shop_id) -> None: ...
    def without(shop_id: int) -> None: ...

    assert parameters(last).context_name == "context"
    assert [parameters(f).context_name for f in (optional, annotated, unresolved, unresolved_optional)] == [
        "c"
    ] * 4
    assert parameters(named).context_name == "ctx"
    assert parameters(named).names == ("shop_id",)
    assert parameters(without).context_name is None
    assert list(reasons(last, {"shop_id": 1, "context": 2})) == ["context"]


def test_two_contexts_are_refused():
    def handler(first: Context, second: Context) -> None: ...

    with pytest.raises(UnsupportedParameter, match="second"):
        parameters(handler)


def test_a_type_that_cannot_be_resolved_names_the_parameter():
    def handler(shop_id: int, thing: Unseen) -> None: ...

    with pytest.raises(UnsupportedParameter) as caught:
        parameters(handler)
    assert list(caught.value.fields) == ["thing"]


def test_an_unresolved_return_type_does_not_matter():
    def handler(shop_id: int) -> Unseen:
        raise NotImplementedError

    assert parameters(handler).names == ("shop_id",)


def test_secrets_are_refused_however_deep_they_lie():
    def bare(x: SecretStr) -> None: ...
    def nested(x: dict[str, Purse | None]) -> None: ...
    def renamed(x: list[Secretive]) -> None: ...
    def collected(**x: SecretStr) -> None: ...

    for function in (bare, nested, renamed, collected):
        with pytest.raises(UnsupportedParameter, match="in the clear"):
            parameters(function)


def test_a_secret_in_a_parameter_without_type_is_refused_and_not_masked():
    def handler(anything) -> None: ...

    with pytest.raises(InvalidParams, match="secret"):
        parameters(handler).validate({"anything": [SecretStr("hush")]})
    assert parameters(handler).validate({"anything": "**********"}) == {"anything": "**********"}


def test_parameters_that_cannot_be_passed_by_name_or_read_from_json_are_refused():
    class Opaque: ...

    def positional(a: int, /) -> None: ...
    def collected(*rest: int) -> None: ...
    def opaque(good: int, odd) -> None: ...
    def calls(back: Callable[[], None]) -> None: ...

    opaque.__annotations__["odd"] = Opaque
    calls.__annotations__["back"] = __import__("collections").abc.Callable[[], None]
    for function, name in ((positional, "a"), (collected, "rest"), (opaque, "odd"), (calls, "back")):
        with pytest.raises(UnsupportedParameter) as caught:
            parameters(function)
        assert list(caught.value.fields) == [name]


def test_further_names_are_passed_on_to_a_handler_that_collects_them():
    def handler(ctx: Context, shop_id: int, **more: int) -> None: ...

    found = parameters(handler)
    assert found.validate({"shop_id": 1, "a": "2", "parameter_0": 3}) == {
        "shop_id": 1,
        "a": 2,
        "parameter_0": 3,
    }
    assert found.bind({"shop_id": 1, "a": 2}) == {"shop_id": 1, "a": 2}
    assert list(reasons(handler, {"shop_id": 1, "a": "x"})) == ["a"]
    assert list(reasons(handler, {"shop_id": 1, "ctx": 2})) == ["ctx"]
    assert found.schema()["additionalProperties"] == {"type": "integer"}


def test_a_wrapped_function_is_read_as_the_one_inside():
    def wrapper(function):
        @wraps(function)
        def inner(*args, **kwargs): ...

        return inner

    assert parameters(wrapper(plain)).names == ("shop_id", "dry_run")
    assert parameters(wrapper(plain)).context_name == "ctx"


def test_the_schema_is_json_with_titles_defaults_and_limits():
    def handler(
        ctx: Context,
        size: Annotated[int, Field(ge=1, description="How many")],
        odd: Any = Line,
        day: str = "mon",
    ) -> None: ...

    schema = json.loads(jsontext.dumps(parameters(handler).schema()))
    assert (schema["type"], schema["required"]) == ("object", ["size"])
    assert schema["properties"]["size"] == {
        "description": "How many",
        "minimum": 1,
        "title": "Size",
        "type": "integer",
    }
    assert schema["properties"]["day"]["default"] == "mon"
    assert list(schema["properties"]) == ["size", "odd", "day"]


def test_a_class_is_read_by_its_run():
    class OnlyContext:
        def run(self, ctx): ...

    class Typed:
        def run(self, c: Context, shop_id: int): ...

    class Static:
        @staticmethod
        def run(c, shop_id: int): ...

    class Runless: ...

    def made() -> Typed:
        return Typed()

    def unsaid(): ...

    made.__annotations__["return"] = Typed
    only = of_factory(OnlyContext, "t")
    assert (only.context_name, only.validate({"any": [1]}), only.bind({"any": [1]})) == (
        "ctx",
        {"any": [1]},
        {},
    )
    typed: list[Callable[..., Any]] = [Typed, Static, made]
    untyped: list[Callable[..., Any]] = [Runless, unsaid]
    for factory in typed:
        assert (of_factory(factory, "t").context_name, of_factory(factory, "t").names) == ("c", ("shop_id",))
    for factory in untyped:
        assert of_factory(factory, "t").validate({"any": 1}) == {"any": 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON))
def test_any_json_object_goes_through_a_handler_that_takes_anything_unchanged(params):
    def handler(**anything: Any) -> None: ...

    found = parameters(handler)
    assert found.bind(jsontext.loads(jsontext.dumps(found.validate(params)))) == params
