"""Programs that write files of the repository: the example workflows, the locale file and the frozen node API."""
