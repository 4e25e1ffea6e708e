"""Programs that write files of the repository: examples, blueprints, the locale file and the frozen node API."""
