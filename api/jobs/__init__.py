"""Jobs: their wire form, their table's statements, their rules."""
