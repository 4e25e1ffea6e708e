"""Programs that write files of the repository: examples, blueprints, help pictures, locale files, and the node API."""
