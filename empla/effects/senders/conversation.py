"""An answer in a conversation goes nowhere: it stands there as soon as its effect is done, by the database, in that transaction."""

from empla.effects.senders.sender import Outcome, Outgoing


class ConversationSender:
    """Nothing leaves, so the same key twice is one message: what a dead turn had started is simply done by the next."""

    can_be_asked = False
    deduplicates = True

    async def send(self, outgoing: Outgoing) -> Outcome:
        del outgoing
        return Outcome(verdict="done")

    async def happened(self, outgoing: Outgoing) -> bool | None:
        del outgoing
        return None
