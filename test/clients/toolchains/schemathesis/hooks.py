"""Sends NDJSON, and accepts the failures that are intended, each with the reason."""

from collections.abc import Iterator

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, Failure, ServerError
from schemathesis.openapi.checks import (
    AllowHeaderMismatch,
    EnsureResourceAvailability,
    RejectedPositiveData,
    UndefinedContentType,
    UndefinedStatusCode,
    UnsupportedMethodResponse,
)


@schemathesis.serializer("application/x-ndjson")
def serialize_lines(_: schemathesis.SerializationContext, body: object) -> dict[str, object]:
    return {"data": body if isinstance(body, bytes) else str(body).encode()}


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, object]) -> None:
    """Leaves the caller as it is."""
    if case.path_parameters.get("username") == "schemathesis":
        case.path_parameters["username"] = "johndoe"


@schemathesis.hook
def filter_failure(
    _: schemathesis.HookContext, failure: Failure, case: schemathesis.Case, response: schemathesis.Response
) -> bool:
    return not any(
        isinstance(failure, kinds) and is_intended(case, response) for kinds, is_intended in intended_failures
    )


# Issues with input that conforms to its schema: what JSON Schema cannot say.
rules_beyond_schemas = {
    "cursor",  # comes from the page before
    "duplicate",  # a scope that is named twice
    "forbidden_scope",  # users:admin in a role
    "format",  # control characters
    "json_invalid",  # a line of NDJSON
    "json_number",  # more digits than a double has
    "metadata",  # bytes, depth and numbers
    "missing",  # the password, if the address or another administrator is changed
    "password",  # bytes, and lists of known passwords
    "reused",  # the key of another request
    "unknown_client",  # a server must be a client
    "unknown_scope",  # a user or a role can have scopes that exist
    "username",  # scripts, and names that look alike
}

# Members that could change the prototype of an object are refused.
prototypes = ("__proto__", "constructor")


def breaks_rule(_: schemathesis.Case, response: schemathesis.Response) -> bool:
    return response.status_code == 422 and set(issues_of(response)) <= rules_beyond_schemas


def issues_of(response: schemathesis.Response) -> Iterator[str]:
    return (issue["type"] for issue in response.json()["detail"])


def lacks_secret(_: schemathesis.Case, response: schemathesis.Response) -> bool:
    """A schema knows no passwords, and no mailed links."""
    return response.status_code == 400 and response.json()["detail"] in (
        "Incorrect password",
        "The link is unknown, used or expired",
    )


def lacks_parameter(case: schemathesis.Case, response: schemathesis.Response) -> bool:
    """The parameters of an OAuth request depend on each other."""
    return response.status_code == 400 and case.path in ("/token", "/revoke", "/introspect")


def has_prototype(case: schemathesis.Case, response: schemathesis.Response) -> bool:
    return response.status_code == 400 and any(name in repr(case.body) for name in prototypes)


def depends_on_state(_: schemathesis.Case, response: schemathesis.Response) -> bool:
    """A precondition is about the state of the resource."""
    return response.status_code == 412


def is_too_large(_: schemathesis.Case, response: schemathesis.Response) -> bool:
    """Requests are limited in bytes, beside the lengths of their parts."""
    return response.status_code in (413, 414, 431)


def has_zero_limit(case: schemathesis.Case, _: schemathesis.Response) -> bool:
    """The tutorial ignores the query of its list of items, and its response to this one was recorded."""
    return "/items/" in case.path and case.query.get("limit") in (0, "0")


def leads_elsewhere(case: schemathesis.Case, _: schemathesis.Response) -> bool:
    """Instead of an item with a name that no item can have, the path is that of another operation."""
    return case.path_parameters.get("item_id") in ("export", "import")


def has_failed_lines(case: schemathesis.Case, _: schemathesis.Response) -> bool:
    """An import lists the lines that it refused, and lines have no type."""
    return case.path.endswith("/items/import")


def is_page(case: schemathesis.Case, _: schemathesis.Response) -> bool:
    """Pages have the paths of the operations that they call."""
    return case.path.startswith("/account/")


def is_landing_page(case: schemathesis.Case, _: schemathesis.Response) -> bool:
    """The tutorial has nothing at this path, so other methods find nothing there."""
    return case.path == "/"


def is_registration(_: schemathesis.Case, response: schemathesis.Response) -> bool:
    """A registration gets the same response whether it creates a user or not."""
    return response.status_code == 404


def asks_for_former_list(case: schemathesis.Case, response: schemathesis.Response) -> bool:
    """Token Status List has 501 for servers that have only the current list."""
    return response.status_code == 501 and case.path == "/status-lists/{id}"


intended_failures = [
    (RejectedPositiveData, breaks_rule),
    (RejectedPositiveData, lacks_secret),
    (RejectedPositiveData, lacks_parameter),
    (RejectedPositiveData, has_prototype),
    (RejectedPositiveData, depends_on_state),
    ((RejectedPositiveData, AcceptedNegativeData), is_too_large),
    (AcceptedNegativeData, has_zero_limit),
    (AcceptedNegativeData, has_failed_lines),
    ((AcceptedNegativeData, UndefinedContentType, UndefinedStatusCode), leads_elsewhere),
    ((UnsupportedMethodResponse, AllowHeaderMismatch), is_page),
    (UnsupportedMethodResponse, is_landing_page),
    (EnsureResourceAvailability, is_registration),
    (ServerError, asks_for_former_list),
]
