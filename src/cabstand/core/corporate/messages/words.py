"""The words of messages to companies' people, in the languages in which they are written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cabstand.core.corporate.model import Service
from cabstand.core.quotes.model import LineKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """One language. What stands in braces is filled in."""

    locale: str  # for amounts and times
    tag: str  # as HTML names it
    somebody: str  # a driver whose name is not known
    accepted: str
    vehicle: str
    plate: str
    cancelled: str
    greeting: str
    welcome_subject: str
    welcome: str
    may_ride_with: str
    code_of_digits: str
    code_of_pin: str
    receipt_subject: str
    receipt: str
    corrected_subject: str
    corrected: str
    minutes: str
    services: Mapping[Service, str]
    lines: Mapping[LineKind, str]
    labels: Mapping[str, str]  # of what a receipt says


PORTUGUESE: Final = Words(
    locale="pt_BR",
    tag="pt-BR",
    somebody="um motorista",
    accepted="{company}: {driver} aceitou sua corrida.",
    vehicle="Veículo: {vehicle}.",
    plate="placa {plate}",
    cancelled="{company}: {driver} cancelou sua corrida. Para viajar, é preciso pedir outra.",
    greeting="Olá, {name}.",
    welcome_subject="Boas-vindas às corridas de {company}",
    welcome="{company} cadastrou você: suas corridas a trabalho podem ser pedidas por conta da empresa.",
    may_ride_with="Categorias permitidas para você: {services}.",
    code_of_digits="Ao fim de uma corrida de táxi, confirme o pagamento com os três primeiros dígitos do seu CPF.",
    code_of_pin="Ao fim de uma corrida de táxi, confirme o pagamento com o seu código de três dígitos (PIN).",
    receipt_subject="Recibo da sua corrida: {total}",
    receipt="Este é o recibo da sua corrida por conta de {company}.",
    corrected_subject="Recibo corrigido da sua corrida: {total}",
    corrected="O valor da sua corrida por conta de {company} foi corrigido. Este recibo substitui o de {former}.",
    minutes="{minutes} min",
    services={
        Service.TAXI: "táxi",
        Service.TAXI_SAVER: "táxi com desconto",
        Service.STANDARD: "carro particular",
        Service.PREMIUM: "carro de luxo",
        Service.COMFORT: "carro confortável",
        Service.ECONOMY: "carro econômico",
        Service.DELIVERY: "entrega",
        Service.DELIVERY_MOTORCYCLE: "entrega de moto",
        Service.MOTORCYCLE: "moto",
    },
    lines={
        LineKind.BASE: "Bandeirada",
        LineKind.DISTANCE: "Distância",
        LineKind.TIME: "Tempo",
        LineKind.SURCHARGE: "Adicional de horário",
        LineKind.MINIMUM: "Complemento do valor mínimo",
        LineKind.FIXED: "Preço fixo",
        LineKind.AGREED: "Preço combinado",
        LineKind.WAITING: "Espera",
        LineKind.TOLL: "Pedágio",
        LineKind.PARKING: "Estacionamento",
        LineKind.CLEANING: "Limpeza",
        LineKind.DISCOUNT: "Desconto",
        LineKind.ADDITIONAL: "Outros",
    },
    labels={
        "company": "Empresa",
        "employee": "Colaborador",
        "cost_center": "Centro de custo",
        "project": "Projeto",
        "reason": "Justificativa",
        "service": "Categoria",
        "start": "Origem",
        "begun": "Início",
        "end": "Destino",
        "ended": "Fim",
        "distance": "Percurso",
        "duration": "Duração",
        "driver": "Motorista",
        "vehicle": "Veículo",
        "total": "Total",
    },
)
ENGLISH: Final = Words(
    locale="en_GB",
    tag="en",
    somebody="a driver",
    accepted="{company}: {driver} has accepted your ride.",
    vehicle="Vehicle: {vehicle}.",
    plate="plate {plate}",
    cancelled="{company}: {driver} has cancelled your ride. To travel, have another one booked.",
    greeting="Dear {name},",
    welcome_subject="Welcome to the rides of {company}",
    welcome="{company} has added you: your rides for work can be booked on the company's account.",
    may_ride_with="What may be booked for you: {services}.",
    code_of_digits="At the end of a taxi ride, confirm the payment with the first three digits of your national id.",
    code_of_pin="At the end of a taxi ride, confirm the payment with your code of three digits (PIN).",
    receipt_subject="Receipt of your ride: {total}",
    receipt="This is the receipt of your ride on the account of {company}.",
    corrected_subject="Corrected receipt of your ride: {total}",
    corrected="Your ride on the account of {company} has a corrected price. This receipt replaces the one of {former}.",
    minutes="{minutes} min",
    services={
        Service.TAXI: "taxi",
        Service.TAXI_SAVER: "taxi at a discount",
        Service.STANDARD: "private car",
        Service.PREMIUM: "premium car",
        Service.COMFORT: "comfortable car",
        Service.ECONOMY: "economy car",
        Service.DELIVERY: "delivery",
        Service.DELIVERY_MOTORCYCLE: "delivery by motorcycle",
        Service.MOTORCYCLE: "motorcycle",
    },
    lines={
        LineKind.BASE: "Base fare",
        LineKind.DISTANCE: "Distance",
        LineKind.TIME: "Time",
        LineKind.SURCHARGE: "Surcharge for the hour",
        LineKind.MINIMUM: "Up to the minimum fare",
        LineKind.FIXED: "Fixed price",
        LineKind.AGREED: "Agreed price",
        LineKind.WAITING: "Waiting",
        LineKind.TOLL: "Toll",
        LineKind.PARKING: "Parking",
        LineKind.CLEANING: "Cleaning",
        LineKind.DISCOUNT: "Discount",
        LineKind.ADDITIONAL: "Other",
    },
    labels={
        "company": "Company",
        "employee": "Employee",
        "cost_center": "Cost centre",
        "project": "Project",
        "reason": "Reason",
        "service": "Service",
        "start": "From",
        "begun": "Start",
        "end": "To",
        "ended": "End",
        "distance": "Distance",
        "duration": "Duration",
        "driver": "Driver",
        "vehicle": "Vehicle",
        "total": "Total",
    },
)


def spoken_in(country: str) -> Words:
    """The words for a tenant of this country (ISO 3166-1 alpha-2): Portuguese in Brazil, English elsewhere."""
    return PORTUGUESE if country == "BR" else ENGLISH
