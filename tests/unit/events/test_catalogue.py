"""The catalogue, on one of its own whose events have changed over the years."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from events.catalogue import Catalogue, Data, UnknownType, UnknownVersion, encode, event, personal, type_of


@event("parcel.sent", version=3, action="parcel_sent")
class ParcelSent:
    weight_grams: int
    carrier: str
    recipient: str | None = personal()
    street: str | None = personal()


@event("parcel.lost")
class ParcelLost:
    pass


def weight_in_grams(data: Data, private: Data | None) -> tuple[Data, Data | None]:
    return {"weight_grams": data["weight_kilos"] * 1000}, private


def carrier_named(data: Data, private: Data | None) -> tuple[Data, Data | None]:
    """Version 2 had one line of address where version 3 has two fields."""
    if private is not None:
        recipient, _, street = private["address"].partition(", ")
        private = {"recipient": recipient, "street": street}
    return {**data, "carrier": "post"}, private


CATALOGUE = Catalogue([ParcelSent, ParcelLost], {("parcel.sent", 1): weight_in_grams, ("parcel.sent", 2): carrier_named})


def test_an_event_is_divided_into_facts_and_what_is_personal() -> None:
    sent = ParcelSent(weight_grams=500, carrier="post", recipient="Anna", street="Elm Street")
    assert encode(sent) == ({"weight_grams": 500, "carrier": "post"}, {"recipient": "Anna", "street": "Elm Street"})


def test_what_is_not_known_of_a_person_is_not_written() -> None:
    assert encode(ParcelSent(weight_grams=500, carrier="post", recipient="Anna")) == (
        {"weight_grams": 500, "carrier": "post"},
        {"recipient": "Anna"},
    )
    assert encode(ParcelSent(weight_grams=500, carrier="post")) == ({"weight_grams": 500, "carrier": "post"}, None)
    assert encode(ParcelLost()) == ({}, None)


def test_an_event_comes_back_from_its_parts() -> None:
    sent = ParcelSent(weight_grams=500, carrier="post", recipient="Anna")
    assert CATALOGUE.decode("parcel.sent", 3, *encode(sent)) == sent


def test_the_first_version_is_read_as_todays_by_way_of_all_between() -> None:
    old: tuple[Data, Data] = {"weight_kilos": 2}, {"address": "Anna, Elm Street"}
    assert CATALOGUE.decode("parcel.sent", 1, *old) == ParcelSent(weight_grams=2000, carrier="post", recipient="Anna", street="Elm Street")


def test_an_erased_person_is_none_in_every_version() -> None:
    assert CATALOGUE.decode("parcel.sent", 1, {"weight_kilos": 2}, None) == ParcelSent(weight_grams=2000, carrier="post")
    assert CATALOGUE.decode("parcel.sent", 3, {"weight_grams": 2, "carrier": "post"}, None).recipient is None


def test_a_field_that_a_newer_writer_added_is_passed_over() -> None:
    assert CATALOGUE.decode("parcel.lost", 1, {"where": "at sea"}, {"who": "Anna"}) == ParcelLost()


def test_a_missing_fact_is_an_error() -> None:
    with pytest.raises(TypeError):
        CATALOGUE.decode("parcel.sent", 3, {"weight_grams": 2}, None)


def test_an_unknown_name_is_told_apart_from_an_unknown_version() -> None:
    with pytest.raises(UnknownType):
        CATALOGUE.decode("parcel.found", 1, {}, None)
    with pytest.raises(UnknownVersion):
        CATALOGUE.decode("parcel.sent", 4, {}, None)
    with pytest.raises(UnknownVersion):
        Catalogue([ParcelSent]).decode("parcel.sent", 1, {"weight_kilos": 2}, None)


def test_a_name_is_never_used_twice() -> None:
    @event("parcel.lost")
    class AnotherLoss:
        pass

    with pytest.raises(ValueError, match=r"parcel\.lost"):
        Catalogue([ParcelLost, AnotherLoss])


def test_a_type_knows_its_name_version_word_and_fields() -> None:
    kind = type_of(ParcelSent)
    assert (kind.name, kind.version, kind.action) == ("parcel.sent", 3, "parcel_sent")
    assert (kind.data_fields, kind.personal_fields) == (("weight_grams", "carrier"), ("recipient", "street"))
    assert CATALOGUE.find("parcel.sent") is kind
    assert CATALOGUE.find("parcel.found") is None
    assert {one.name for one in CATALOGUE} == {"parcel.sent", "parcel.lost"}


def test_an_event_cannot_be_changed() -> None:
    lost: Any = ParcelSent(weight_grams=1, carrier="post")
    with pytest.raises(FrozenInstanceError):
        lost.weight_grams = 2
