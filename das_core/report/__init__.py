"""Reports on pictures, stacks and ascents: as numbers, as texts and as charts."""
