"""The doctor: looks at what a person forgets before a run of weeks. Changes nothing, switches nothing."""
