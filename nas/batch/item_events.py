"""Events of the searches inside of a batch."""

from nas.events import EventSink, ItemEvent, ItemKind, SearchEvent


def inside(on_event: EventSink, item: str, kind: ItemKind) -> EventSink:
    """A sink for the events of one search that passes them on as those of an item of a batch."""

    def sink(event: object) -> None:
        assert isinstance(event, SearchEvent), "a search emits no events of batches"
        on_event(ItemEvent(item=item, kind=kind, event=event))

    return sink
