"""For which company a credential acts."""

from cabstand.core.access.model import Access
from cabstand.core.corporate.model import Company
from cabstand.core.errors import NotAllowed


def acting_for(access: Access, uuid: str | None) -> Company:
    """The company of the access that is named so, or its primary one where none is named.

    Raises NotAllowed for any other text, also for a company that does not exist, and for a key without companies.
    """
    named = None if uuid is None else uuid.strip().lower()
    for company in access.companies:
        if named is None or str(company.uuid) == named:
            return company
    raise NotAllowed("This key does not act for that company." if uuid else "This key acts for no company.")
