"""People's names, for those who may read `identities`; everybody else sees random ids."""

from sluicegate.processors.tables import Trust
from sluicegate.schemas.errors import AccessError, ConfigurationError
from sluicegate.schemas.keys import PrivateKey, PublicKey
from sluicegate.streams.clients.operator import Operator
from sluicegate.streams.kafka.principals import Role

from .invocation import Invocation
from .screen import clean


def names_of_persons(called: Invocation) -> dict[str, str]:
    """Persons' names by id; empty for somebody who may not read `identities`."""
    try:
        connection = called.connection(Role.OPERATOR)
        keys = {key_id: PublicKey.from_text(text) for key_id, text in called.settings.trust.operators.items()}
        trust = Trust(called.settings.deployment, keys)
        # It only reads: the key is nobody's.
        with Operator(connection, PrivateKey.generate(), trust) as reader:
            persons = reader.tables.directory.persons
    except (AccessError, ConfigurationError):
        return {}
    return {name: clean(person.name) for name, person in persons.items() if person.name}
