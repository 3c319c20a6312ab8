"""Answers lists, counts and reads by id with the filter language; what goes out is rendered already.

Nothing is read but through the walls of the sources, and nothing is filtered by what the answer would not show.
"""

from datetime import datetime
from typing import Any, Final

from cabstand.core.access.model import Access
from cabstand.core.database import Connection, Database
from cabstand.core.errors import NotFound
from cabstand.core.fleet.live import Fleet
from cabstand.doors.dispatchapi.filters import bounds, include, sources
from cabstand.doors.dispatchapi.filters.model import And, Filter, Pattern, patterns
from cabstand.doors.dispatchapi.filters.models import COMPANY, MODELS, Model
from cabstand.doors.dispatchapi.filters.patterns import literally, translate
from cabstand.doors.dispatchapi.filters.relations import RELATIONS, Relation
from cabstand.doors.dispatchapi.filters.sources import Source
from cabstand.doors.dispatchapi.filters.store import REFUSED, Builder
from cabstand.doors.dispatchapi.live import Moment

LONGEST_WALK: Final = 10_000  # rows skipped along an index without a time-out
_BY_ID: Final[dict[str, tuple[Source, ...]]] = {
    "Driver": sources.SERVING_DRIVERS,
    "Vehicle": sources.SERVING_VEHICLES,
    "Ride": (sources.ANY_RIDE,),
}


async def find(
    database: Database, access: Access, model: str, filter: Filter, *, now: datetime, fleet: Fleet | None = None
) -> list[dict[str, Any]]:
    """The objects of a list, rendered; `fleet` says where cars are. Raises BadFilter, QueryTooExpensive among them."""
    return await _find(database, access, MODELS[model], filter, None, Moment(now=now, fleet=fleet))


async def find_related(
    database: Database,
    access: Access,
    company_id: int,
    relation: str,
    filter: Filter,
    *,
    now: datetime,
    fleet: Fleet | None = None,
) -> list[dict[str, Any]]:
    """The list of `/companies/{id}/{relation}`. Raises NotFound for another company, else as `find`."""
    within = _own(access, company_id, relation)
    return await _find(database, access, within[0].to, filter, within, Moment(now=now, fleet=fleet))


async def find_one(
    database: Database, access: Access, model: str, filter: Filter, *, now: datetime, fleet: Fleet | None = None
) -> dict[str, Any] | None:
    """The first object of a list, or None. Raises as `find`."""
    first = Filter(
        where=filter.where, order=filter.order, limit=1, skip=filter.skip, fields=filter.fields, include=filter.include
    )
    found = await _find(database, access, MODELS[model], first, None, Moment(now=now, fleet=fleet))
    return found[0] if found else None


async def find_by_id(
    database: Database,
    access: Access,
    model: str,
    id: int,
    filter: Filter,
    *,
    now: datetime,
    fleet: Fleet | None = None,
) -> dict[str, Any]:
    """One object; of the filter only fields and include count. Raises NotFound, else as `find`.

    A booker finds the driver and the vehicle of its ride as well, with their public facts.
    """
    kind, at = MODELS[model], Moment(now=now, fleet=fleet)
    include.check(kind, filter)
    async with bounds.connection(database, bounded=include.leads_to_many(kind, filter)) as connection:
        builder = await _builder(connection, access, filter, now)
        rows = await builder.one(kind, _BY_ID.get(model, kind.sources), id).rows(connection)
        found = await include.found(kind, rows, filter, at)
        await include.bring(connection, builder, kind, found, filter, at)
    if not found:
        raise NotFound
    return found[0].rendered


async def exists(database: Database, access: Access, model: str, id: int) -> bool:
    """Whether `find_by_id` would find it."""
    kind = MODELS[model]
    async with database.connection() as connection:
        query = Builder(_shared(access, None), {}).one(kind, _BY_ID.get(model, kind.sources), id)
        return bool(await query.rows(connection))


async def count(database: Database, access: Access, model: str, where: And, *, now: datetime) -> int:
    """How many objects a list has without its limit. Raises as `find`."""
    return await _count(database, access, MODELS[model], where, None, now)


async def count_related(
    database: Database, access: Access, company_id: int, relation: str, where: And, *, now: datetime
) -> int:
    """The same of `/companies/{id}/{relation}`. Raises NotFound for another company."""
    within = _own(access, company_id, relation)
    return await _count(database, access, within[0].to, where, within, now)


Within = tuple[Relation, int]


def _own(access: Access, company_id: int, relation: str) -> Within:
    if company_id != access.tenant_id:
        raise NotFound
    return RELATIONS[COMPANY.name][relation], company_id


async def _find(
    database: Database, access: Access, model: Model, filter: Filter, within: Within | None, at: Moment
) -> list[dict[str, Any]]:
    include.check(model, filter)
    query = Builder(_shared(access, at.now), _translated(filter)).page(model, filter, within)
    bounded = query.scans or filter.skip > LONGEST_WALK or include.leads_to_many(model, filter)
    async with bounds.connection(database, bounded=bounded) as connection:
        builder = await _builder(connection, access, filter, at.now)
        if builder.translated != _translated(filter):
            query = builder.page(model, filter, within)
        found = await include.found(model, await query.rows(connection), filter, at)
        await include.bring(connection, builder, model, found, filter, at)
    return [each.rendered for each in found]


async def _count(
    database: Database, access: Access, model: Model, where: And, within: Within | None, now: datetime
) -> int:
    async with bounds.connection(database, bounded=True) as connection:
        builder = await _builder(connection, access, Filter(where=where), now)
        rows = await builder.count(model, where, within).rows(connection)
    counted: int = rows[0]["count"]
    return counted


def _shared(access: Access, now: datetime | None) -> dict[str, Any]:
    return {"tenant": access.tenant_id, "environment": access.environment, "now": now}


def _translated(filter: Filter) -> dict[Pattern, str]:
    return {pattern: translate(pattern) for pattern in patterns(filter)}


async def _builder(connection: Connection, access: Access, filter: Filter, now: datetime) -> Builder:
    """With what PostgreSQL refuses of the patterns to be matched literally."""
    translated = _translated(filter)
    if translated:
        rows = await REFUSED.rows(connection, patterns=sorted(set(translated.values())))
        refused = {row["pattern"] for row in rows}
        translated = {pattern: literally(pattern) if text in refused else text for pattern, text in translated.items()}
    return Builder(_shared(access, now), translated)
