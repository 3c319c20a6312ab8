"""The words of the 99 Corp API: status words of its three surfaces, and the categories of a ride."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cabstand.core.corporate.model import Service
from cabstand.core.rides.model import POLICIES, PolicyName, lifecycle
from cabstand.core.rides.model import RideState as S
from cabstand.doors.base import StatusVocabulary

POLICY: Final = PolicyName.FINAL  # v1 has no date in POST /ride, and a driver who gives up ends the ride
_RIDES: Final = lifecycle(POLICIES[POLICY])

REST: Final = StatusVocabulary(
    surface="ride.status",
    lifecycle=_RIDES,
    says={
        S.SEARCHING: "WAITING_DRIVERS_ANSWERS",
        S.CONFIRMING: "WAITING_DRIVERS_ANSWERS",
        S.ASSIGNED: "CAR_ON_THE_WAY",  # no word for a driver who has not set off
        S.APPROACHING: "CAR_ON_THE_WAY",
        S.ARRIVED: "WAITING_FOR_PASSENGER",
        S.ON_BOARD: "CAR_ARRIVED",  # sic: documented as "the ride is in progress"
        S.COMPLETED: "RIDE_ENDED",
        S.CANCELLED_BY_PASSENGER: "CANCELED_BY_PASSENGER",
        S.CANCELLED_BY_DRIVER: "CANCELED_BY_DRIVER",
        S.CANCELLED_BY_DISPATCH: "CANCELED_BY_DRIVER",  # no third word; the supply side ended it
        S.NO_SHOW: "CANCELED_BY_DRIVER",  # the act is the driver's
        S.NO_DRIVERS: "COULDNT_FIND_AVAILABLE_DRIVERS",
        S.DECLINED: "DRIVERS_REJECTED",
    },
    final=frozenset(
        {
            "RIDE_ENDED",
            "CANCELED_BY_PASSENGER",
            "CANCELED_BY_DRIVER",
            "COULDNT_FIND_AVAILABLE_DRIVERS",
            "DRIVERS_REJECTED",
        }
    ),
    hears={  # PATCH /ride/{id}, in the sandbox
        "WAITING_DRIVERS_ANSWERS": S.SEARCHING,  # only ever "the same again"
        "COULDNT_FIND_AVAILABLE_DRIVERS": S.NO_DRIVERS,
        "DRIVERS_REJECTED": S.DECLINED,
        "CAR_ON_THE_WAY": S.APPROACHING,
        "WAITING_FOR_PASSENGER": S.ARRIVED,
        "CAR_ARRIVED": S.ON_BOARD,
        "CANCELED_BY_DRIVER": S.CANCELLED_BY_DRIVER,
        "CANCELED_BY_PASSENGER": S.CANCELLED_BY_PASSENGER,
        "RIDE_ENDED": S.COMPLETED,
    },
    beyond={"WAITING_FOR_PASSENGER": "the sandbox table was not updated when the word was added in 2018"},
)
WEBHOOK: Final = StatusVocabulary(
    surface="webhook ride-status",
    lifecycle=_RIDES,
    says={
        S.SEARCHING: "finding",
        S.CONFIRMING: "finding",
        S.ASSIGNED: "on-the-way",
        S.APPROACHING: "on-the-way",
        S.ARRIVED: "arrived",
        S.ON_BOARD: "in-progress",
        S.COMPLETED: "finished",
        S.CANCELLED_BY_PASSENGER: "canceled-by-passenger",
        S.CANCELLED_BY_DRIVER: "canceled-by-driver",
        S.CANCELLED_BY_DISPATCH: "canceled-by-driver",
        S.NO_SHOW: "canceled-by-driver",
        S.NO_DRIVERS: "no-drivers-available",
        S.DECLINED: "no-drivers-available",  # one word for both
    },
    final=frozenset({"finished", "canceled-by-passenger", "canceled-by-driver", "no-drivers-available"}),
)


@dataclass(frozen=True, kw_only=True)
class Category:
    """A category of ride in the words of the document."""

    id: str  # in requests and answers
    service: Service
    name: str  # in estimates and receipts
    description: str
    event: str  # in webhooks


CATEGORIES: Final = (
    Category(
        id="regular-taxi",
        service=Service.TAXI,
        name="Táxi Comum",
        description="Tarifa cheia",
        event="REGULAR-TAXI",
    ),
    Category(
        id="turbo-taxi",
        service=Service.TAXI_SAVER,
        name="99TAXI",
        description="Táxi com desconto",
        event="99TAXI",
    ),
    Category(
        id="top99",
        service=Service.PREMIUM,
        name="99Top",
        description="Táxis de luxo",
        event="99TOP",
    ),
    Category(
        id="pop99",
        service=Service.STANDARD,
        name="99Pop",
        description="Carros particulares",
        event="99POP",
    ),
    Category(
        id="comfort99",
        service=Service.COMFORT,
        name="99Comfort",
        description="Carros espaçosos",
        event="99COMFORT",
    ),
    Category(
        id="poupa99",
        service=Service.ECONOMY,
        name="99Poupa",
        description="Carros particulares com desconto",
        event="99POUPA",
    ),
    Category(
        id="delivery99",
        service=Service.DELIVERY,
        name="99Entrega",
        description="Entregas de carro",
        event="99DELIVERY",
    ),
    Category(
        id="delivery-moto99",
        service=Service.DELIVERY_MOTORCYCLE,
        name="99Entrega Moto",
        description="Entregas de moto",
        event="99DELIVERY-MOTO",
    ),
    Category(
        id="moto99",
        service=Service.MOTORCYCLE,
        name="99Moto",
        description="Viagens de moto",
        event="99MOTO",
    ),
)
BY_ID: Final[Mapping[str, Category]] = {each.id: each for each in CATEGORIES}
BY_SERVICE: Final[Mapping[Service, Category]] = {each.service: each for each in CATEGORIES}
