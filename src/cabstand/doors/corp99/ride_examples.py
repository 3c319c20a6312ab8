"""Bodies of rides, estimates and receipts for the reference: the document's own, with what its samples leave out."""

from typing import Any, Final

_FROM: Final[dict[str, Any]] = {
    "latitude": -23.564758,
    "longitude": -46.651850,
    "street": "Av Paulista, 1000, São Paulo - SP, Brasil",
    "number": "1000",
    "reference": "",
}
_TO: Final[dict[str, Any]] = {
    "latitude": -23.590760,
    "longitude": -46.682129,
    "street": "Av. Faria Lima, 3000, São Paulo - SP, Brasil",
    "number": "0",
    "reference": "",
}
_WORD: Final = "1000123456"
ESTIMATES: Final[list[dict[str, Any]]] = [
    {
        "category": {"id": "turbo-taxi", "name": "99TAXI", "description": "Táxi com desconto", "eta": 2},
        "estimate": {
            "lowerFare": 23,
            "upperFare": 32,
            "currencyCode": "R$",
            "fareText": "R$23",
            "fareTextComplement": "ou mais",
        },
        "optionals": [
            {
                "id": "accessible-taxi",
                "title": "Veículo adaptado para cadeirante",
                "description": "Veículo acessível",
            }
        ],
    }
]
NEW_RIDE: Final[dict[str, Any]] = {
    "employeeID": 884373,
    "from": _FROM,
    "phoneNumber": "11999999999",
    "costCenterID": 43431,
    "categoryID": "pop99",
    "to": _TO,
    "notes": "",
    "projectID": 394932,
    "optionals": ["air-conditioner", "female-driver"],
}
BOOKED: Final[dict[str, Any]] = {"rideID": _WORD, "smsStartedSent": False, "smsDriverCanceledSent": False}
RIDE: Final[dict[str, Any]] = {
    "employeeID": 884373,
    "from": _FROM,
    "phoneNumber": "11999999999",
    "costCenterID": 43431,
    "categoryID": "delivery99",
    "to": _TO,
    "projectID": 394932,
    "notes": "",
    "optionals": [],
    "status": "CAR_ARRIVED",
    "running": {
        "rideID": _WORD,
        "jobID": _WORD,
        "driver": {
            "driverId": 6988,
            "fullName": "Claudo Moreira Cruz",
            "phoneNumber": "11999999999",
            "carModel": "Toyota Etios Sedan",
            "carPlate": "EAN-0165",
            "position": {"latitude": -23.582894, "longitude": -46.683991},
        },
        "route": {"time": 0, "distance": 507},
        "smsStartedSent": True,
        "smsDriverCanceledSent": False,
    },
    "receiver": {"name": "João da Silva", "phone": "+5511999998888"},
}
STATUS: Final = {"status": "RIDE_ENDED"}
RECEIPT: Final[dict[str, Any]] = {
    "apiTaxiJobId": _WORD,
    "receiptId": "8001000000",
    "company": {"id": 9311, "name": "99 Tecnologia"},
    "employee": {
        "id": 434343,
        "name": "COLABORADOR",
        "phone": "11999999999",
        "phoneCountry": "BRA",
        "email": "colaborador@99taxis.com",
        "nationalId": "63313137709",
        "externalId": 329932,
    },
    "costCenter": {"id": 8483843, "name": "99Integracao"},
    "project": {"id": 433902, "name": "99Projeto"},
    "fare": 25.4,
    "note": "justificativa",
    "odometer": 7593,
    "duration": 20,
    "start": {
        "latitude": -23.590760,
        "longitude": -46.682129,
        "date": 1502921626000,
        "address": "Av. Faria Lima, 3000, São Paulo - SP, Brasil",
    },
    "end": {
        "latitude": -23.564758,
        "longitude": -46.651850,
        "date": 1502922838000,
        "address": "Av Paulista, 1000, São Paulo - SP, Brasil",
    },
    "driver": {
        "name": "Motorista",
        "phone": "11999999999",
        "car": "Fiat Siena",
        "carYear": None,
        "carPlate": "EJF-3931",
    },
    "city": "São Paulo",
    "callPlatform": "web",
    "requesterName": "COLABORADOR",
    "taxiCategoryName": "99TAXI",
}
RECEIPTS: Final[dict[str, Any]] = {"rides": [RECEIPT], "summary": {"quantity": 1, "totalFare": 25.4}}
