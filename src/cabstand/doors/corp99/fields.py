"""What the fields of this door's messages mean, for its reference: "field", or "Message.field" where it differs."""

from collections.abc import Mapping
from typing import Final

FIELDS: Final[Mapping[str, str]] = {
    "id": "A whole number, made by the exchange.",
    "name": "Its name. Spaces around it do not count.",
    "company": "The company that it belongs to.",
    # Companies
    "Company.id": "By which `x-company-id` names it.",
    "Company.name": "Its name.",
    "CompanyWithKey.id": "By which `x-company-id` names it.",
    "CompanyWithKey.name": "Its name.",
    "key": "The same as `id`.",
    "companyId": "The company's former number. Deprecated: use `company.id`.",
    # Employees
    "employee": "The employee.",
    "sendWelcomeEmail": "Whether the employee is told by e-mail that rides can be booked for him.",
    "phone": "Phone number.",
    "number": "Digits only, with the area code: ten or eleven of them in Brazil.",
    "country": "ISO 3166-1, three letters.",
    "email": "E-mail address; no other enabled employee of the company has it.",
    "nationalId": "CPF, eleven digits. Its check digits are not verified. There must be one, or a `pin`.",
    "pin": "Three digits, with which a taxi ride is confirmed.",
    "externalId": "The employee's number in a system of yours.",
    "supervisorId": "Another employee of the company.",
    "categories": "What may be booked for the employee.",
    "enabled": "False once it was deleted.",
    # Cost centres
    "costCenterIDs": "All cost centres of the employee; an empty list leaves none.",
    # Refusals
    "errors": "Everything that is wrong.",
    "code": "What is wrong: `required-…`, `invalid-…`, `duplicate-…` and the field; or a code of the list below.",
    "field": "The field in the body or query, dotted; null where it is none.",
    "message": "The same in words, for people.",
    # Webhooks
    "url": "Where events are sent, by POST: HTTPS on port 443.",
    "authentication": "User name and password that are sent with each event, as Basic authentication has them.",
    "username": "Without a colon, at most 255 characters.",
    "password": "At least eight characters, one of them a digit, one neither letter nor digit; at most 255.",
    "subscriptions": "The kinds of events that are wanted.",
    # Events
    "event": "Which event it is.",
    "data": "What it tells.",
    "EventHead.id": "The same in every attempt: who has seen it can pass over it.",
    "date": "When it happened, in milliseconds since 1970.",
    "type": "The subscription that it belongs to.",
    "notification": "The same as `type`.",
    "ride": "The ride.",
    "EventRide.id": "The `rideID`.",
    "status": "Where the ride is, in the words of webhooks below.",
    "category": "`99POP`, `99TOP`, `99TAXI`, `REGULAR-TAXI`, or the like of the newer categories.",
    "corporate": "What the company knows of it.",
    "EventCorporate.employee": "Who rides.",
    "EventEmployee.id": "The employee's id.",
    "note": "The reason that was given with the booking.",
    "origin": "Where it begins.",
    "destination": "Where it ends.",
    "latitude": "Degrees (WGS 84).",
    "longitude": "Degrees (WGS 84).",
    "driver": "Who drives, from `on-the-way`.",
    "EventDriver.name": "First and last name.",
    "EventDriver.phone": "Phone number.",
    "vehicle": "The car, from `on-the-way`.",
    "model": "Make and model.",
    "plate": "Licence plate.",
    "location": "Where the car was last, from `on-the-way`.",
}
