"""Who gets in through a provider: nobody by default, and nobody by an address that was not verified."""

from __future__ import annotations

from typing import Any

import pytest

from vain import forms
from vain.admission import Person, check_token, person_of, role_of
from vain.errors import Forbidden
from vain.types import ROLES

ADA = Person("ada-1", "Ada@Example.org", ("ops", "all staff"))
CLAIMS = {"iss": "https://id.example", "aud": "us", "exp": 1_000.0, "nonce": "n", "sub": "ada-1"}


@pytest.mark.parametrize(
    ("rules", "role"),
    [
        ([], None),
        (["ada@example.org=write"], "write"),
        (["ADA@EXAMPLE.ORG=write"], "write"),
        (["@example.org=read"], "read"),
        (["@example.org=read", "group:ops=admin", "ada@example.org=write"], "admin"),
        (["group:all staff=read"], "read"),
        (["sub:ada-1=write"], "write"),
        (["@xample.org=read"], None),
        (["@org=read"], None),
        (["a@example.org=read"], None),
        (["group:Ops=admin"], None),
        (["sub:ada=admin"], None),
    ],
)
def test_a_rule_is_for_exactly_whom_it_names(rules: list[str], role: str | None) -> None:
    assert role_of(ADA, rules) == role


@pytest.mark.parametrize(
    ("email", "rule"),
    [
        ("x@straße.example", "@strasse.example"),
        ("\u212aen@b.example", "ken@b.example"),
        ("\u017fam@b.example", "sam@b.example"),
    ],
)
def test_letters_that_only_look_the_same_are_others(email: str, rule: str) -> None:
    assert role_of(Person("x", email), [f"{rule}=admin"]) is None
    assert role_of(Person("x", email), [f"{email}=read"]) == "read"


def test_the_domain_counts_whatever_stands_before_it() -> None:
    assert role_of(Person("x", "ä@B.example"), ["@b.example=read"]) == "read"


def test_without_a_verified_address_only_groups_and_subjects_count() -> None:
    rules = ["@example.org=admin", "ada@example.org=admin", "@=admin", "group:ops=read"]
    assert role_of(Person("x"), rules) is None and role_of(Person("x", None, ("ops",)), rules) == "read"


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_address_counts_only_if_the_provider_vouches_for_it(verified: Any) -> None:
    assert person_of({"sub": "x", "email": "a@b.example", "email_verified": verified}, {}).email is None
    assert person_of({"sub": "x"}, {"sub": "x", "email": "a@b.example", "email_verified": True}).email == "a@b.example"


@pytest.mark.parametrize("email", ["no address", "", 7, None, "a@b\n.example"])
def test_an_address_that_is_none_is_left_out(email: Any) -> None:
    assert person_of({"sub": "x", "email": email, "email_verified": True}, {}).email is None


def test_groups_are_taken_from_both_answers_and_only_texts() -> None:
    person = person_of({"sub": "x", "groups": ["a", 7]}, {"groups": ["b", "a"], "roles": "c"})
    assert person.groups == ("a", "b")


@pytest.mark.parametrize("told", [{"sub": "other"}, {"sub": None}])
def test_both_answers_have_to_be_about_one_person(told: dict[str, Any]) -> None:
    with pytest.raises(Forbidden):
        person_of({"sub": "x"}, told)


@pytest.mark.parametrize("subject", [None, "", 7, "x" * 256])
def test_a_person_has_a_subject(subject: Any) -> None:
    with pytest.raises(Forbidden):
        person_of({"sub": subject}, {})


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"}, {"iss": None}, {"aud": "them"}, {"aud": None}, {"aud": []},
        {"aud": ["us", "them"]},
        {"exp": 900.0}, {"exp": None}, {"exp": "2099"}, {"exp": float("nan")}, {"exp": float("inf")}, {"nonce": "m"},
        {"nonce": None}, {"nonce": 7},
    ],
)  # fmt: skip
def test_a_token_that_is_not_for_this_sign_in_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Forbidden):
        check_token(CLAIMS | wrong, "https://id.example", "us", "n", 1_000.0)


@pytest.mark.parametrize("right", [{}, {"aud": ["us"]}, {"aud": ["us", "them"], "azp": "us"}, {"exp": 941.0}])
def test_a_token_for_this_sign_in_is_taken(right: dict[str, Any]) -> None:
    check_token(CLAIMS | right, "https://id.example", "us", "n", 1_000.0)


@pytest.mark.parametrize("text", ["*@example.org=read", "@example.org", "ada=admin", "@example.org=owner", ".*=admin",
    "group:=read", "=admin", "@=admin", "a@b=read"])  # fmt: skip
def test_a_rule_that_could_mean_anybody_stops_the_start(text: str) -> None:
    with pytest.raises(ValueError):
        forms.admissions(text)


def test_the_roles_are_those_of_the_keys() -> None:
    assert forms.ROLES == ROLES
